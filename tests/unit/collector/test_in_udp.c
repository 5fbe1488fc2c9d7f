#include "collector/in_udp.h"
#include "collector/udp_sockets.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

enum { LOST_MS = 10000 };

struct case_of {
    uv_loop_t loop;
    uv_timer_t guard;
    struct in_udp in;
    struct in_udp_buffers *buffers;
    struct udp_sockets sockets;
    int sender;
    uint64_t octets, turns, closed;
};

static void on_datagram(void *owner, const struct in_udp *in, const struct ip_addr *from,
                        const uint8_t *bytes, size_t len)
{
    struct case_of *c = owner;
    cr_assert_eq(in, &c->in);
    cr_assert_eq(from->family, ADDR_IPV4);
    cr_assert_eq(bytes[0], (uint8_t)len);
    c->octets += len;
}

static void on_turn_end(void *owner)
{
    ((struct case_of *)owner)->turns++;
}

static void on_closed(void *owner)
{
    ((struct case_of *)owner)->closed++;
}

static void on_lost(uv_timer_t *timer)
{
    (void)timer;
    cr_assert_fail("datagrams were lost");
}

static void open_case(struct case_of *c)
{
    struct ip_endpoint any = {.addr = addr_from_ipv4(0x7f000001)};
    size_t failed;
    memset(c, 0, sizeof(*c));
    c->buffers = in_udp_buffers_new();
    cr_assert_eq(uv_loop_init(&c->loop), 0);
    cr_assert_eq(udp_sockets_open(&c->sockets, &any, 1, 1, 1 << 20, &failed), STATUS_OK);
    struct in_udp_options options = {.fd = udp_sockets_fd(&c->sockets, 0, 0),
                                     .on_datagram = on_datagram,
                                     .on_turn_end = on_turn_end,
                                     .on_closed = on_closed,
                                     .owner = c};
    cr_assert_eq(in_udp_init(&c->in, &c->loop, c->buffers, &options), STATUS_OK);
    cr_assert_eq(in_udp_start(&c->in), STATUS_OK);
    cr_assert_eq(uv_timer_init(&c->loop, &c->guard), 0);
    cr_assert_eq(uv_timer_start(&c->guard, on_lost, LOST_MS, 0), 0);
    struct sockaddr_storage to;
    any.port = c->sockets.bound[0];
    socklen_t len = endpoint_to_sockaddr(&any, &to);
    c->sender = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(connect(c->sender, (struct sockaddr *)&to, len), 0);
}

static void close_case(struct case_of *c)
{
    in_udp_close(&c->in);
    in_udp_close(&c->in);
    uv_close((uv_handle_t *)&c->guard, NULL);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    cr_assert_eq(c->closed, 1);
    cr_assert_eq(uv_loop_close(&c->loop), 0);
    udp_sockets_close(&c->sockets);
    in_udp_buffers_free(c->buffers);
    close(c->sender);
}

/* The first octet of each says how long it is. */
static void send_some(struct case_of *c, unsigned int count)
{
    static const uint8_t bytes[3] = {3};
    for (unsigned int i = 0; i < count; i++)
        cr_assert_eq(send(c->sender, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
}

static void receive_until(struct case_of *c, uint64_t datagrams)
{
    while (c->in.datagrams < datagrams)
        uv_run(&c->loop, UV_RUN_ONCE);
    cr_assert_eq(c->octets, datagrams * 3);
}

/* Wakes by the socket, then by the clock, while there are always some more: until it reads at a
 * pace of its own, at most a second. */
static uint64_t make_it_busy(struct case_of *c)
{
    uint64_t sent = 0;
    while (!uv_is_active((uv_handle_t *)&c->in.pace)) {
        send_some(c, 1);
        receive_until(c, ++sent);
        cr_assert_lt(sent, 100000, "it never takes up a pace");
    }
    return sent;
}

Test(in_udp, a_datagram_after_silence_is_read_at_once_and_the_socket_watched_on)
{
    struct case_of c;
    open_case(&c);
    send_some(&c, 1);
    receive_until(&c, 1);
    cr_assert_eq(c.turns, 1);
    cr_assert(uv_is_active((uv_handle_t *)&c.in.poll));
    close_case(&c);
}

Test(in_udp, datagrams_that_come_fast_do_not_wake_it_one_by_one)
{
    struct case_of c;
    open_case(&c);
    uint64_t sent = make_it_busy(&c), turns = c.turns;
    cr_assert_not(uv_is_active((uv_handle_t *)&c.in.poll));
    send_some(&c, 20);
    receive_until(&c, sent + 20);
    cr_assert_eq(c.turns, turns + 1);
    close_case(&c);
}

Test(in_udp, more_than_one_turn_takes_arrives_all_the_same)
{
    struct case_of c;
    open_case(&c);
    uint64_t sent = make_it_busy(&c);
    send_some(&c, 700);
    receive_until(&c, sent + 700);
    cr_assert_eq(c.in.receive_errors, 0);
    close_case(&c);
}

Test(in_udp, when_nothing_comes_any_more_the_socket_is_watched_again)
{
    struct case_of c;
    open_case(&c);
    uint64_t sent = make_it_busy(&c);
    while (uv_is_active((uv_handle_t *)&c.in.pace))
        uv_run(&c.loop, UV_RUN_ONCE);
    cr_assert(uv_is_active((uv_handle_t *)&c.in.poll));
    send_some(&c, 1);
    receive_until(&c, sent + 1);
    close_case(&c);
}

Test(in_udp, what_is_stopped_reads_no_more_until_it_is_drained)
{
    struct case_of c;
    open_case(&c);
    uint64_t sent = make_it_busy(&c);
    in_udp_stop(&c.in);
    send_some(&c, 5);
    uv_run(&c.loop, UV_RUN_NOWAIT);
    cr_assert_eq(c.in.datagrams, sent);
    in_udp_drain(&c.in, 100);
    cr_assert_eq(c.in.datagrams, sent + 5);
    close_case(&c);
}
