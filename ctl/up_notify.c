#include "ctl/up_notify.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* As much as systemd reads of one notice. */
enum { DATAGRAM_MAX = 4096 };

enum status up_notify_open(const char *path, int *ret_fd)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int on = 1;
    if (strlen(path) >= sizeof(at.sun_path))
        return STATUS_LIMIT;
    memcpy(at.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return STATUS_IO;
    (void)unlink(path); /* of a `weir up` that was killed; the lock says that none lives */
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
        (void)close(fd);
        return STATUS_IO;
    }
    *ret_fd = fd;
    return STATUS_OK;
}

static void read_lines(char *text, struct up_notice *notice)
{
    static const char status[] = "STATUS=";
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(line, "READY=1") == 0)
            notice->ready = true;
        else if (strncmp(line, status, sizeof(status) - 1) == 0)
            (void)snprintf(notice->status, sizeof(notice->status), "%s", line + sizeof(status) - 1);
    }
}

bool up_notify_next(int fd, struct up_notice *ret_notice)
{
    char text[DATAGRAM_MAX + 1];
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;
    struct iovec into = {.iov_base = text, .iov_len = DATAGRAM_MAX};
    struct msghdr message = {.msg_iov = &into,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t len = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (len < 0)
        return false;
    *ret_notice = (struct up_notice){0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        struct ucred who;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_CREDENTIALS)
            continue;
        memcpy(&who, CMSG_DATA(c), sizeof(who));
        ret_notice->from = who.pid;
    }
    text[len] = '\0';
    read_lines(text, ret_notice);
    return true;
}
