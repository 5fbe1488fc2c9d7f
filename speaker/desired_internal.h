#ifndef SPEAKER_DESIRED_INTERNAL_H
#define SPEAKER_DESIRED_INTERNAL_H

#include "common/base/table.h"
#include "speaker/desired.h"

#include <string.h>

/* What the files of desired share. */
struct desired {
    struct desired_options options;
    struct table *by_id;      /* struct standing */
    struct claim **claims;    /* by number of NLRI: the first of those that want it */
    size_t claim_room, parts; /* parts: claims that are one */
    size_t unsaid;            /* mitigations with bits in `unsaid` */
    size_t unsaid_cursor;
    size_t refused[DESIRED_PEERS_MAX]; /* mitigations of which this was reported last */
    char names[DESIRED_PEERS_MAX][NAME_MAX_LEN + 1]; /* "": no peer of this number */
    uint64_t peers;                                  /* bits of those that have one */
    int64_t contact_ms;                              /* monotonic, of the last contact */
    uint64_t contact_clock_ms;                       /* runs only while contact lasts */
    uint64_t grace_until_ms;          /* of the contact clock: no lease ends before */
    size_t tick_cursor;               /* of the walk that looks at time */
    uint64_t rejudging, rejudge_owed; /* bits of peers: of the walk that judges; of the next */
    size_t rejudge_cursor;
    struct desired_counts walked, counted; /* by the walk so far, and by the one before */
};

#define ALL_PEERS UINT64_MAX

static inline uint64_t desired_bit(size_t peer)
{
    return UINT64_C(1) << peer;
}

/* What was said last of the mitigation at the peer: enum result_kind + 1, or 0. */
static inline void desired_set_reported(struct desired *d, struct standing *s, size_t peer,
                                        uint8_t said)
{
    d->refused[peer] -= s->reported[peer] == RESULT_REFUSED + 1 ? 1 : 0;
    d->refused[peer] += said == RESULT_REFUSED + 1 ? 1 : 0;
    s->reported[peer] = said;
}

static inline void desired_forget_reported(struct desired *d, struct standing *s)
{
    for (size_t peer = 0; peer < DESIRED_PEERS_MAX; peer++)
        desired_set_reported(d, s, peer, 0);
}

/* Its key has the NUL, so that the id can be lent from there. NULL: none. */
static inline struct standing *desired_at(const struct desired *d, const char *id)
{
    return table_find(d->by_id, id, strlen(id) + 1);
}

/* --- desired.c ----------------------------------------------------------------------------------
 */

/* True when it began or ceased to stand. */
bool desired_look_at_time(struct desired *d, struct standing *s, struct desired_time now);
void desired_judge_and_settle(struct desired *d, struct standing *s);
void desired_free_words(struct standing *s);

/* --- desired_claims.c ---------------------------------------------------------------------------
 */

/* The route as it is, for all peers; the numbers' holds become the claim's. On an error they stay
 * the caller's. */
enum status claims_add_whole(struct desired *d, struct standing *s, uint32_t nlri,
                             uint32_t attributes);
/* From now on the peer takes it so. The holds are used up in any case. LIMIT, NO_MEMORY: it takes
 * it as before. */
enum status claims_take_form(struct desired *d, struct standing *s, size_t peer,
                             const struct desired_parts *parts);
/* The number is no peer's, or another one's, who has nothing of it yet. */
void claims_forget_peer(struct standing *s, size_t peer);
/* Gives up all its claims; the peers' wants are the caller's. */
void claims_drop(struct desired *d, struct standing *s);
/* Gives up those parts that no peer takes any more, nor still has. */
void claims_prune(struct desired *d, struct standing *s);
/* Of those that may have the NLRI at this peer the one that has it, or NULL. */
struct claim *claims_winner(const struct desired *d, uint32_t nlri, size_t peer);

/* --- desired_settle.c ---------------------------------------------------------------------------
 */

/* Who may have the route at each peer, and in which form; reports refusals. */
void settle_judge(struct desired *d, struct standing *s, uint64_t peers);
/* Gives each peer the routes of the claims that win there, and says what became of the others. */
void settle(struct desired *d, struct standing *s, uint64_t peers);
/* Tries again where it was refused, which may have been for want of room; what it was allowed
 * stays so until desired_rejudge. */
void settle_refused(struct desired *d, struct standing *s);
/* Nothing waits to be said of it at these peers. */
void settle_forget_unsaid(struct desired *d, struct standing *s, uint64_t peers);
void desired_rejudge_one(struct desired *d, struct standing *s, uint64_t peers);
/* Everybody's claims of one NLRI. */
void settle_nlri(struct desired *d, uint32_t nlri);

#endif
