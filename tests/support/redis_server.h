#ifndef TESTS_SUPPORT_REDIS_SERVER_H
#define TESTS_SUPPORT_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * A real redis-server of a test's own, on a Unix socket in a folder of its own; it dies with the
 * test. Each call waits until what it says is true, for 10 s at most, and aborts the test if not.
 *
 *   redis_server_start() → … stop and start again … → redis_server_done()
 */
enum { REDIS_SERVER_ARGS_MAX = 16 };

struct redis_server {
    pid_t pid; /* 0: not running */
    char folder[64];
    char socket[96];
    char address[104]; /* "unix:" and the socket */
    const char *args[REDIS_SERVER_ARGS_MAX];
    const char *password; /* for the readiness check, where the default user needs one */
};

/* args: further arguments of redis-server ("--appendonly", "yes", NULL), or NULL. They stay lent.
 */
void redis_server_start(struct redis_server *server, const char *const *args);
void redis_server_start_again(struct redis_server *server); /* same folder, same socket */
void redis_server_stop(struct redis_server *server);        /* SIGTERM: it saves what it keeps */
void redis_server_kill(struct redis_server *server);        /* SIGKILL */
void redis_server_freeze(struct redis_server *server);      /* SIGSTOP */
void redis_server_thaw(struct redis_server *server);
void redis_server_done(struct redis_server *server); /* kills, removes the folder */

/* A command by a connection of its own; its answer as one line of text, as redis-cli shows it. */
const char *redis_server_cli(struct redis_server *server, const char *command);

/* A script without keys; an error ends the test. */
void redis_server_eval(struct redis_server *server, const char *script);
/* Entries of one field "junk" with so many bytes into a stream, as somebody else may write them. */
void redis_server_fill(struct redis_server *server, const char *stream, int entries, int bytes);

#endif
