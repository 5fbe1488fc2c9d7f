#ifndef SPEAKER_QUARANTINE_H
#define SPEAKER_QUARANTINE_H

#include "proto/alarm.h"
#include "speaker/bgp/rib.h"

/*
 * Routes that a peer's session fell over, by their octets: NLRI and attributes of their own. That
 * peer is not sent them again before a person says so, whichever mitigation wants them; with other
 * octets a route is another one. No I/O.
 */
enum {
    /* Of all peers. Each cost at least three sessions, so there are few; and each is half a
     * kilobyte, of memory and of the journal. */
    QUARANTINE_MAX = 1024,
    QUARANTINE_WHY_MAX = 160,
};

struct quarantined {
    uint64_t octets; /* quarantine_octets() */
    char peer[NAME_MAX_LEN + 1];
    char mitigation[ID_TEXT_MAX]; /* that wanted it when the session fell */
    char lately[ID_TEXT_MAX];     /* that was refused it last */
    char why[QUARANTINE_WHY_MAX]; /* the peer's last word */
    uint64_t since_ms;            /* state Redis time */
};

struct quarantine;                       /* NULL is an empty one, where it is only read */
struct quarantine *quarantine_new(void); /* NULL: out of memory */
void quarantine_free(struct quarantine *q);

uint64_t quarantine_octets(const struct rib_nlri *nlri, const struct communities *communities);
/* Takes the place of an older one of the same peer and octets. At the maximum the oldest of the
 * peer that has most makes room, and is *ret_gone; its peer is "" where none had to. */
enum status quarantine_put(struct quarantine *q, const struct quarantined *entry,
                           struct quarantined *ret_gone);
struct quarantined *quarantine_find(const struct quarantine *q, const char *peer, uint64_t octets);
bool quarantine_drop(struct quarantine *q, const char *peer, uint64_t octets);
size_t quarantine_count(const struct quarantine *q, const char *peer); /* NULL: of all peers */
/* Walk: start with *cursor = 0, NULL at the end; the one just given may be dropped. */
const struct quarantined *quarantine_next(const struct quarantine *q, size_t *cursor);

#endif
