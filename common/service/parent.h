#ifndef COMMON_SERVICE_PARENT_H
#define COMMON_SERVICE_PARENT_H

#include <stdbool.h>
#include <uv.h>

/*
 * Whether the supervisor still lives. It hands down the read end of a pipe, named in the
 * environment, and keeps the write end; its end, however it comes, hangs the pipe up. The kernel's
 * own way (PR_SET_PDEATHSIG) is lost where the program has file capabilities, as a speaker that may
 * listen on port 179 without root.
 */
#define PARENT_FD_VARIABLE "WEIR_PARENT_FD"

struct parent_watch {
    uv_poll_t poll;
    bool open;
    void (*on_gone)(void *owner);
    void *owner;
};

/* Nothing where the environment names no pipe. on_gone comes once. */
void parent_watch_start(struct parent_watch *watch, uv_loop_t *loop, void (*on_gone)(void *owner),
                        void *owner);
void parent_watch_close(struct parent_watch *watch); /* may be called twice */

#endif
