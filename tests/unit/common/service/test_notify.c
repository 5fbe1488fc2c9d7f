#include "common/service/notify.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path, size_t len)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(at.sun_path, path, len);
    cr_assert_eq(
        bind(fd, (struct sockaddr *)&at, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
        0);
    return fd;
}

static void expect(int fd, const char *want)
{
    char got[64] = "";
    struct pollfd p = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 5000), 1);
    cr_assert_gt(recv(fd, got, sizeof(got) - 1, 0), 0);
    cr_assert_str_eq(got, want);
}

Test(notify, one_datagram_to_the_path)
{
    char folder[] = "/tmp/weir-test-XXXXXX", path[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/n", folder);
    int fd = listen_at(path, strlen(path));
    (void)setenv("NOTIFY_SOCKET", path, 1);
    notify_send("READY=1");
    expect(fd, "READY=1");
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(folder);
}

Test(notify, an_at_sign_is_the_abstract_namespace)
{
    char name[64];
    int len = snprintf(name, sizeof(name), "@weir-test-%d", (int)getpid());
    (void)setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    int fd = listen_at(name, (size_t)len);
    notify_send("STOPPING=1");
    expect(fd, "STOPPING=1");
    (void)close(fd);
}

/* A supervisor that reads nothing must not stop the process. */
Test(notify, a_full_socket_is_given_up, .timeout = 20)
{
    char name[64];
    int len = snprintf(name, sizeof(name), "@weir-test-full-%d", (int)getpid());
    (void)setenv("NOTIFY_SOCKET", name, 1);
    name[0] = '\0';
    int fd = listen_at(name, (size_t)len);
    for (int i = 0; i < 2000; i++)
        notify_send("WATCHDOG=1");
    expect(fd, "WATCHDOG=1");
    (void)close(fd);
}

Test(notify, nothing_where_there_is_no_socket)
{
    static const char *const paths[] = {"", "/", "x", "relative/path", "/nowhere/at/all"};
    int first = dup(0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        (void)setenv("NOTIFY_SOCKET", paths[i], 1);
        notify_send("READY=1");
    }
    char longest[300];
    memset(longest, '/', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    (void)setenv("NOTIFY_SOCKET", longest, 1);
    notify_send("READY=1");
    (void)unsetenv("NOTIFY_SOCKET");
    notify_send("READY=1");
    /* No descriptor was left open: the next one is the one behind the first. */
    int second = dup(0);
    cr_assert_eq(second, first + 1);
}
