#ifndef TESTS_BENCH_DATAGRAM_SENDER_H
#define TESTS_BENCH_DATAGRAM_SENDER_H

#include "tests/bench/export_datagrams.h"

#include <sys/types.h>

/*
 * A process of its own that sends datagrams to a port of the loopback, a chunk whenever it is asked
 * for one, from the first to the last and over again. What receives them is measured, so the
 * sender runs on another CPU where there is one, and never sends more than it was asked for.
 *
 *   datagram_sender_start() → datagram_sender_ask() → datagram_sender_wait() …
 *   → datagram_sender_stop()
 */
struct datagram_sender {
    pid_t pid;
    int asked_fd, sent_fd;
};

/* Keeps this process on one CPU and the sender on another. Ends the process where it cannot. */
void datagram_sender_start(struct datagram_sender *sender, struct export_datagrams *datagrams,
                           uint16_t port);
void datagram_sender_ask(const struct datagram_sender *sender, uint32_t datagrams);
void datagram_sender_wait(const struct datagram_sender *sender); /* until what was asked is sent */
void datagram_sender_stop(struct datagram_sender *sender);

#endif
