#ifndef SPEAKER_BGP_RECEIVED_H
#define SPEAKER_BGP_RECEIVED_H

#include "speaker/bgp/message.h"

/*
 * UPDATEs that peers send us. weir wants no routes, so they are judged for one question only: can
 * the session go on? Since RFC 7606 that fails only where lengths or NLRI cannot be read; any other
 * mistake spoils routes that we do not keep. Nothing is stored.
 */
struct received_update {
    uint32_t withdrawn, announced; /* IPv4 unicast prefixes in the classic fields */
    bool tolerated;                /* a mistake that RFC 7606 does not end the session for */
};

/* MALFORMED: *ret_error says with what to leave (RFC 4271, 6.3; RFC 7606, 3 and 5.3). */
enum status received_check(const struct bgp_message *message, struct received_update *ret_update,
                           struct bgp_error *ret_error);

#endif
