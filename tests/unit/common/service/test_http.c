#include "common/service/http.h"

#include "common/base/metrics.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * The listener on a loop in a thread of its own, and clients with raw sockets. A timer on the same
 * loop notes the longest time that the loop did not turn.
 */
enum { TICK_MS = 5, STALL_MS = 1000, CONNECTION_MS = 700, ANSWER_MAX = 1 << 20, WAIT_S = 10 };

struct server {
    uv_loop_t loop;
    uv_async_t stop;
    uv_timer_t tick;
    uint64_t last_tick_ms;
    atomic_ulong longest_ms;
    struct http *http;
    pthread_t thread;
    uint16_t port;
    atomic_bool healthy;
    bool closed_told;
};

static struct server s;
static char answer[ANSWER_MAX];

static bool is_healthy(void *owner, struct text *why)
{
    (void)owner;
    if (!atomic_load(&s.healthy))
        text_add(why, "state server away");
    return atomic_load(&s.healthy);
}

static void on_tick(uv_timer_t *timer)
{
    uint64_t now_ms = uv_hrtime() / 1000000;
    (void)timer;
    if (s.last_tick_ms != 0 && now_ms - s.last_tick_ms > atomic_load(&s.longest_ms))
        atomic_store(&s.longest_ms, now_ms - s.last_tick_ms);
    s.last_tick_ms = now_ms;
}

static void on_http_closed(void *owner)
{
    s.closed_told = owner == &s;
}

static void on_stop(uv_async_t *async)
{
    http_close(s.http, on_http_closed);
    uv_close((uv_handle_t *)&s.tick, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void *run_loop(void *unused)
{
    (void)unused;
    (void)uv_run(&s.loop, UV_RUN_DEFAULT);
    return NULL;
}

static void start_with(const char *address, struct http_options options)
{
    options.healthy = is_healthy;
    options.owner = &s;
    cr_assert_eq(addr_parse(&options.listen.addr, address), STATUS_OK);
    atomic_store(&s.healthy, true);
    cr_assert_eq(uv_loop_init(&s.loop), 0);
    cr_assert_eq(uv_async_init(&s.loop, &s.stop, on_stop), 0);
    cr_assert_eq(uv_timer_init(&s.loop, &s.tick), 0);
    cr_assert_eq(uv_timer_start(&s.tick, on_tick, 0, TICK_MS), 0);
    cr_assert_eq(http_start(&s.http, &s.loop, &options), STATUS_OK, "%s", strerror(errno));
    s.port = http_port(s.http);
    cr_assert_neq(s.port, 0);
    cr_assert_eq(pthread_create(&s.thread, NULL, run_loop, NULL), 0);
}

static void setup(void)
{
    start_with("127.0.0.1", (struct http_options){.connection_ms = CONNECTION_MS});
}

static void teardown(void)
{
    cr_assert_eq(uv_async_send(&s.stop), 0);
    cr_assert_eq(pthread_join(s.thread, NULL), 0);
    cr_assert_eq(uv_loop_close(&s.loop), 0);
    cr_assert(s.closed_told);
    cr_assert_lt(atomic_load(&s.longest_ms), STALL_MS, "the loop stood still for %lu ms",
                 atomic_load(&s.longest_ms));
}

TestSuite(http, .init = setup, .fini = teardown, .timeout = 60);

static int try_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(s.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = WAIT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0, "%s", strerror(errno));
    return fd;
}

/* Everything up to the end of the connection; the end must come. */
static const char *read_all(int fd)
{
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, answer + len, sizeof(answer) - len - 1, 0)) > 0)
        len += (size_t)n;
    cr_assert(n == 0 || errno == ECONNRESET, "%s after %zu octets", strerror(errno), len);
    answer[len] = '\0';
    return answer;
}

static const char *ask(const char *request)
{
    int fd = try_connect();
    (void)send(fd, request, strlen(request), MSG_NOSIGNAL);
    const char *text = read_all(fd);
    (void)close(fd);
    return text;
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

Test(http, metrics_are_prometheus_text)
{
    static struct metric_family family = {
        .name = "weir_test_things_total", .help = "things", .type = METRIC_COUNTER};
    metric_add(metric_of(&family), 7);
    const char *text = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 200 "), "%s", text);
    cr_assert(has(text, "Content-Type: text/plain; version=0.0.4"), "%s", text);
    cr_assert(has(text, "Connection: close"), "%s", text);
    cr_assert(has(text, "\nweir_test_things_total 7\n"), "%s", text);
}

Test(http, health_is_200_or_503_with_the_reason)
{
    const char *text = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 200 ") && has(text, "\r\n\r\nok\n"), "%s", text);
    atomic_store(&s.healthy, false);
    text = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 503 ") && has(text, "state server away\n"), "%s", text);
}

Test(http, head_has_no_body)
{
    const char *text = ask("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 200 ") && has(text, "Content-Length: 3"), "%s", text);
    cr_assert_str_eq(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

Test(http, query_strings_do_not_matter_and_http_1_0_is_served)
{
    const char *text = ask("GET /healthz?a=b HTTP/1.0\r\n\r\n");
    cr_assert(has(text, " 200 "), "%s", text);
}

Test(http, other_paths_are_404_and_other_methods_405)
{
    const char *text = ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 404 "), "%s", text);
    text = ask("GET /metrics/../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 404 "), "%s", text);
    text = ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 405 ") && has(text, "Allow: GET, HEAD"), "%s", text);
    text = ask("POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc");
    cr_assert(has(text, "HTTP/1.1 405 "), "%s", text);
}

Test(http, garbage_is_refused_and_the_next_request_served)
{
    static const char *const garbage[] = {
        "\r\n\r\n\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello \r\n\r\n",
        "GET\r\n\r\n",
        "GET /metrics\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n",
        "GET /metrics HTTP/1.1\r\n: no name\r\n\r\n",
        "GET %2%%00/metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        " \x01\x02\x03\xff\xfe\xfd",
    };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        (void)ask(garbage[i]);
        const char *text = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        cr_assert(has(text, "HTTP/1.1 200 "), "after %zu: %s", i, text);
    }
}

Test(http, a_request_without_end_is_cut_off)
{
    static char header[4096];
    memset(header, 'a', sizeof(header) - 1);
    int fd = try_connect();
    (void)send(fd, "GET /metrics HTTP/1.1\r\nX: ", 26, MSG_NOSIGNAL);
    size_t sent = 0;
    ssize_t n = 1;
    /* Far over the limit: the server must have stopped reading long before. */
    while (n > 0 && sent < 64U << 20) {
        n = send(fd, header, sizeof(header) - 1, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
    }
    cr_assert_lt(sent, 64U << 20);
    (void)close(fd);
    cr_assert(has(ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 "));
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* An octet now and then keeps the usual timeouts from ever running out. */
Test(http, slow_clients_are_closed_and_others_are_served_meanwhile)
{
    enum { SLOW = HTTP_CONNECTIONS_MAX - 4 };
    struct pollfd slow[SLOW];
    size_t open = SLOW;
    for (size_t i = 0; i < SLOW; i++)
        slow[i] = (struct pollfd){.fd = try_connect(), .events = POLLIN};
    uint64_t start_ms = now_ms();
    while (open > 0) {
        cr_assert_lt(now_ms() - start_ms, WAIT_S * 1000, "%zu connections still open", open);
        for (size_t i = 0; i < SLOW; i++)
            if (slow[i].fd >= 0)
                (void)send(slow[i].fd, "G", 1, MSG_NOSIGNAL);
        const char *text = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        cr_assert(has(text, "HTTP/1.1 200 "), "%s", text);
        (void)poll(slow, SLOW, 50);
        for (size_t i = 0; i < SLOW; i++)
            if (slow[i].fd >= 0 && slow[i].revents != 0) {
                (void)close(slow[i].fd);
                slow[i].fd = -1;
                open--;
            }
    }
    cr_assert_geq(now_ms() - start_ms, CONNECTION_MS / 2);
}

Test(http, too_many_connections_are_closed_and_the_listener_recovers)
{
    enum { MANY = HTTP_CONNECTIONS_MAX * 2 };
    int fds[MANY];
    for (size_t i = 0; i < MANY; i++)
        fds[i] = try_connect();
    for (size_t i = 0; i < MANY; i++) {
        (void)read_all(fds[i]); /* each comes to an end by itself */
        (void)close(fds[i]);
    }
    const char *text = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 200 "), "%s", text);
}

/* Far more than the buffers of a connection take in while nobody reads. */
enum { WIDE_SERIES = 15000, WIDE_LABELS = 4, WIDE_LABEL = 120, SMALL_BUFFER = 65536 };

static void make_metrics_wide(void)
{
    static struct metric_family family = {.name = "weir_test_wide",
                                          .help = "wide",
                                          .type = METRIC_GAUGE,
                                          .labels = {"a", "b", "c", "d"},
                                          .series_max = WIDE_SERIES};
    for (int i = 0; i < WIDE_SERIES; i++) {
        char name[WIDE_LABEL + 1];
        snprintf(name, sizeof(name), "%0*d", WIDE_LABEL, i);
        metric_set(metric_at(&family, (const char *const[]){name, name, name, name}), i);
    }
}

static int ask_and_do_not_read(void)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = try_connect(), small = SMALL_BUFFER;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    cr_assert_eq(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL), sizeof(request) - 1);
    return fd;
}

static size_t count_all(int fd)
{
    size_t len = 0;
    for (ssize_t n; (n = recv(fd, answer, sizeof(answer), 0)) > 0;)
        len += (size_t)n;
    return len;
}

Test(http, a_client_that_does_not_read_its_answer_is_closed)
{
    make_metrics_wide();
    int fd = ask_and_do_not_read();
    uint64_t start_ms = now_ms();
    while (now_ms() - start_ms < 3 * CONNECTION_MS)
        cr_assert(has(ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 "));
    cr_assert_lt(count_all(fd), (size_t)WIDE_SERIES * WIDE_LABELS * WIDE_LABEL);
    (void)close(fd);
}

enum { HOUR_MS = 3600000, IDLE = 300 };

static void connect_idle(int fds[IDLE])
{
    for (size_t i = 0; i < IDLE; i++)
        fds[i] = try_connect();
}

static void close_idle(const int fds[IDLE])
{
    for (size_t i = 0; i < IDLE; i++)
        (void)close(fds[i]);
}

/* Deadlines are out of play: only making room can have served it. */
Test(http_crowd, however_many_sit_there_the_next_is_served, .timeout = 60)
{
    int fds[IDLE];
    start_with("127.0.0.1", (struct http_options){.head_ms = HOUR_MS, .connection_ms = HOUR_MS});
    connect_idle(fds);
    const char *text = ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    cr_assert(has(text, "HTTP/1.1 200 "), "%s", text);
    cr_assert_eq(read_all(fds[0])[0], '\0', "the one that waited longest is not gone");
    close_idle(fds);
    teardown();
}

Test(http_crowd, who_has_asked_is_not_put_out_by_who_has_not, .timeout = 60)
{
    int fds[IDLE];
    start_with("127.0.0.1", (struct http_options){.head_ms = HOUR_MS, .connection_ms = HOUR_MS});
    make_metrics_wide();
    int fd = ask_and_do_not_read();
    cr_assert(has(ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), " 200 "));
    connect_idle(fds);
    cr_assert(has(ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"), " 200 "));
    size_t len = count_all(fd);
    cr_assert_gt(len, (size_t)WIDE_SERIES * WIDE_LABELS * WIDE_LABEL,
                 "the answer was cut at %zu octets", len);
    (void)close(fd);
    close_idle(fds);
    teardown();
}

Test(http_crowd, a_request_has_less_time_to_come_than_its_answer, .timeout = 60)
{
    struct http_options options = {.head_ms = CONNECTION_MS, .connection_ms = HOUR_MS};
    start_with("127.0.0.1", options);
    int fd = try_connect();
    cr_assert_eq(send(fd, "GET /met", 8, MSG_NOSIGNAL), 8);
    cr_assert_eq(read_all(fd)[0], '\0');
    (void)close(fd);
    teardown();
}

Test(http_start, listens_on_ipv6)
{
    start_with("::1", (struct http_options){.connection_ms = CONNECTION_MS});
    teardown();
}

Test(http_start, an_address_that_is_not_here_is_an_error)
{
    struct http *http = NULL;
    struct http_options options = {.owner = &s};
    uv_loop_t loop;
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(addr_parse(&options.listen.addr, "192.0.2.1"), STATUS_OK);
    cr_assert_eq(http_start(&http, &loop, &options), STATUS_IO);
    cr_assert_null(http);
    http_close(NULL, NULL);
    cr_assert_eq(uv_loop_close(&loop), 0);
}
