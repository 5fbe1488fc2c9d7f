#include "tests/bench/datagram_sender.h"

#include "common/base/addr.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

/* The CPU that is the at-th of those we may use; of fewer, the last. */
static void stay_on(const cpu_set_t *allowed, int at)
{
    cpu_set_t one;
    int left = at < CPU_COUNT(allowed) ? at : CPU_COUNT(allowed) - 1;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, allowed) || left-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        (void)sched_setaffinity(0, sizeof(one), &one);
        return;
    }
}

static int open_socket(uint16_t port)
{
    struct ip_endpoint at = {.addr = addr_from_ipv4(0x7f000001), .port = port};
    struct sockaddr_storage sockaddr;
    socklen_t len = endpoint_to_sockaddr(&at, &sockaddr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&sockaddr, len) != 0)
        give_up("the socket to send from");
    return fd;
}

/* Ends when the one who asks has gone. */
static void serve(struct export_datagrams *d, int fd, int asked_fd, int sent_fd)
{
    uint32_t asked;
    size_t at = 0;
    while (read(asked_fd, &asked, sizeof(asked)) == sizeof(asked)) {
        for (uint32_t i = 0; i < asked; i++) {
            size_t len = d->starts[at + 1] - d->starts[at];
            if (send(fd, d->bytes + d->starts[at], len, 0) != (ssize_t)len)
                give_up("send");
            at = (at + 1) % d->count;
            if (at == 0)
                export_datagrams_go_on(d);
        }
        if (write(sent_fd, &asked, sizeof(asked)) != sizeof(asked))
            return;
    }
}

void datagram_sender_start(struct datagram_sender *sender, struct export_datagrams *datagrams,
                           uint16_t port)
{
    static cpu_set_t allowed; /* as it was before the first of us was kept on one */
    int asked[2], sent[2];

    if (CPU_COUNT(&allowed) == 0 && sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        give_up("sched_getaffinity");
    if (pipe(asked) != 0 || pipe(sent) != 0)
        give_up("pipe");
    fflush(stdout);
    sender->pid = fork();
    if (sender->pid < 0)
        give_up("fork");
    if (sender->pid == 0) {
        close(asked[1]);
        close(sent[0]);
        stay_on(&allowed, 1);
        serve(datagrams, open_socket(port), asked[0], sent[1]);
        _exit(0);
    }
    close(asked[0]);
    close(sent[1]);
    sender->asked_fd = asked[1];
    sender->sent_fd = sent[0];
    stay_on(&allowed, 0);
}

void datagram_sender_ask(const struct datagram_sender *sender, uint32_t datagrams)
{
    if (write(sender->asked_fd, &datagrams, sizeof(datagrams)) != sizeof(datagrams))
        give_up("the sender does not listen");
}

void datagram_sender_wait(const struct datagram_sender *sender)
{
    uint32_t sent;
    if (read(sender->sent_fd, &sent, sizeof(sent)) != sizeof(sent))
        give_up("the sender has ended");
}

void datagram_sender_stop(struct datagram_sender *sender)
{
    close(sender->asked_fd);
    close(sender->sent_fd);
    (void)waitpid(sender->pid, NULL, 0);
}
