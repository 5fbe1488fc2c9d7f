#ifndef CTL_SESSION_H
#define CTL_SESSION_H

#include "common/redis/keys.h"
#include "common/redis/redis.h"
#include "common/service/config.h"
#include "common/service/credentials.h"
#include "ctl/command.h"

/*
 * The configuration and the Redis servers that a command works with. Every function says what is
 * wrong on stderr itself.
 *
 *   session_open() → session_state() or session_telemetry() → session_ask() … → session_close()
 */
struct session {
    const struct command_context *context;
    struct config *config;
    struct credentials credentials;
    struct redis_sync *state;
    const char *prefix; /* of every key */
};

/* What is queued while no server is asked: reading the configuration only. */
bool session_open(struct session *ret_session, const struct command_context *context);
void session_close(struct session *session);
/* Only reads the configuration; NULL when there is none, or it is wrong, or (quiet: nothing said)
 * both. */
struct config *session_config(const struct command_context *context, bool quiet);

/* NULL, and why, when the server cannot be reached. redis_sync_close() is the caller's. */
struct redis_sync *session_connect(const struct session *session,
                                   const struct config_redis_server *server, struct text *why);
bool session_state(struct session *session);

/* One command of strings, the last NULL. The reply is lent until the next command to that server;
 * NULL after the error was said. */
const struct redis_reply *session_ask(const struct session *session, struct redis_sync *redis,
                                      const char *command, ...) __attribute__((sentinel));
/* The server's time in ms; 0 after the error was said. */
uint64_t session_now_ms(const struct session *session, struct redis_sync *redis);

/* Names that outlive the reply they came in. */
struct names {
    char **items;
    size_t count, room;
};
enum { NAMES_MAX = 1000000 };
bool names_add(struct names *names, const char *name); /* false: no memory, or too many */
void names_done(struct names *names);
bool names_have(const struct names *names, const char *name); /* sorted ones */
void names_sort(struct names *names); /* and drops those that are there twice */
/* Every string of an array; false after the error was said. */
bool names_of_reply(const struct session *session, const struct redis_reply *reply,
                    struct names *ret_names);
/* The keys of one kind, sorted, each without what stands before its first part. */
bool names_scan(const struct session *session, struct redis_sync *redis, enum key_id id,
                struct names *ret_names);

#endif
