#include "collector/udp_sockets.h"

#include "collector/steering.h"
#include "tests/unit/skip.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WORKERS = 3 };

static int sender_from(const char *address)
{
    struct ip_endpoint from = {.port = 0};
    struct sockaddr_storage sockaddr;
    cr_assert_eq(addr_parse(&from.addr, address), STATUS_OK);
    socklen_t len = endpoint_to_sockaddr(&from, &sockaddr);
    int fd = socket(sockaddr.ss_family, SOCK_DGRAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&sockaddr, len), 0, "%s: %s", address,
                 strerror(errno));
    return fd;
}

static void send_to(int fd, const char *address, uint16_t port)
{
    struct ip_endpoint to = {.port = port};
    struct sockaddr_storage sockaddr;
    cr_assert_eq(addr_parse(&to.addr, address), STATUS_OK);
    socklen_t len = endpoint_to_sockaddr(&to, &sockaddr);
    cr_assert_eq(sendto(fd, "x", 1, 0, (struct sockaddr *)&sockaddr, len), 1);
}

/* Which worker's socket has the datagram; takes it out. */
static uint32_t who_got_it(const struct udp_sockets *sockets)
{
    struct pollfd polls[WORKERS];
    char byte;
    for (uint32_t w = 0; w < WORKERS; w++)
        polls[w] = (struct pollfd){.fd = udp_sockets_fd(sockets, 0, w), .events = POLLIN};
    cr_assert_eq(poll(polls, WORKERS, 5000), 1);
    for (uint32_t w = 0; w < WORKERS; w++)
        if (polls[w].revents & POLLIN) {
            cr_assert_eq(recv(polls[w].fd, &byte, 1, 0), 1);
            return w;
        }
    cr_assert_fail("no socket has it");
    return 0;
}

Test(udp_sockets, the_kernel_steers_as_we_say_it_does)
{
    struct udp_sockets sockets;
    struct ip_endpoint any = {.port = 0};
    size_t failed = 0;
    uint32_t seen[WORKERS] = {0};

    cr_assert_eq(addr_parse(&any.addr, "::"), STATUS_OK);
    cr_assert_eq(udp_sockets_open(&sockets, &any, 1, WORKERS, 1 << 20, &failed), STATUS_OK);
    cr_assert_gt(sockets.bound[0], 0);
    cr_assert_gt(sockets.receive_buffer_bytes, 0);
    for (int i = 1; i <= 60; i++) {
        char address[24];
        struct ip_addr addr;
        snprintf(address, sizeof(address), "127.0.%d.%d", i % 7, i);
        cr_assert_eq(addr_parse(&addr, address), STATUS_OK);
        uint32_t want = steering_worker(&addr, WORKERS);
        for (int port = 0; port < 2; port++) { /* two source ports: one worker */
            int fd = sender_from(address);
            send_to(fd, "127.0.0.1", sockets.bound[0]);
            cr_assert_eq(who_got_it(&sockets), want, "%s", address);
            close(fd);
        }
        seen[want]++;
    }
    for (uint32_t w = 0; w < WORKERS; w++)
        cr_assert_gt(seen[w], 5, "worker %u has few of 60 exporters: %u", w, seen[w]);
    udp_sockets_close(&sockets);
}

Test(udp_sockets, ipv6_is_steered_by_the_whole_address)
{
    struct udp_sockets sockets;
    struct ip_endpoint any = {.port = 0};
    struct ip_addr addr;
    size_t failed = 0;

    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0)
        skip_case("no IPv6 here");
    close(fd);
    cr_assert_eq(addr_parse(&any.addr, "::"), STATUS_OK);
    cr_assert_eq(udp_sockets_open(&sockets, &any, 1, WORKERS, 1 << 20, &failed), STATUS_OK);
    cr_assert_eq(addr_parse(&addr, "::1"), STATUS_OK);
    fd = sender_from("::1");
    send_to(fd, "::1", sockets.bound[0]);
    cr_assert_eq(who_got_it(&sockets), steering_worker(&addr, WORKERS));
    close(fd);
    udp_sockets_close(&sockets);
}

Test(udp_sockets, a_port_that_is_taken_is_told)
{
    struct udp_sockets sockets;
    struct ip_endpoint endpoints[2] = {{.port = 0}, {.port = 0}};
    size_t failed = 99;
    struct sockaddr_in taken = {.sin_family = AF_INET};
    socklen_t len = sizeof(taken);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    taken.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&taken, sizeof(taken)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&taken, &len), 0);
    endpoints[0].addr = endpoints[1].addr = addr_from_ipv4(INADDR_LOOPBACK);
    endpoints[1].port = ntohs(taken.sin_port);
    cr_assert_eq(udp_sockets_open(&sockets, endpoints, 2, WORKERS, 1 << 20, &failed), STATUS_IO);
    cr_assert_eq(failed, 1);
    cr_assert_eq(errno, EADDRINUSE);
    close(fd);
}

Test(steering, neighbours_are_spread)
{
    uint32_t seen[8] = {0};
    for (uint32_t i = 0; i < 800; i++) {
        struct ip_addr addr = addr_from_ipv4(0x0a000000 + i * 256);
        seen[steering_worker(&addr, 8)]++;
    }
    for (int w = 0; w < 8; w++)
        cr_assert(seen[w] > 60 && seen[w] < 140, "%u of 800", seen[w]);
}
