#include "common/service/parent.h"

#include "common/base/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

/* The descriptor that the environment names, if it is a pipe; -1 for none. */
static int take_descriptor(void)
{
    const char *text = getenv(PARENT_FD_VARIABLE);
    uint64_t number;
    struct stat info;
    int fd = -1;
    if (text != NULL && text_parse_u64(&number, text, INT_MAX) == STATUS_OK)
        fd = (int)number;
    (void)unsetenv(PARENT_FD_VARIABLE);
    if (fd < 0 || fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode))
        return -1;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct parent_watch *watch = poll->data;
    (void)status;
    (void)events; /* nothing is ever written to it, so any event is its end */
    parent_watch_close(watch);
    watch->on_gone(watch->owner);
}

void parent_watch_start(struct parent_watch *watch, uv_loop_t *loop, void (*on_gone)(void *owner),
                        void *owner)
{
    int fd = take_descriptor();
    *watch = (struct parent_watch){.on_gone = on_gone, .owner = owner};
    if (fd < 0 || uv_poll_init(loop, &watch->poll, fd) != 0)
        return;
    watch->poll.data = watch;
    watch->open = true;
    (void)uv_poll_start(&watch->poll, UV_READABLE | UV_DISCONNECT, on_event);
}

void parent_watch_close(struct parent_watch *watch)
{
    if (!watch->open)
        return;
    watch->open = false;
    uv_close((uv_handle_t *)&watch->poll, NULL);
}
