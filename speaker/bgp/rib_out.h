#ifndef SPEAKER_BGP_RIB_OUT_H
#define SPEAKER_BGP_RIB_OUT_H

#include "speaker/bgp/bits.h"
#include "speaker/bgp/rib.h"
#include "speaker/bgp/update.h"

/*
 * What one peer must have, what it was sent, and in which order the difference goes out:
 * withdrawals first and at once, then announcements at the peer's pace, and End-of-RIB behind those
 * that were wanted when the whole state was known. Routes that guard others (rib_set_guarding) are
 * the last withdrawn and the first announced. A later change of a route replaces an earlier one
 * that did not go yet.
 *
 *   rib_out_init() → rib_out_want() …  rib_out_up() → rib_out_next() until NONE … rib_out_down()
 *
 * It costs two octets and six bits for each number of an NLRI (and a quarter more while it grows),
 * and two bits more for some seconds after something was sent;
 * nothing but rib_out_up(), rib_out_down() and rib_out_refresh() walks over all of them.
 *
 * Time is monotonic and comes in as a parameter.
 */
struct rib_out_entry {
    uint8_t wanted, announced; /* numbers among the routes of the NLRI; 0: none */
};

/* What waits for its turn, in the order of the numbers: one after the other, round and round, so
 * that whatever changes all the time keeps nobody from his turn. */
struct rib_out_queue {
    struct bits nlri;
    uint32_t at; /* the turn is with the first from here on */
};

/* Routes over which the session may have fallen (rib_out_suspects.h). Empty sets have no room. */
struct rib_out_suspects {
    struct bits fresh, older; /* sent of late */
    struct bits all;          /* under suspicion, as they are wanted now */
    struct bits held;         /* those of them that do not go before they are released */
    struct bits narrow;       /* those of them that were in a group over which it fell again */
    struct bits accused;      /* those over which it fell when they came alone */
    struct bits guards;       /* those held that guard others, which wait for them */
};

/* In the order in which they go out. */
enum rib_out_order {
    RIB_OUT_WITHDRAWALS,
    RIB_OUT_GUARDING_WITHDRAWALS,
    RIB_OUT_GUARDING_ANNOUNCEMENTS,
    RIB_OUT_ANNOUNCEMENTS,
    RIB_OUT_QUEUES
};

struct rib_out {
    struct rib *rib;               /* lent */
    struct rib_out_entry *entries; /* by number of NLRI */
    size_t entry_room;
    struct rib_out_queue queues[RIB_OUT_QUEUES]; /* an NLRI is in one at most */
    struct bits resend;                          /* announced, and to be announced again */
    struct bits before_end;                      /* must have gone out before End-of-RIB */
    size_t wanted[BGP_FAMILIES], announced[BGP_FAMILIES];
    size_t max_routes;
    uint32_t updates_per_second;  /* 0: as fast as the session takes them */
    uint64_t paced_until_us;      /* when all messages so far would be over at an even pace */
    unsigned int families;        /* negotiated; 0 while down */
    unsigned int end_of_rib_owed; /* families */
    unsigned int refresh_owed;    /* families */
    /* Families whose routes are sent again between two marks: those whose first is to come, and
     * those whose second is (RFC 7313). */
    unsigned int begin_owed, finish_owed;
    bool up, complete;
    bool end_begun; /* what goes before End-of-RIB is settled */
    bool end_now;   /* and waits for none that is held back */
    struct rib_out_suspects suspects;
};

void rib_out_init(struct rib_out *out, struct rib *rib, size_t max_routes,
                  uint32_t updates_per_second);
void rib_out_done(struct rib_out *out);
/* Where more is wanted than may be now, nothing is wanted any more: the caller wants anew what
 * fits, before the next message, and what is wanted again neither leaves the peer nor is sent
 * again. */
void rib_out_set_limits(struct rib_out *out, size_t max_routes, uint32_t updates_per_second);

/* The peer must have this NLRI with these attributes; attributes 0: must not have it. LIMIT: over
 * max_routes, NO_MEMORY: nothing changed. */
enum status rib_out_want(struct rib_out *out, uint32_t nlri, uint32_t attributes);
/* The peer may have it from an earlier process: it counts as announced, with these attributes, and
 * so is withdrawn or announced again. */
enum status rib_out_adopt(struct rib_out *out, uint32_t nlri, uint32_t attributes);
size_t rib_out_room(const struct rib_out *out); /* NLRI more that may be wanted */
uint32_t rib_out_wanted(const struct rib_out *out, uint32_t nlri);    /* 0: not wanted */
uint32_t rib_out_announced(const struct rib_out *out, uint32_t nlri); /* 0: peer has it not */
size_t rib_out_pending(const struct rib_out *out); /* routes that wait for their turn */
size_t rib_out_bytes(const struct rib_out *out);   /* of memory */

/* Routes of all families. */
size_t rib_out_wanted_count(const struct rib_out *out);
size_t rib_out_announced_count(const struct rib_out *out);

/* A session is up: everything wanted of these families is sent, and then End-of-RIB. */
void rib_out_up(struct rib_out *out, unsigned int families, uint64_t now_us);
/* It is gone, and with it all that the peer had. */
void rib_out_down(struct rib_out *out);
/* The peer asked for the family again (ROUTE-REFRESH): it goes from the next message on. A peer
 * that asks a thousand times at once makes us look once; where marks are agreed on, what is asked
 * for before the second begins anew after it. */
void rib_out_refresh(struct rib_out *out, enum bgp_family family);
/* The whole desired state is known: End-of-RIB is sent when all has gone out that waits at the next
 * message, also while more comes to be wanted. */
void rib_out_complete(struct rib_out *out);
/* It waits for no route any more. */
void rib_out_end_now(struct rib_out *out);

enum rib_out_kind {
    RIB_OUT_NONE, /* nothing to send */
    RIB_OUT_WAIT, /* the pace says: not before *ret_at_us */
    RIB_OUT_WITHDRAW,
    RIB_OUT_ANNOUNCE,
    RIB_OUT_UNFIT, /* one NLRI that no message can hold: no longer wanted, nothing to send */
    RIB_OUT_END,
    RIB_OUT_MARK /* around what is sent again */
};

/* More than an extended message has room for, were they all /24. */
enum { RIB_OUT_BATCH_MAX = 16384 };
struct rib_out_batch {
    enum rib_out_kind kind;
    enum bgp_family family;
    uint64_t at_us; /* of WAIT */
    size_t len;     /* octets of the message */
    size_t count;
    uint32_t nlri[RIB_OUT_BATCH_MAX]; /* held for the caller: rib_out_batch_done() */
};

/*
 * The next message into bytes (room: the peer's largest message). What it says counts as sent: the
 * caller writes it or calls rib_out_down().
 */
void rib_out_next(struct rib_out *out, const struct update_path *path, uint64_t now_us,
                  uint8_t *bytes, size_t room, struct rib_out_batch *ret_batch);
void rib_out_batch_done(struct rib_out *out, struct rib_out_batch *batch);

#endif
