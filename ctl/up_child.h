#ifndef CTL_UP_CHILD_H
#define CTL_UP_CHILD_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * One child of `weir up`: started in a session of its own, so that Ctrl-C reaches only its parent,
 * told by the kernel and by a pipe when its parent dies (common/service/parent.h), and started
 * again with a growing delay when it ends by itself. Time comes in as a parameter; the owner calls
 * child_exited() for pids that it reaped.
 */
enum { CHILD_ARGS_MAX = 8, CHILD_WHY_MAX = 512 };

struct child {
    char name[32];
    char *args[CHILD_ARGS_MAX + 1]; /* args[0] is the program's path; owned */
    size_t arg_count;
    int parent_fd;                      /* what it inherits of that pipe; -1: nothing */
    pid_t pid;                          /* 0: not running */
    uint64_t started_ms, restart_at_ms; /* monotonic; restart_at 0: no restart is due */
    uint32_t failures;                  /* in a row, each within CHILD_STEADY_MS of its start */
    bool stopping;
    const char *notify;      /* its $NOTIFY_SOCKET; lent; NULL: none */
    bool ready;              /* by its own word, since it was started last */
    bool explained;          /* why is its own word, since it was started last */
    char why[CHILD_WHY_MAX]; /* it is not ready, as far as that is known */
};

/* Who fails at its start does so sooner than CHILD_STEADY_MS. Whom something ended later is needed
 * at once, also when it happens every few seconds: routes are away for as long as a speaker is. */
enum { CHILD_BACKOFF_MIN_MS = 100, CHILD_BACKOFF_MAX_MS = 10000, CHILD_STEADY_MS = 5000 };

enum status child_init(struct child *child, const char *name, const char *const *args);
void child_done(struct child *child);
/* Forks and executes. IO: it could not be executed. */
enum status child_start(struct child *child, uint64_t now_ms);
/* It ended: plans the restart, unless it was told to stop. Gives the delay, or 0 when none. */
uint64_t child_exited(struct child *child, uint64_t now_ms);
/* What it told of itself; status may be "". */
void child_told(struct child *child, bool ready, const char *status);
/* How it ended, as waitpid() has it: why it is not ready, unless it said so itself. */
void child_ended_so(struct child *child, int how);
void child_stop(struct child *child, int signal_number);

#endif
