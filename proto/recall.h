#ifndef PROTO_RECALL_H
#define PROTO_RECALL_H

#include "common/base/addr.h"
#include "common/base/text.h"
#include "proto/alarm.h"
#include "proto/estimate.h"

/*
 * What hit these targets before and now: policy or a person asks in weir:recall, every worker of
 * every collector answers in weir:recall:reply with what it has kept, and recall_merge.h makes one
 * of their answers.
 */
enum {
    RECALL_TARGETS_MAX = 64,
    RECALL_TUPLES_MAX = 4096,
    RECALL_TUPLE_OCTETS = 192, /* in a reply, at most */
    RECALL_TOTALS_MAX = 2 * RECALL_TARGETS_MAX,
    RECALL_LENGTH_STEP = 32, /* IP lengths are told to this */
    RECALL_PEER_LEN4 = 24,   /* and the other end to this */
    RECALL_PEER_LEN6 = 48
};

enum recall_side {
    RECALL_DESTINATION, /* traffic to the prefix */
    RECALL_SOURCE       /* traffic from it: kept only where a policy has src_addr in its key */
};

struct recall_target {
    uint8_t side; /* enum recall_side */
    struct ip_prefix prefix;
};

struct recall_request {
    char id[ID_TEXT_MAX];
    uint64_t expires_at_ms; /* Unix time */
    /* now: the last now_ms; before: the before_ms that ended now_ms + gap_ms ago */
    uint32_t now_ms, gap_ms, before_ms;
    uint32_t tuples; /* that all workers of one collector answer with together; 0: the most */
    struct recall_target targets[RECALL_TARGETS_MAX];
    size_t target_count;
};

/*
 * What a tuple is of. No padding and unused octets zero: kinds are compared as bytes. `known`: the
 * FLOW_* bits of what its records gave, among SRC_PORT, DST_PORT, PROTOCOL, TCP_FLAGS, TOS, ICMP,
 * FRAGMENT, IP_LENGTH, INPUT_IF. A bit that is absent there and in `folded` is a field that no
 * record of the tuple has: ports of later fragments; the length where packets of several lengths
 * were told together; TCP flags of several packets, whose union still stands in tcp_flags.
 * `folded`: fields whose values differ within the tuple, so that it says nothing of them;
 * FLOW_SRC_ADDR stands for the other end.
 */
struct recall_kind {
    uint32_t known, folded, input_if;
    uint16_t src_port;
    uint16_t dst_port; /* of ICMP: type × 256 + code */
    uint16_t tcp_flags;
    uint16_t length; /* the lowest of its step */
    uint8_t target;  /* index into the request's targets */
    uint8_t before;  /* 0: now, 1: before */
    uint8_t protocol, fragment, ip_version, tos;
    uint8_t peer_family, peer_len; /* the other end's prefix; family 0: folded */
    uint8_t peer[16];
};
_Static_assert(sizeof(struct recall_kind) == 44, "compared as bytes");

struct recall_tuple {
    struct recall_kind kind;
    /* connections: TCP connections that began; a flow of several packets whose flags are not known
     * counts as one. */
    struct estimate bytes, packets, connections;
    double flows;     /* estimate; 1 in N of them was seen, as in tally.h */
    double peers;     /* addresses at the other end, by Chao's lower bound from those seen */
    uint64_t samples; /* records behind it */
};

/* Of a target and time, what its tuples do not say. */
struct recall_total {
    uint8_t target, before;
    double peers;
    double one; /* octets that one record of the sample may stand for, seen or not: what
                   estimate_bounds() wants for bytes of any of its tuples and of sums of them; it
                   stands for as many packets or connections, RECALL_ONE_OCTETS to each */
};
enum { RECALL_ONE_OCTETS = 256 };

struct recall_reply {
    char id[ID_TEXT_MAX];
    char collector[NAME_MAX_LEN + 1];
    uint32_t worker, workers;
    uint32_t covers_now_ms, covers_before_ms; /* of the request's, what there was */
    bool open_missing; /* the worker's latest records, up to a second, are not in it */
    struct recall_tuple *tuples;
    size_t tuple_count;
    struct recall_total totals[RECALL_TOTALS_MAX];
    size_t total_count;
};

/* What a request asks of each of so many collectors, so that all answers fit into these octets. */
uint32_t recall_tuples_for(uint64_t octets, size_t collectors);

/* As in alarm.h. */
enum status recall_request_encode(const struct recall_request *request, struct text *ret_bytes);
enum status recall_request_decode(struct recall_request *ret_request, const uint8_t *bytes,
                                  size_t len);
enum status recall_reply_encode(const struct recall_reply *reply, struct text *ret_bytes);
enum status recall_reply_decode(struct recall_reply *ret_reply, const uint8_t *bytes, size_t len);
void recall_reply_done(struct recall_reply *reply);

#endif
