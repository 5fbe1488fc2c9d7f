#ifndef SPEAKER_DESIRED_INTERNAL_H
#define SPEAKER_DESIRED_INTERNAL_H

#include "common/base/table.h"
#include "speaker/desired.h"

/* What the files of desired share. */
struct desired {
    struct desired_options options;
    struct table *by_id;      /* struct standing */
    struct standing **claims; /* by number of NLRI: the first of those that want it */
    size_t claim_room;
    char names[DESIRED_PEERS_MAX][NAME_MAX_LEN + 1]; /* "": no peer of this number */
    int64_t contact_ms;                              /* monotonic, of the last contact */
    uint64_t contact_clock_ms;                       /* runs only while contact lasts */
    uint64_t grace_until_ms; /* of the contact clock: no lease ends before */
};

/* Links and unlinks a mitigation's claim; its numbers in the rib are held by it. */
enum status claims_add(struct desired *d, struct standing *s);
void claims_remove(struct desired *d, struct standing *s);

/* Who may have the route at each peer; reports refusals. */
void settle_judge(struct desired *d, struct standing *s, uint64_t peers);
/* Gives each peer the route of the claim that wins there, and says what became of the others. */
void settle_claims(struct desired *d, uint32_t nlri, uint64_t peers);
/* A mitigation that has no NLRI, or whose claim was removed: only its reports. */
void settle_without_claim(struct desired *d, struct standing *s);

#define ALL_PEERS UINT64_MAX

#endif
