#ifndef COMMON_REDIS_KEYS_H
#define COMMON_REDIS_KEYS_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Every key that weir has in Redis: its name, on which server it lives, of which type it is, who
 * writes and reads it, and how it ends. docs/redis.md is this table in words, and a test compares
 * the two with what a run leaves.
 */
enum key_role { KEY_TELEMETRY, KEY_STATE };

/* name, pattern after the prefix (<…> is a part the caller gives), role, Redis type, end of life */
#define KEY_LIST(X)                                                                                \
    X(DELTA, "delta:<shard>", TELEMETRY, "stream",                                                 \
      "entries older than 120 s or past the byte cap")                                             \
    X(ROLLUP, "rollup:<shard>", TELEMETRY, "stream",                                               \
      "entries older than 120 s or past the byte cap")                                             \
    X(TOP, "top:<count>", TELEMETRY, "zset", "10 s without an update")                             \
    X(RECALL, "recall", TELEMETRY, "stream", "last 1000 entries")                                  \
    X(RECALL_REPLY, "recall:reply", TELEMETRY, "stream",                                           \
      "last 1000 entries, or past the byte cap")                                                   \
    X(EXPORTER, "exporter:<address>", TELEMETRY, "hash", "1 h without a datagram")                 \
    X(PROCESS, "process:<kind>:<name>", TELEMETRY, "hash", "5 s without a heartbeat")              \
    X(ALARM, "alarm:<id>", STATE, "hash", "7 days after its end")                                  \
    X(ALARMS_ACTIVE, "alarms:active", STATE, "zset", "one member an alarm that has not ended")     \
    X(ALARMS_LOG, "alarms:log", STATE, "stream", "last 100000 entries")                            \
    X(MITIGATION, "mitigation:<id>", STATE, "hash", "7 days after its end")                        \
    X(MITIGATIONS_ACTIVE, "mitigations:active", STATE, "zset",                                     \
      "one member a mitigation that stands")                                                       \
    X(JOBS, "jobs", STATE, "stream", "entries older than 24 h")                                    \
    X(RESULTS, "results", STATE, "stream", "last 100000 entries")                                  \
    X(PEER, "peer:<speaker>:<name>", STATE, "hash", "30 s without an update")                      \
    X(SPEAKERS, "speakers", STATE, "hash", "until weir speaker forget")                            \
    X(REQUESTS, "requests", STATE, "stream", "last 10000 entries")                                 \
    X(REPLY, "reply:<id>", STATE, "list", "60 s")                                                  \
    X(HOLD, "hold", STATE, "hash", "until resume")                                                 \
    X(STOPS, "stops", STATE, "stream", "last 10000 entries")                                       \
    X(EPOCH_POLICY, "epoch:policy", STATE, "string", "never")                                      \
    X(LEASE_POLICY, "lease:policy", STATE, "string", "1.5 s without renewal")                      \
    X(AUDIT, "audit", STATE, "stream", "entries older than policy.audit.keep")

enum key_id {
#define X(name, pattern, role, type, life) KEY_##name,
    KEY_LIST(X)
#undef X
        KEY_COUNT
};

struct key_info {
    const char *pattern;
    enum key_role role;
    const char *type;
    const char *life;
};
const struct key_info *key_info(enum key_id id);

enum { KEY_NAME_MAX = 256 };

/*
 * The whole name: prefix, then the pattern with each <…> replaced by the next of parts (const char
 * *) in turn. Characters that would break the key are written as %XX. NULL when the name would be
 * longer than KEY_NAME_MAX - 1; parts that configuration or addresses give always fit.
 */
const char *key_name(char ret_name[KEY_NAME_MAX], const char *prefix, enum key_id id, ...);

/* Caps and lifetimes in numbers. */
enum {
    KEY_DELTA_KEEP_MS = 120000,
    KEY_ROLLUP_KEEP_MS = 120000,
    KEY_TOP_TTL_MS = 10000,
    KEY_EXPORTER_TTL_MS = 3600000,
    KEY_PROCESS_TTL_MS = 5000,
    KEY_PEER_TTL_MS = 30000,
    KEY_REPLY_TTL_MS = 60000,
    KEY_JOBS_KEEP_MS = 86400000,
    KEY_ENDED_TTL_MS = 604800000,
    KEY_LOG_MAX = 100000,
    KEY_REQUESTS_MAX = 10000,
    KEY_RECALL_MAX = 1000, /* entries, of both streams */
    KEY_RECALL_REPLY_BYTES = 16 << 20,
};

#endif
