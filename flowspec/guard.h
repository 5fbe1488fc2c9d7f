#ifndef FLOWSPEC_GUARD_H
#define FLOWSPEC_GUARD_H

#include "common/base/communities.h"
#include "common/base/lpm.h"
#include "flowspec/rule.h"

/*
 * What no rule may do, whoever asks for it (design: Guard). One list of invariants with name and
 * text; one judgement of a rule in its context, for policy; one of the bytes that go out, for the
 * speaker. The second decodes the bytes itself and asks the first with what the speaker knows.
 */
#define GUARD_LIST(X)                                                                              \
    X(NO_DESTINATION, "no-destination", "a rule needs a destination prefix")                       \
    X(NOT_OURS, "not-ours", "the destination is not inside networks")                              \
    X(TOO_WIDE, "too-wide", "the destination is wider than the platform's widest")                 \
    X(BARE_WIDE, "bare-wide",                                                                      \
      "wider than a host needs a protocol and a port, flags, length or fragment")                  \
    X(PROTECTED, "protected", "the destination is, holds or lies in a protected prefix")           \
    X(INFRASTRUCTURE, "infrastructure", "the destination is, holds or lies in infrastructure")     \
    X(SCOPE, "address-scope", "link-local or multicast destination")                               \
    X(ICMPV6, "icmpv6", "a rule that can hit ICMPv6 names its types, and not 1-4 nor 133-137")     \
    X(VALUE, "value", "a value is outside its component's range")                                  \
    X(LENGTH, "packet-length", "packet length above the platform's MTU")                           \
    X(RATE, "rate", "a rate is not finite, negative, or rounds to 0")                              \
    X(ACTION, "action", "the actions contradict each other or cannot be said")                     \
    X(NOTHING, "matches-nothing", "no packet can match")                                           \
    X(ENCODING, "encoding", "the bytes are not one canonical rule")                                \
    X(SHADOW, "shadow", "it shadows a standing rule or is shadowed by one")                        \
    X(BUDGET, "budget", "the budget of rules is used up")

enum guard_invariant {
#define X(name, label, text) GUARD_##name,
    GUARD_LIST(X)
#undef X
        GUARD_COUNT
};
const char *guard_label(enum guard_invariant i);
const char *guard_text(enum guard_invariant i);

struct guard_context {
    const struct lpm *networks;                            /* ours; NULL: nothing is */
    const struct ip_prefix *is_protected, *infrastructure; /* lists */
    size_t protected_count, infrastructure_count;
    uint8_t widest4, widest6;                /* the shortest prefix length allowed */
    uint32_t mtu_bytes;                      /* 0: not known, and then 65535 */
    const struct flow_rule *const *standing; /* NULL: not looked at */
    size_t standing_count;
    uint32_t rules_now, rules_max; /* of the platform; max 0: not looked at */
};

enum { GUARD_REFUSALS_MAX = GUARD_COUNT };
struct guard_refusal {
    enum guard_invariant invariant;
    char text[200]; /* the value, and what would be allowed */
};
struct guard_verdict {
    struct guard_refusal refusals[GUARD_REFUSALS_MAX];
    size_t count; /* 0: may be sent */
};

void guard_judge(const struct guard_context *context, const struct flow_rule *rule,
                 const struct flow_actions *actions, struct guard_verdict *ret_verdict);
void guard_judge_bytes(const struct guard_context *context, enum addr_family family,
                       const uint8_t *nlri, size_t nlri_len, const struct communities *communities,
                       struct guard_verdict *ret_verdict);

#endif
