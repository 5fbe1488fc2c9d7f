#ifndef CTL_PCAPNG_H
#define CTL_PCAPNG_H

#include "common/base/status.h"
#include "common/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Frames out of a pcapng file of any number of sections and interfaces, each with a link type, a
 * snapshot length and a resolution of its own: libpcap takes only files whose interfaces are all
 * alike. The file may be cut, hostile or without end: memory does not grow with it.
 */
struct pcapng_frame {
    int link_type; /* LINKTYPE_* */
    uint64_t time_us;
    const uint8_t *bytes; /* lent for the call */
    size_t len;
};

enum { PCAPNG_INTERFACES_MAX = 1024, PCAPNG_FRAME_MAX = 1 << 20 };

/* False ends the reading. */
typedef bool (*pcapng_on_frame)(void *owner, const struct pcapng_frame *frame);

/* From the section's first octet on. On failure *why says what; frames before it were given. */
enum status pcapng_read(FILE *file, pcapng_on_frame on_frame, void *owner, struct text *why);

#endif
