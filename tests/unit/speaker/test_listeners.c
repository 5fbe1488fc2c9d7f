#include "speaker/listeners.h"

#include "speaker/speaker_metrics.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The next so many connections cannot be taken, as when memory is short. */
static unsigned int refusals;

int __real_uv_accept(uv_stream_t *server, uv_stream_t *client);
int __wrap_uv_accept(uv_stream_t *server, uv_stream_t *client);

int __wrap_uv_accept(uv_stream_t *server, uv_stream_t *client)
{
    if (refusals == 0)
        return __real_uv_accept(server, client);
    refusals--;
    return UV_ENOMEM;
}

/* A speaker that listens and knows nobody. */
struct world {
    uv_loop_t loop;
    struct speaker speaker;
    struct config config;
    struct ip_endpoint at;
    struct clock_fake time;
};

static int free_port(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&in, sizeof(in)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    close(fd);
    return ntohs(in.sin_port);
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    w->time = (struct clock_fake){.mono_us = 1000000000, .wall_ms = 1767323045000};
    w->at = (struct ip_endpoint){.addr = addr_from_ipv4(INADDR_LOOPBACK),
                                 .port = (uint16_t)free_port()};
    w->config.speaker.listen = &w->at;
    w->config.speaker.listen_count = 1;
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    w->speaker = (struct speaker){.loop = &w->loop,
                                  .clock = clock_of_fake(&w->time),
                                  .config = &w->config,
                                  .conns = {.loop = &w->loop}};
    speaker_metrics_declare();
    cr_assert_eq(listeners_open(&w->speaker), STATUS_OK);
    cr_assert_eq(listeners_update(&w->speaker), STATUS_OK);
    return w;
}

static void on_closed(void *owner)
{
    (void)owner;
}

static void world_free(struct world *w)
{
    listeners_close(&w->speaker, on_closed);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&w->loop), 0);
    free(w);
}

/* Whether a stranger that connects is hung up on, as it should be. */
static bool stranger_is_answered(struct world *w)
{
    struct sockaddr_storage addr;
    char byte;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(endpoint_to_sockaddr(&w->at, &addr), sizeof(struct sockaddr_in));
    bool answered = connect(fd, (const struct sockaddr *)&addr, sizeof(struct sockaddr_in)) == 0;
    for (int i = 0; i < 10; i++)
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    answered = answered && (n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
    return answered;
}

Test(listeners, a_connection_that_cannot_be_taken_keeps_no_other_out)
{
    struct world *w = world_new();
    cr_expect(stranger_is_answered(w));
    refusals = 1;
    (void)stranger_is_answered(w);
    cr_assert_eq(refusals, 0);
    cr_assert_eq(listeners_update(&w->speaker), STATUS_OK);
    cr_expect(stranger_is_answered(w));
    cr_expect(stranger_is_answered(w));
    world_free(w);
}
