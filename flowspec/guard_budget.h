#ifndef FLOWSPEC_GUARD_BUDGET_H
#define FLOWSPEC_GUARD_BUDGET_H

#include "flowspec/guard.h"

/*
 * How much may stand at once. The caller counts what stands where the rule would; this says whether
 * there is a place, and whether the lowest automatic rule has to give way for it. A maximum of 0 is
 * not looked at.
 */
struct guard_budget {
    bool is_automatic;                     /* not of a person and not RTBH */
    uint32_t target_now, target_max;       /* automatic rules of one target */
    uint32_t minute_now, minute_max;       /* automatic starts in the last minute */
    uint32_t all_now, all_max;             /* of the platform */
    uint32_t automatic_now, automatic_max; /* all_max without guard_reserve */
    bool has_lower;                        /* an automatic rule of lower priority stands there */
    /* What the rule adds, 0 where it is no blackhole; of its own family: now and own space. */
    double blackhole_adds, blackhole_now, blackhole_family_now, family_hosts;
    uint32_t blackhole_max;
    double blackhole_share_max; /* 0.01 for 1 %; one host is always within it */
};

enum guard_place {
    GUARD_PLACE_NONE, /* refused, and the verdict says why */
    GUARD_PLACE_FREE,
    GUARD_PLACE_EVICTS,      /* the lowest goes once this one stands */
    GUARD_PLACE_EVICTS_FIRST /* not even the reserve has room: the lowest goes at once */
};

enum guard_place guard_budget_judge(const struct guard_budget *budget,
                                    struct guard_verdict *verdict);

/* What automatic rules leave to people and RTBH: this share and at least so many, up to half. */
uint32_t guard_reserve(uint32_t rules_max, double share, uint32_t at_least);

/*
 * Takes a destination off the network: a discard of all that goes there, or a limit below a
 * hundredth of what is usual there. baseline 0: not known, and then no limit counts.
 */
bool guard_is_blackhole(const struct flow_rule *rule, const struct flow_actions *actions,
                        double baseline_bytes);
/* Addresses of IPv4, networks of /64 of IPv6: at least one. */
double guard_hosts(const struct ip_prefix *prefix);

#endif
