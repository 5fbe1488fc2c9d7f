#ifndef SPEAKER_BGP_MRT_H
#define SPEAKER_BGP_MRT_H

#include "common/base/addr.h"
#include "common/base/wire.h"

/*
 * Records of an MRT file (RFC 6396), which bgpdump and others read: a BGP message that we have
 * sent, as BGP4MP_MESSAGE_AS4_LOCAL (4.4.3). AS numbers in it have four octets.
 */
struct mrt_session {
    uint32_t local_as, remote_as;
    struct ip_addr local, remote; /* local: of no or another family is written as zeros */
};

enum { MRT_RECORD_HEAD_MAX = 12 + 12 + 2 * 16 };

/* at_s: seconds since 1970. */
void mrt_put_message(struct wire_writer *w, uint32_t at_s, const struct mrt_session *session,
                     const uint8_t *message, size_t len);

#endif
