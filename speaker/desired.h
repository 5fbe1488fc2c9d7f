#ifndef SPEAKER_DESIRED_H
#define SPEAKER_DESIRED_H

#include "proto/alarm.h"
#include "speaker/bgp/rib.h"

/*
 * Which routes must stand now, why and until when: every mitigation this speaker knows, judged
 * against time, holds and guard, and from that which route each peer must have. No I/O and no
 * clock; what it decides goes out through desired_ops, and what happened to a route comes back
 * through desired_sent and desired_peer_down.
 *
 * Several mitigations may want one NLRI; at a peer the one made last has it, and the others get it
 * back when that one goes.
 *
 * A peer that cannot take a rule as it is may take it as parts: then it has all of them or none,
 * each counts as a route of its own, and what is said of the mitigation there is said of all.
 */
enum {
    DESIRED_PEERS_MAX = 64,
    DESIRED_MAX = 100000,
    DESIRED_PARTS_MAX = 64, /* of one mitigation at one peer */
    DESIRED_ALL_PARTS_MAX = 100000,
    /* Numbers that the rib has to have for what is whole and for parts. */
    DESIRED_ROUTES_MAX = DESIRED_MAX + DESIRED_ALL_PARTS_MAX
};

/* How a mitigation ended here without a word of policy. */
enum desired_end { DESIRED_STANDS, DESIRED_STATE, DESIRED_UNTIL, DESIRED_LEASE, DESIRED_ORPHAN };

/* One route that a mitigation wants: its rule as it is, or a part of it. */
struct claim {
    struct standing *owner;
    uint32_t nlri, attributes; /* numbers in the rib, held */
    uint64_t peers;            /* bits of those that take the mitigation in this form */
    uint64_t left;             /* of those that did, and may still have it */
    uint64_t winner;           /* where it is the one of its NLRI */
    struct claim *next;        /* claims the same NLRI */
    struct claim *sibling;     /* of the same mitigation */
};

struct standing {
    const char *id;                      /* the table's */
    const char *alarm, *method, *policy; /* in one piece of memory, which begins with the alarm */
    uint64_t epoch, revision;
    uint64_t created_ms, crossed_ms; /* state Redis time */
    uint64_t until_ms;               /* state Redis time; 0: none */
    uint64_t renewed_ms, lease_ms;   /* as last taken: state Redis time; a duration */
    uint64_t lease_ends_ms;          /* by the contact clock; 0: no lease */
    int64_t confirmed_ms;            /* monotonic: when the state server last had it */
    uint64_t forget_ms; /* monotonic: when what is left of it goes; 0 while it stands */
    struct claim whole; /* its sibling is the first part; its NLRI is 0 while there is no route */
    char (*peers)[NAME_MAX_LEN + 1];
    size_t peer_count;          /* 0: all peers */
    uint64_t targets, allowed;  /* bits of peers: meant; and not refused by guard, profile, dry */
    uint64_t held, over_budget; /* bits of peers */
    uint64_t unsaid;            /* bits of peers where a report found no room */
    uint32_t offered;           /* the number of the last offer; 0: none */
    uint8_t state, end;         /* enum mitigation_state, enum desired_end */
    uint8_t family;             /* ADDR_IPV4, ADDR_IPV6 */
    uint8_t route;              /* enum route_kind */
    bool dry_run, missing;      /* missing: the state server has lost it */
    bool over;                  /* policy has ended it, too: nobody waits for an answer */
    bool torn;                  /* a revision was taken in part only: the next is judged */
    bool deployed;              /* some peer was sent it, and the owner was told of that */
    uint8_t reported[DESIRED_PEERS_MAX]; /* enum result_kind + 1 of this revision; 0: none yet */
};

/* How a peer takes a mitigation: as it is, or as these. */
struct desired_parts {
    size_t count; /* 0: as it is */
    struct {
        uint32_t nlri, attributes; /* numbers in the rib, held for who is given them */
    } at[DESIRED_PARTS_MAX];
};

struct desired_ops {
    /* May this peer be sent it, and as what? SENT for yes, else REFUSED or DRY_RUN, and why. */
    enum result_kind (*judge)(void *owner, const struct standing *s, size_t peer,
                              struct desired_parts *ret_parts, char why[REASON_MAX]);
    /* Why it is held back at this peer, or NULL. */
    const char *(*held)(void *owner, const struct standing *s, size_t peer);
    /* Why the peer has no session that takes this family, or NULL when it has. */
    const char *(*down)(void *owner, size_t peer);
    size_t (*room)(void *owner, size_t peer); /* how many routes more it may be sent */
    enum status (*want)(void *owner, size_t peer, uint32_t nlri, uint32_t attributes);
    uint32_t (*announced)(void *owner, size_t peer, uint32_t nlri); /* attributes; 0: none */
    /* False: it could not be kept, and is said again by desired_report_unsaid(). */
    bool (*report)(void *owner, const struct standing *s, size_t peer, enum result_kind kind,
                   const char *why);
    /* Ended here, by time; or forgotten, when what was kept of it may go from the journal. */
    void (*ended)(void *owner, const struct standing *s);
    void (*forgotten)(void *owner, const char *id);
    void *owner;
};

/* now_ms: monotonic; redis_ms: state Redis time as well as it is known. */
struct desired_time {
    int64_t now_ms;
    uint64_t redis_ms;
};

struct desired;
struct desired_options {
    struct rib *rib; /* lent */
    struct desired_ops ops;
    uint64_t orphan_max_ms;
};
struct desired *desired_new(const struct desired_options *options); /* NULL: out of memory */
void desired_free(struct desired *desired);
void desired_set_orphan_max(struct desired *desired, uint64_t orphan_max_ms);

/* The peers' names by number; NULL for a number without a peer. Judges everything anew where the
 * name is another one. */
void desired_set_peers(struct desired *desired, const char *const names[DESIRED_PEERS_MAX]);
/* Its peers are to have it just as it was judged: wants it anew, which changes nothing unless
 * something differs. */
void desired_check(struct desired *desired, const char *id);
/* What judge or held would say of this peer may have changed. */
void desired_rejudge(struct desired *desired, size_t peer);
void desired_rejudge_all(struct desired *desired); /* likewise, of every peer */
/* The same where nothing is sent wrong before it is done, a piece at each call of
 * desired_rejudge_some(): about so many judgements, of one mitigation at one peer each. */
void desired_rejudge_later(struct desired *desired, size_t peer);
void desired_rejudge_some(struct desired *desired, size_t most);
bool desired_is_rejudging(const struct desired *desired);
void desired_holds_changed(struct desired *desired);

/* EXISTS: nothing new in it, or older than what is known; MALFORMED, LIMIT: not taken. */
enum status desired_apply(struct desired *desired, const struct mitigation *m,
                          struct desired_time now);
/* The state server has no such mitigation, or nothing readable under its name. Nobody withdrew it,
 * so it stays until its lease or orphan_max ends. True when that is news of one that stands. */
bool desired_missing(struct desired *desired, const char *id);
/* The same, known from the journal: since when. */
void desired_set_missing(struct desired *desired, const char *id, int64_t confirmed_ms);
/* Policy has ended what does not stand here either: its answers have arrived, and until there is a
 * newer revision nothing is reported of it. So a speaker that starts, or finds the state server
 * again, does not tell of all that the journal remembers. */
void desired_set_over(struct desired *desired, const char *id);
/* The state server answers and policy has a leader: leases run while this is called. */
void desired_contact(struct desired *desired, int64_t now_ms);
/* From the journal: when the last contact was; and what is there now had been sent before, and was
 * confirmed then. */
void desired_set_contact(struct desired *desired, int64_t contact_ms);
void desired_set_loaded(struct desired *desired);
int64_t desired_contact_ms(const struct desired *desired);

/* Time has passed. */
void desired_tick(struct desired *desired, struct desired_time now);
/* The same in pieces: looks at so many more. True: all have been looked at, and the next call
 * begins anew. */
bool desired_tick_some(struct desired *desired, struct desired_time now, size_t most);
/* As the last that looked at all of them found it. */
struct desired_counts {
    size_t standing, missing; /* as desired_standing_count() and desired_missing_count() say it */
};
struct desired_counts desired_counted(const struct desired *desired);
/* The peer was sent the route, or its withdrawal. */
void desired_sent(struct desired *desired, size_t peer, uint32_t nlri);
/* No message can hold it. */
#define DESIRED_UNFIT "encoding: it does not fit into one UPDATE"
void desired_unfit(struct desired *desired, size_t peer, uint32_t nlri);
/* The other side has refused it. */
void desired_refused(struct desired *desired, size_t peer, uint32_t nlri, const char *why);
/* Whose route it is that the peer is to have under this NLRI, or NULL. */
const struct standing *desired_winner(const struct desired *desired, size_t peer, uint32_t nlri);
/* The session fell, and all its routes with it (rib_out_down comes first). */
void desired_peer_down(struct desired *desired, size_t peer, const char *why);

/* What found no room when it was reported: says how it stands now, of some at a call. */
void desired_report_unsaid(struct desired *desired);
size_t desired_unsaid_count(const struct desired *desired); /* mitigations with such */

/* Of its routes. */
enum bgp_family desired_family(const struct standing *s);
/* Mitigations that the peer does not get, as was said last: by guard, profile or a limit. */
size_t desired_refused_count(const struct desired *desired, size_t peer);

size_t desired_count(const struct desired *desired);
size_t desired_standing_count(const struct desired *desired); /* those that must stand */
size_t desired_missing_count(const struct desired *desired);  /* those of them that are missing */
const struct standing *desired_find(const struct desired *desired, const char *id);
/* Walk: start with *cursor = 0, NULL at the end. */
const struct standing *desired_next(const struct desired *desired, size_t *cursor);
bool desired_stands(const struct standing *s);
/* A later leader may know fewer revisions, and its word counts. */
bool desired_is_older(const struct standing *s, uint64_t epoch, uint64_t revision);
/* It is offered, once a number. */
void desired_set_offered(struct desired *desired, const char *id, uint32_t number);
/* Parts of all mitigations: what the peers' profiles make of them. */
size_t desired_part_count(const struct desired *desired);

#endif
