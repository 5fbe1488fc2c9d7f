#ifndef COMMON_REDIS_SCRIPTS_H
#define COMMON_REDIS_SCRIPTS_H

#include "common/redis/redis.h"

/*
 * The Lua scripts that policy and speakers run, each a file beside this one (scripts/NAME.lua)
 * whose head says its KEYS, ARGV and answers. Sent by EVALSHA, and by EVAL where the server
 * does not know them (yet, or again after a restart).
 *
 *   lead     take or renew the lease; a new leader's epoch is max(old + 1, TIME in ms)
 *   resign   give the lease up
 *   write    compare epoch (FENCED), refuse announcements under hold (HELD), then mitigation hash,
 *            active set, job and audit together; or, without a job, alarm hash, active set, log
 *   desired  what must stand, in one reading: hold, last id of jobs, every active mitigation
 */
#define SCRIPT_LIST(X) X(lead) X(resign) X(write) X(desired)

enum script_id {
#define X(name) SCRIPT_##name,
    SCRIPT_LIST(X)
#undef X
        SCRIPT_COUNT
};

enum status script_run(struct redis *redis, enum script_id id, const struct redis_arg *keys,
                       size_t key_count, const struct redis_arg *args, size_t arg_count,
                       redis_on_reply on_reply, void *owner);

#endif
