#ifndef COLLECTOR_WORKER_INPUT_H
#define COLLECTOR_WORKER_INPUT_H

#include "collector/decode/decode.h"
#include "collector/in_udp.h"
#include "collector/interfaces.h"
#include "collector/tally/tally.h"
#include "collector/worker.h"

/*
 * What a worker does with a datagram and with each record of it: decoded, counted as of the time
 * at which it came, and, where it is plausible and that is asked, archived; interfaces' counters
 * are kept. The sockets, the decoder, the tally and the interfaces are its own.
 *
 *   worker_input_open() → worker_input_start() → … → worker_input_drain() →
 *   worker_input_close_sockets() → worker_input_done()
 */
struct worker_input {
    struct clock clock;
    struct decode *decode;
    struct tally *tally;
    struct interfaces *interfaces;
    struct archive_queue *archive; /* NULL: nothing is archived */
    struct recall *recall;         /* NULL: none */
    bool keeps_sources;            /* a policy counts by source */
    struct in_udp *sockets;
    size_t socket_count;
    struct in_udp_buffers *buffers;
    uint64_t flush_every_ms;
    uint64_t turned_ms; /* the loop's last turn */
    uint64_t stalled_from_ms, stalled_until_ms;
    struct tally_exporter *sender;                 /* of the datagram being decoded */
    struct interfaces_exporter *sender_interfaces; /* once looked for; NULL: it told no counters */
    bool has_looked;                               /* for them, since the datagram came */
    bool has_records, has_refused;                 /* it gave some; implausible ones too */
    bool is_foreign;                               /* of a second sender who brings little */
    uint64_t useless_records;                      /* without volume, or not plausible */
    uint64_t since_ms;                             /* it came then, or later */
    void (*on_turn_end)(void *owner);
    void *owner;
};

/* How well the operator knows who an entry of the list is for; NULL: not listed. */
enum decode_trust worker_trust(const struct config_exporter *config);

/* Decoder, tally and interfaces; after a failure done must be called all the same. */
enum status worker_input_open(struct worker_input *in, const struct worker_options *options);
/* Sockets; fds are lent until they are closed. on_end comes after the datagrams of one turn of
 * the loop. */
enum status worker_input_start(struct worker_input *in, uv_loop_t *loop, const int *fds,
                               size_t fd_count, void (*on_end)(void *owner), void *owner);
/* What the configuration says now; on NO_MEMORY nothing has changed. */
enum status worker_input_reload(struct worker_input *in, const struct worker_options *options);
/* A datagram from the sockets, of the time that is set. */
void worker_input_take(struct worker_input *in, const struct ip_addr *from, const uint8_t *bytes,
                       size_t len, uint64_t now_ms);
/* To be called once a tick: tells a loop that stood still from one that turns. */
void worker_input_turned(struct worker_input *in, uint64_t now_ms);
/* Stops listening, and reads what waits in the sockets. */
void worker_input_drain(struct worker_input *in);
void worker_input_close_sockets(struct worker_input *in); /* may be called twice */
void worker_input_done(struct worker_input *in);

#endif
