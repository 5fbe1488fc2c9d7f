#ifndef TESTS_INTEGRATION_REDIS_PEER_H
#define TESTS_INTEGRATION_REDIS_PEER_H

#include "common/redis/redis_internal.h"
#include "tests/support/loop.h"
#include "tests/support/redis_server.h"

/* One connection under test, and what its callbacks said. */
struct peer {
    uv_loop_t loop;
    struct redis *redis;
    int ups, downs;
    enum status down_why;
    bool closed;
};
void peer_open(struct peer *peer, struct redis_options options); /* address etc.; starts it */
void peer_up(struct peer *peer, struct redis_options options);   /* and waits until it is up */
void peer_close(struct peer *peer); /* closes; the loop must be empty */

/* The answers to commands, counted. */
struct answers {
    unsigned int count, of[STATUS_COUNT];
    enum status last;
    enum redis_type type;
    char text[256]; /* of the last, where it is one */
    int64_t integer;
    size_t items;
};
void on_answer(void *answers, enum status status, const struct redis_reply *reply);

/* What /metrics says of a metric whose only label is its server. */
double shown_metric(const char *metric, const char *server);

/* A listener of the test's own on 127.0.0.1 that speaks what the test tells it to. */
struct liar {
    uv_tcp_t listener, connection;
    uv_loop_t *loop;
    char address[32];
    const char *says; /* after the greeting's first bytes; NULL: nothing */
    size_t says_len;
    bool endless;                     /* says it again and again */
    bool has_connection, has_waiting; /* one is served, the next waits for its end */
    unsigned int connections;
    uint64_t read_bytes, written_bytes;
};
void liar_open(struct liar *liar, uv_loop_t *loop);
void liar_reset(struct liar *liar); /* the connection, by an RST */
void liar_close(struct liar *liar);

/* What a server answers to PING and TIME when weir's user needs no password. */
#define GREETING_ANSWERS "+PONG\r\n*2\r\n$10\r\n1700000000\r\n$6\r\n500000\r\n"

#endif
