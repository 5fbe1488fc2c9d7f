#include "collector/in_udp.h"

#include "collector/udp_sockets.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONGEST = 65507, USUAL = 2048, BATCH = 64 };

struct seen {
    uint32_t datagrams, turns;
    size_t lens[3 * BATCH];
};

/* Each datagram has octets of its own. */
static uint8_t octet(uint32_t datagram, size_t at)
{
    return (uint8_t)(datagram * 37 + at * 11 + at / 251);
}

static void see(void *owner, const struct in_udp *in, const struct ip_addr *from,
                const uint8_t *bytes, size_t len)
{
    struct seen *seen = owner;
    cr_assert_eq(in->receive_errors, 0);
    cr_assert(addr_equal(from, &(struct ip_addr){.family = 4, .octets = {127, 0, 0, 1}}));
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != octet(seen->datagrams, i))
            cr_assert_fail("octet %zu of %zu of datagram %u", i, len, seen->datagrams);
    seen->lens[seen->datagrams++] = len;
}

static void end_turn(void *owner)
{
    ((struct seen *)owner)->turns++;
}

static void close_done(void *owner)
{
    (void)owner;
}

static void send_all(uint16_t port, const size_t *lens, uint32_t count)
{
    static uint8_t bytes[LONGEST];
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    for (uint32_t i = 0; i < count; i++) {
        for (size_t at = 0; at < lens[i]; at++)
            bytes[at] = octet(i, at);
        cr_assert_eq(sendto(fd, bytes, lens[i], 0, (const struct sockaddr *)&to, sizeof(to)),
                     (ssize_t)lens[i]);
    }
    close(fd);
}

/* Whatever their lengths, and however many one system call brings. */
Test(in_udp, datagrams_come_whole_and_in_order)
{
    static const size_t few[] = {LONGEST, 0, 1, USUAL - 1, USUAL, USUAL + 1, 1464, LONGEST, 9000};
    enum { FEW = sizeof(few) / sizeof(few[0]), MANY = 2 * BATCH + 10 };
    struct seen seen = {0};
    struct udp_sockets sockets;
    struct in_udp in;
    uv_loop_t loop;
    size_t lens[MANY], failed;
    for (size_t i = 0; i < MANY; i++)
        lens[i] = i < FEW ? few[i] : 100 + i * 20;
    struct ip_endpoint any = {.addr = {.family = 4, .octets = {127, 0, 0, 1}}};
    struct in_udp_buffers *buffers = in_udp_buffers_new();
    cr_assert_not_null(buffers);
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(udp_sockets_open(&sockets, &any, 1, 1, 4 << 20, &failed), STATUS_OK);
    cr_assert_eq(in_udp_init(&in, &loop, buffers,
                             &(struct in_udp_options){.fd = udp_sockets_fd(&sockets, 0, 0),
                                                      .on_datagram = see,
                                                      .on_turn_end = end_turn,
                                                      .on_closed = close_done,
                                                      .owner = &seen}),
                 STATUS_OK);
    cr_assert_eq(in_udp_start(&in), STATUS_OK);
    send_all(sockets.bound[0], lens, MANY);
    for (size_t i = 0; i < 100 && seen.datagrams < MANY; i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    cr_assert_eq(seen.datagrams, MANY);
    cr_assert_arr_eq(seen.lens, lens, sizeof(lens));
    cr_assert_eq(in.datagrams, MANY);
    cr_assert_geq(seen.turns, 1);
    in_udp_close(&in);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&loop), 0);
    udp_sockets_close(&sockets);
    in_udp_buffers_free(buffers);
}
