#ifndef SPEAKER_CALLERS_H
#define SPEAKER_CALLERS_H

#include "speaker/dynamic.h"

/*
 * Whose a connection is that came: known from both its addresses and its device. A peer with an
 * address of its own goes before the prefixes that hold it; one whose local_address is that of the
 * connection before one without; one that is to be connected to before one that is not.
 */
enum caller_kind {
    CALLER_STRANGER,
    CALLER_ELSEWHERE, /* of a peer's address, but not to its local_address */
    CALLER_PEER,
    CALLER_OF_GROUP, /* of the prefix of a group, and nobody yet */
};

struct caller {
    enum caller_kind kind;
    const struct peer_settings *settings; /* NULL: of a stranger */
    struct peer *peer;                    /* CALLER_PEER */
    const struct dynamic_group *group;    /* CALLER_OF_GROUP */
};

struct caller caller_of(const struct speaker *speaker, const struct ip_addr *remote,
                        const struct ip_addr *local, const char *device);
/* What connects to this address of ours may be of a peer with these settings. */
bool caller_may_reach(const struct peer_settings *settings, const struct ip_addr *local);

#endif
