#ifndef SPEAKER_BGP_RECEIVED_H
#define SPEAKER_BGP_RECEIVED_H

#include "speaker/bgp/message.h"

/*
 * UPDATEs that peers send us. weir wants no routes, so they are judged for one question only: can
 * the session go on? RFC 7606 says for each mistake what becomes of it; as nothing is stored, a
 * withdrawn or ignored route costs no more than a count of why. Only these end the session: lengths
 * of the message's own fields, IPv4 prefixes that cannot be read, MP_REACH or MP_UNREACH twice, and
 * an attribute that everybody must know and nobody does.
 */

/* Why routes of a message are not what their sender meant. */
enum received_mistake {
    RECEIVED_FLAGS,     /* optional or transitive, against what the type says */
    RECEIVED_LENGTH,    /* of an attribute, against what its type says */
    RECEIVED_VALUE,     /* an ORIGIN, AS_PATH or the like that means nothing */
    RECEIVED_MISSING,   /* a well-known attribute that must be there */
    RECEIVED_TWICE,     /* the same attribute; the first counts */
    RECEIVED_TRUNCATED, /* an attribute that goes on behind the list */
    RECEIVED_ROUTES,    /* MP_REACH or MP_UNREACH that cannot be read: its family is disabled */
    RECEIVED_MISTAKES
};
const char *received_mistake_name(enum received_mistake mistake); /* "flags" */

/* What becomes of the message's routes; the strongest of its mistakes decides (RFC 7606, 3 (h)). */
enum received_treatment {
    RECEIVED_TAKEN,
    RECEIVED_DISCARDED, /* the attribute; its routes are taken without it */
    RECEIVED_WITHDRAWN, /* the routes are treated as withdrawn */
    RECEIVED_DISABLED,  /* the routes of its family are not looked at (RFC 4760, 7) */
};

struct received_update {
    uint32_t withdrawn, announced; /* IPv4 unicast prefixes in the classic fields */
    enum received_treatment treatment;
    unsigned int mistakes; /* bits 1 << enum received_mistake */
};

/* What the session has agreed on. */
struct received_session {
    bool ibgp, as4;
};

/* MALFORMED: *ret_error says with what to leave (RFC 4271, 6.3; RFC 7606, 3 and 5.3). */
enum status received_check(const struct bgp_message *message,
                           const struct received_session *session,
                           struct received_update *ret_update, struct bgp_error *ret_error);

#endif
