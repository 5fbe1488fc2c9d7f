#ifndef SPEAKER_SUSPECTS_H
#define SPEAKER_SUSPECTS_H

#include "speaker/bgp/rib_out_suspects.h"

/*
 * One route that a router dislikes must not take the others with it: the end of a session takes all
 * its routes. A session that falls twice shortly after the same routes gets the others first; then
 * the suspects go one by one (of very many: group by group), each with a moment for the session to
 * fall. The one over which it falls goes last, alone and after a silence, because a slow peer may
 * have fallen over one before it; and if the session falls over it once more, it is the culprit.
 *
 *   suspects_up() → suspects_tick() …, suspects_sent() … → suspects_down()
 *
 * Only a NOTIFICATION that speaks of our messages is taken for a peer's word. A connection that
 * breaks may have other reasons, so there it has to fall at once, three times, and after a longer
 * silence; and a fall without it clears it. What ends a session otherwise (a timer, a Cease, we
 * ourselves) accuses nobody.
 *
 * No I/O; time is monotonic and comes in as a parameter.
 */
enum suspects_cause {
    SUSPECTS_OTHER,  /* accuses no route */
    SUSPECTS_SILENT, /* the connection broke */
    SUSPECTS_UPDATE, /* the peer said that a message of ours was wrong */
};

enum suspects_phase { SUSPECTS_NONE, SUSPECTS_FELL, SUSPECTS_PROBING };

enum {
    /* A route that the session has stood for so long is not what it falls over. */
    SUSPECTS_SHORTLY_MS = 5000,
    /* A moment for the session to fall: a few times as long as it took last; at least what peers
     * on the same machine need, and what a timer's tick allows. */
    SUSPECTS_MOMENT_MIN_MS = 40,
    SUSPECTS_MOMENT_MAX_MS = SUSPECTS_SHORTLY_MS,
    SUSPECTS_MOMENT_TIMES = 4,
    /* All suspects are tried within about so long; where they are too many for that, in groups. */
    SUSPECTS_PASS_MS = 4000,
    /* No suspect was tried for so long before the last of them. */
    SUSPECTS_SILENCE_MS = 1000,
    /* Where only the connection broke, it may have broken by chance: so there it has to break at
     * once, and again and again after a longer silence. By chance a session that falls all the time
     * does so in one case of a dozen at most, and three times on end in one of two thousand. */
    SUSPECTS_AT_ONCE_MS = 400,
    SUSPECTS_LONG_SILENCE_MS = 2000,
    SUSPECTS_LONG_SILENCE_FALLS = 3,
    /* Where others are sent all the time, no longer than this is waited for a silence. */
    SUSPECTS_PATIENCE_MS = 1000,
    /* Falls that brought nothing, since the last culprit: from then on damping is as ever. */
    SUSPECTS_FALLS_MAX = 16,
    /* A peer that dislikes many: from so many culprits on, the others stand longer and longer
     * before the next suspect is tried, up to the most; until a session stood for a while. */
    SUSPECTS_QUICK_CULPRITS = 4,
    SUSPECTS_REST_MS = 1000,
    SUSPECTS_REST_MAX_MS = 60000,
    SUSPECTS_CALM_MS = 600000,
};

struct suspects {
    enum suspects_phase phase;
    bool up, begun, trying;           /* begun: the others have gone; trying: some of them have,
                                         and their moment is not over */
    uint64_t up_at, sent_at, idle_at; /* idle_at: since when the next could be tried */
    uint64_t tried_at, silent_ms;     /* the last try; no suspect was tried for so long before */
    uint64_t aged_at;
    uint64_t moment_ms, least_ms;  /* least_ms: it was too short, so it is no less than this now */
    uint32_t accused, accusations; /* NLRI that fell it alone; how often so after a silence */
    enum suspects_cause cause;     /* of the last fall */
    uint32_t falls, culprits;      /* falls: since a culprit was found */
};

void suspects_up(struct suspects *s, uint64_t now_ms);
/* An announcement was given to the session. */
void suspects_sent(struct suspects *s, uint64_t now_ms);
/* written: the session has taken all that it was given. */
void suspects_tick(struct suspects *s, struct rib_out *out, bool written, uint64_t now_ms);
/* There is no suspicion any more. */
void suspects_clear(struct suspects *s, struct rib_out *out);

struct suspects_verdict {
    bool searching;   /* the next session tells more: it need not wait */
    uint32_t culprit; /* NLRI, as it is wanted now; 0: none was found */
};
/* Before rib_out_down(). */
struct suspects_verdict suspects_down(struct suspects *s, struct rib_out *out,
                                      enum suspects_cause cause, uint64_t now_ms);

#endif
