#ifndef CTL_REPLAY_SENDERS_H
#define CTL_REPLAY_SENDERS_H

#include "common/base/table.h"
#include "ctl/capture.h"
#include "ctl/outlet.h"

/*
 * From where `weir replay` sends what an exporter of the capture sent: each address and port there
 * has a socket of its own here, so that what was apart stays apart; and, where asked for, an
 * address of its own. Past REPLAY_EXPORTERS_MAX, or what this machine has sockets and ports for,
 * the replay ends: two exporters out of one socket would be none of the two.
 *
 *   maps, from, as → replay_senders_init() → replay_sender() … → replay_senders_done()
 */
enum { REPLAY_EXPORTERS_MAX = 65536, REPLAY_MAPS_MAX = 64 };

struct replay_senders {
    struct ip_addr from; /* of all; no family: as the kernel chooses */
    struct ip_prefix as; /* each address its own out of this but those of the maps; no family:
                            not so */
    struct replay_map {
        struct ip_addr exporter, from;
    } maps[REPLAY_MAPS_MAX];
    uint32_t map_count;

    const struct command_context *context;
    struct outlet *outlet;
    struct table *by_endpoint; /* of the capture: uint32_t, its sender */
    struct table *by_address;  /* of the capture: struct ip_addr from; no family: as the kernel
                                  chooses */
    uint32_t numbered;         /* addresses of `as` that are given, or left to the maps */
    uint32_t unmapped;         /* addresses of the capture that keep none */
};

/* False, said: no memory. */
bool replay_senders_init(struct replay_senders *senders, const struct command_context *context,
                         struct outlet *outlet);
void replay_senders_done(struct replay_senders *senders);
size_t replay_senders_addresses(const struct replay_senders *senders); /* of the capture */
/* The sender of a datagram; false, said: there is none, and the replay ends. */
bool replay_sender(struct replay_senders *senders, const struct ip_endpoint *exporter,
                   uint32_t *ret_sender);

#endif
