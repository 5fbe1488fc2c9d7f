#ifndef CTL_REPLAY_SENDERS_H
#define CTL_REPLAY_SENDERS_H

#include "ctl/capture.h"
#include "ctl/outlet.h"

/*
 * From where `weir replay` sends what an exporter of the capture sent: each address and port there
 * has a socket of its own here, so that what was apart stays apart; and, where asked for, an
 * address of its own.
 */
enum { REPLAY_EXPORTERS_MAX = 4096, REPLAY_MAPS_MAX = 64 };

struct replay_senders {
    struct ip_addr from; /* of all; no family: as the kernel chooses */
    struct ip_prefix as; /* each address its own out of this; no family: not so */
    struct replay_map {
        struct ip_addr exporter, from;
    } maps[REPLAY_MAPS_MAX];
    uint32_t map_count;

    const struct command_context *context;
    struct outlet *outlet;
    struct replay_exporter {
        struct ip_endpoint endpoint;
        struct ip_addr from; /* no family: as the kernel chooses */
    } exporters[REPLAY_EXPORTERS_MAX];
    uint32_t count, addresses, unmapped;      /* addresses of the capture; those that keep none */
    uint16_t table[REPLAY_EXPORTERS_MAX * 2]; /* of exporters, by their hash; 0: none, else i + 1 */
};

/* The sender of a datagram; false, said: there is none, and the replay ends. Past
 * REPLAY_EXPORTERS_MAX senders are shared. */
bool replay_sender(struct replay_senders *senders, const struct ip_endpoint *exporter,
                   uint32_t *ret_sender);

#endif
