#ifndef SPEAKER_EXABGP_TOLD_H
#define SPEAKER_EXABGP_TOLD_H

#include "speaker/speaker.h"

/*
 * What ExaBGP may have been told and was not told to forget: it keeps a route over a restart of
 * this process, and asks nobody. Kept in the journal, so that a route that ended in the meantime
 * is withdrawn by the next process.
 */
struct told {
    struct bits nlri;    /* numbers in the rib, held */
    uint32_t attributes; /* held: of none; what it was told is of no interest */
};

enum status told_init(struct told *told, struct rib *rib);
void told_done(struct told *told, struct rib *rib);

/* Before a route is announced. */
enum status told_add(struct speaker *speaker, struct told *told, uint32_t nlri);
/* After ExaBGP has confirmed that it is withdrawn. */
void told_drop(struct speaker *speaker, struct told *told, uint32_t nlri);
/* They count as announced, and so are said again, or withdrawn where they are not to be. */
void told_adopt(const struct told *told, struct rib_out *out);

/* "x:" is the beginning of their keys. */
enum status told_load(struct told *told, struct rib *rib, const uint8_t *value, size_t len);
void told_write_again(struct speaker *speaker, const struct told *told);

#endif
