#ifndef FLOWSPEC_GUARD_H
#define FLOWSPEC_GUARD_H

#include "common/base/communities.h"
#include "common/base/lpm.h"
#include "flowspec/rule.h"

/*
 * What no rule may do, whoever asks for it (design: Guard). One list of invariants: name, label,
 * what it forbids, and what holds instead. One judgement of a rule in its context, for policy; one
 * of the bytes that go out, for the speaker: it decodes them itself and asks the first with what
 * the speaker knows, so both say the same of the same route.
 *
 *   guard_context of a platform → guard_take_profile of each peer → guard_judge → verdict
 *
 * Standing rules that do not lie in one array are asked about one by one (guard_judge_standing).
 * Budgets are flowspec/guard_budget.h: they need counts, not rules.
 */
#define GUARD_LIST(X)                                                                              \
    X(NO_DESTINATION, "no-destination", "a rule without a destination",                            \
      "a rule needs a destination prefix, or a source host of ours and peers that need none")      \
    X(NOT_OURS, "not-ours", "a destination outside networks",                                      \
      "the destination is not inside networks")                                                    \
    X(NOT_OUR_SOURCE, "not-our-source", "an outgoing rule for somebody else's source",             \
      "a rule without a destination is for one source host inside networks")                       \
    X(TOO_WIDE, "too-wide", "a destination wider than the platform's widest",                      \
      "the destination is wider than the platform's widest")                                       \
    X(BARE_WIDE, "bare-wide", "a destination wider than a host with nothing that narrows it",      \
      "wider than a host needs a protocol and a port, flags, length or fragment")                  \
    X(SPOOFABLE_SOURCE, "spoofable-source", "a source inferred for incoming traffic",              \
      "a source inferred for incoming traffic needs `allow: spoofable-source`")                    \
    X(PROTECTED, "protected", "a destination among the protected",                                 \
      "the destination is, holds or lies in a protected prefix")                                   \
    X(INFRASTRUCTURE, "infrastructure", "a destination in infrastructure",                         \
      "the destination is, holds or lies in infrastructure")                                       \
    X(SCOPE, "address-scope", "a destination in fe80::/10, ff00::/8, 169.254.0.0/16, 224.0.0.0/4", \
      "link-local or multicast destination")                                                       \
    X(ICMPV6, "icmpv6", "ICMPv6 without its types, or types 1-4 and 133-137",                      \
      "a rule that can hit ICMPv6 names its types, and not 1-4 nor 133-137")                       \
    X(SESSION, "bgp-session", "a rule that would cut a session of bgp_sessions",                   \
      "a rule that hits a BGP session needs an accept rule before it")                             \
    X(VALUE, "value", "a value outside its component's range",                                     \
      "a value is outside its component's range")                                                  \
    X(EMPTY_MASK, "empty-mask", "a bitmask of 0", "a bitmask names at least one bit")              \
    X(DF_IPV6, "df-in-ipv6", "DF in an IPv6 rule", "IPv6 has no DF bit")                           \
    X(LENGTH, "packet-length", "packet length above the platform's MTU",                           \
      "packet length above the platform's MTU")                                                    \
    X(RATE, "rate", "a rate that is not finite, is negative or is rounded to 0",                   \
      "a rate is not finite, negative, or rounds to 0")                                            \
    X(ACTION, "action", "actions that contradict each other",                                      \
      "the actions contradict each other or cannot be said")                                       \
    X(NOTHING, "matches-nothing", "a rule that matches no packet", "no packet can match")          \
    X(NLRI_LENGTH, "nlri-length", "an NLRI of 4096 octets and more",                               \
      "the rule takes 4095 octets at most")                                                        \
    X(ENCODING, "encoding", "bytes in another form than ours",                                     \
      "the bytes are not one canonical rule")                                                      \
    X(SHADOW, "shadow", "a rule before one that it covers, or behind one that covers it",          \
      "it shadows a standing rule or is shadowed by one")                                          \
    X(BUDGET, "budget", "more rules, starts or blackholed space than the budget",                  \
      "the budget of rules is used up")                                                            \
    X(NEXT_HOP, "next-hop", "a blackhole or diversion without a next hop that can be one",         \
      "the next hop is an address of the route's family, and not in its prefix")                   \
    X(TEST_RULE, "test-rule", "the test rule without NO_EXPORT, or where it would do something",   \
      "the test rule carries NO_EXPORT, and its address is not in traffic")

enum guard_invariant {
#define X(name, label, forbids, text) GUARD_##name,
    GUARD_LIST(X)
#undef X
        GUARD_COUNT
};
const char *guard_label(enum guard_invariant i);
const char *guard_forbids(enum guard_invariant i);
const char *guard_text(enum guard_invariant i);

/* The ends of a multihop BGP session that a rule must not cut. */
struct guard_session {
    struct ip_addr ends[2];
};

struct guard_standing {
    const struct flow_rule *rule;
    const struct flow_actions *actions;
    const char *name;     /* what people stop it by; NULL: only its text is said */
    bool may_be_hidden;   /* by a rule that does as much */
    bool in_part_will_do; /* the new rule may be hidden at some peers if it is not at others */
    bool not_at_all; /* some peers of the new rule do not have this one: there it hides nothing */
};

/* The order in which the peers try rules; none: RFC 8955 alone. */
enum guard_order { GUARD_ORDER_RFC = 1, GUARD_ORDER_DRAFT6 = 2 };

struct guard_context {
    const struct lpm *networks;                            /* ours; NULL: nothing is */
    const struct ip_prefix *is_protected, *infrastructure; /* lists */
    size_t protected_count, infrastructure_count;
    const struct guard_session *sessions;
    size_t session_count;
    bool accepts_sessions; /* the caller announces guard_accept_rules before the rule */
    /* Rules that stand at every peer that this one goes to; those that let a session through keep
     * it from being cut. */
    const struct guard_standing *accepting;
    size_t accepting_count;
    uint8_t widest4, widest6;              /* the shortest prefix length allowed */
    uint32_t mtu_bytes;                    /* 0: not known, and then 65535 */
    const struct guard_standing *standing; /* that share a peer with it; NULL: not looked at */
    size_t standing_count;
    uint32_t rules_now, rules_max; /* of the platform; max 0: not looked at */
    /* Of the peers' profiles, by guard_take_profile. */
    unsigned orders; /* enum guard_order */
    bool knows_peers, destination_optional;
    double rate_step_bytes; /* the widest; 0: none */
    /* How the rule came about. */
    bool source_inferred, allows_spoofable_source;
    /* The one exemption, a destination and nothing else; family none: not configured. */
    struct ip_prefix test_rule4, test_rule6;
    bool no_export; /* the route carries NO_EXPORT */
    bool test_seen; /* its address was seen in traffic */
};

/* After this long the test rule goes by itself, whoever announced it. */
enum { GUARD_TEST_RULE_MS = 10 * 60 * 1000 };

enum { GUARD_REFUSALS_MAX = GUARD_COUNT };
struct guard_refusal {
    enum guard_invariant invariant;
    char text[232]; /* the value, and what would be allowed */
};
struct guard_verdict {
    struct guard_refusal refusals[GUARD_REFUSALS_MAX];
    size_t count; /* 0: may be sent */
};

/* Adds a peer: its order, the step of its rates, and whether it takes a rule without destination.
 */
struct router_profile;
void guard_take_profile(struct guard_context *context, const struct router_profile *profile);

void guard_judge(const struct guard_context *context, const struct flow_rule *rule,
                 const struct flow_actions *actions, struct guard_verdict *ret_verdict);
void guard_judge_bytes(const struct guard_context *context, enum addr_family family,
                       const uint8_t *nlri, size_t nlri_len, const struct communities *communities,
                       struct guard_verdict *ret_verdict);

/* Adds a refusal where one of both comes first, matches all of the other and has T clear; it says
 * so where the standing one does as much to those packets already. */
void guard_judge_standing(const struct guard_context *context, const struct flow_rule *rule,
                          const struct flow_actions *actions, const struct guard_standing *standing,
                          struct guard_verdict *verdict);

/* Lets through what it matches, and routers look no further: it keeps a session from later rules.
 */
bool guard_accepts(const struct flow_actions *actions);
/* What is wanted for a packet is done to it: discarded, or limited to no more. */
bool guard_does_as_much(const struct flow_actions *done, const struct flow_actions *wanted);

/*
 * The rules without an action that are to stand before this one, so that it cuts no session; those
 * that stand already are left out. REFUSED: none can come first; LIMIT: more than room.
 */
enum status guard_accept_rules(const struct guard_context *context, const struct flow_rule *rule,
                               struct flow_rule *ret_rules, size_t room, size_t *ret_count);
/* Exactly the configured test rule, whatever its actions are. */
bool guard_is_test_rule(const struct guard_context *context, const struct flow_rule *rule);

#endif
