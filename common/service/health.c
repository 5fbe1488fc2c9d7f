#include "common/service/health.h"

#include "common/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The reasons of a /healthz have 4096 octets at most, and its head a few hundred. */
enum { ANSWER_MAX = 8192 };

static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";

/* STATUS_TIMEOUT when the socket is not ready for it by then. */
static enum status wait_until(int fd, short events, uint64_t ends_ms)
{
    for (;;) {
        struct clock clock = clock_system();
        uint64_t now_ms = clock_mono_ms(&clock);
        if (now_ms >= ends_ms)
            return STATUS_TIMEOUT;
        struct pollfd p = {.fd = fd, .events = events};
        int ready = poll(&p, 1, (int)(ends_ms - now_ms));
        if (ready > 0)
            return STATUS_OK;
        if (ready < 0 && errno != EINTR)
            return STATUS_IO;
    }
}

static enum status connect_until(int fd, const struct ip_endpoint *to, uint64_t ends_ms)
{
    struct sockaddr_storage address;
    socklen_t len = endpoint_to_sockaddr(to, &address);
    if (connect(fd, (const struct sockaddr *)&address, len) == 0)
        return STATUS_OK;
    if (errno != EINPROGRESS)
        return STATUS_AWAY;
    enum status s = wait_until(fd, POLLOUT, ends_ms);
    int error = 0;
    socklen_t error_len = sizeof(error);
    if (s == STATUS_OK &&
        (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) != 0 || error != 0)) {
        errno = error;
        return STATUS_AWAY;
    }
    return s;
}

/* All that it says until it hangs up, as it does after one answer. */
static enum status read_until(int fd, char ret_answer[ANSWER_MAX], uint64_t ends_ms)
{
    size_t len = 0;
    for (;;) {
        enum status s = wait_until(fd, POLLIN, ends_ms);
        if (s != STATUS_OK)
            return s;
        ssize_t n = recv(fd, ret_answer + len, ANSWER_MAX - 1 - len, 0);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return STATUS_AWAY;
        len += (size_t)n;
        ret_answer[len] = '\0';
        if (n == 0 || len == ANSWER_MAX - 1)
            return len > 0 ? STATUS_OK : STATUS_AWAY;
    }
}

static enum status judge(const char *answer, struct text *said)
{
    unsigned int code = 0;
    const char *body = strstr(answer, "\r\n\r\n");
    if (body == NULL || sscanf(answer, "HTTP/1.%*1[01] %3u ", &code) != 1) {
        text_add(said, "what answers speaks no HTTP");
        return STATUS_MALFORMED;
    }
    body += 4;
    text_add_bytes(said, body, strcspn(body, "\r\n"));
    return code == 200 ? STATUS_OK : STATUS_REFUSED;
}

/* Who listens on every address is asked on this machine's own. */
static struct ip_endpoint reachable(const struct ip_endpoint *listen)
{
    static const uint8_t any[16] = {0};
    struct ip_endpoint to = *listen;
    if (memcmp(to.addr.octets, any, addr_len(&to.addr)) != 0)
        return to;
    if (to.addr.family == ADDR_IPV4)
        to.addr.octets[0] = 127;
    to.addr.octets[addr_len(&to.addr) - 1] = 1;
    return to;
}

enum status health_ask(const struct ip_endpoint *listen, uint64_t limit_ms, struct text *said)
{
    struct ip_endpoint to = reachable(listen);
    struct clock clock = clock_system();
    uint64_t ends_ms = clock_mono_ms(&clock) + limit_ms;
    char answer[ANSWER_MAX] = "", where[ENDPOINT_TEXT_MAX];
    int fd = socket(to.addr.family == ADDR_IPV6 ? AF_INET6 : AF_INET,
                    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    errno = 0;
    enum status s = fd < 0 ? STATUS_IO : connect_until(fd, &to, ends_ms);
    if (s == STATUS_OK)
        errno = 0; /* it says what became of the connecting until here */
    if (s == STATUS_OK && send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
        s = STATUS_AWAY;
    if (s == STATUS_OK)
        s = read_until(fd, answer, ends_ms);
    if (s != STATUS_OK)
        text_addf(said, "%s: %s", endpoint_format(&to, where),
                  s != STATUS_TIMEOUT && errno != 0 ? strerror(errno) : status_text(s));
    if (fd >= 0)
        (void)close(fd);
    return s == STATUS_OK ? judge(answer, said) : s;
}
