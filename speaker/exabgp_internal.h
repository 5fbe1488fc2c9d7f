#ifndef SPEAKER_EXABGP_INTERNAL_H
#define SPEAKER_EXABGP_INTERNAL_H

#include "speaker/exabgp/asked.h"
#include "speaker/exabgp/command.h"
#include "speaker/exabgp_channel.h"
#include "speaker/exabgp_told.h"
#include "speaker/out_exabgp.h"

/* What out_exabgp.c (routes and answers) and exabgp_life.c (beginning, end, neighbours) share. */

/* More of its neighbours are not kept apart. */
enum { EXABGP_NEIGHBORS_MAX = 256 };

_Static_assert((int)EXABGP_UNANSWERED_MAX == (int)ASKED_MAX, "one is what the other holds");

enum exabgp_state {
    EXABGP_AWAY,   /* no channel */
    EXABGP_ASKING, /* it has not answered yet */
    EXABGP_READY,
};

struct exabgp {
    struct speaker *speaker;
    struct peer *peer; /* NULL: the configuration has none */
    struct channel channel;
    bool begun;       /* as ExaBGP's process: there is one channel, and it is not opened again */
    char pipes[1024]; /* of the named pipes what stands before .in and .out; "": none */
    enum exabgp_state state;
    struct asked asked;
    uint64_t asked_ms, heard_ms, open_at_ms; /* monotonic; of the last command and line */
    char why[160];                           /* of the segment's last error */
    struct told told;
    struct rib_out_batch batch; /* its routes before batch_at were said */
    size_t batch_at;
    uint32_t again[ASKED_MAX]; /* NLRI, held: to be said alone */
    size_t again_count;
    struct {
        uint32_t nlri, attributes; /* held */
    } refused[EXABGP_REFUSED_MAX];
    size_t refused_count;
    /* Neighbours that are established, and those of the table that is being read. */
    struct ip_addr up[EXABGP_NEIGHBORS_MAX], seen[EXABGP_NEIGHBORS_MAX];
    size_t up_count, seen_count;
    struct text line;
    struct flow_rule rule; /* scratch */
};

/* out_exabgp.c */
void exabgp_take_line(struct exabgp *e, const char *line, size_t len);
void exabgp_release(struct exabgp *e, const struct asked_item *item);
void exabgp_ask(struct exabgp *e);
void exabgp_begin(struct exabgp *e); /* what was asked before is forgotten */
void exabgp_forget_refused(struct exabgp *e);

/* exabgp_life.c: it has answered; the table has been read; a neighbour came or went. */
void exabgp_ready(struct exabgp *e);
void exabgp_set_neighbors(struct exabgp *e);
void exabgp_note_neighbor(struct exabgp *e, const struct ip_addr *addr, bool up, const char *why);

#endif
