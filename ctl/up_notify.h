#ifndef CTL_UP_NOTIFY_H
#define CTL_UP_NOTIFY_H

#include "common/base/status.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * What the children of `weir up` tell it by the protocol of sd_notify(3): that they are ready, or
 * why they end. The socket is a file in run_dir; who spoke is what the kernel says, so that nobody
 * can speak for a child.
 */
enum { NOTICE_STATUS_MAX = 512 };

struct up_notice {
    pid_t from;
    bool ready;
    char status[NOTICE_STATUS_MAX]; /* "" where it gives none */
};

/* Gives a descriptor that does not block. IO: errno says why. */
enum status up_notify_open(const char *path, int *ret_fd);
/* The next notice that waits; false: none does. */
bool up_notify_next(int fd, struct up_notice *ret_notice);

#endif
