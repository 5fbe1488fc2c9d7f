#include "flowspec/guard_budget.h"

#include "flowspec/guard_internal.h"

#include <math.h>

enum { IPV6_HOST_BITS = 64 };

static const double BLACKHOLE_SHARE = 0.01; /* of the baseline: below, a limit is a discard */

uint32_t guard_reserve(uint32_t rules_max, double share, uint32_t at_least)
{
    double part = (double)rules_max * share;
    uint32_t kept = part > at_least ? (uint32_t)part : at_least;
    return kept < rules_max / 2 ? kept : rules_max / 2;
}

double guard_hosts(const struct ip_prefix *prefix)
{
    int bits = prefix->addr.family == ADDR_IPV4 ? 32 : IPV6_HOST_BITS;
    return prefix->len >= bits ? 1 : ldexp(1, bits - prefix->len);
}

bool guard_is_blackhole(const struct flow_rule *rule, const struct flow_actions *actions,
                        double baseline_bytes)
{
    struct flow_rule copy;
    bool takes = actions->discard ||
                 (actions->has_rate && actions->rate_bytes < baseline_bytes * BLACKHOLE_SHARE);
    if (!takes || !rule_has(rule, COMPONENT_DESTINATION))
        return false;
    rule_copy(&copy, rule);
    if (rule_simplify(&copy, NULL) != STATUS_OK) /* it may have parts that leave nothing out */
        return false;
    return copy.present == 1U << COMPONENT_DESTINATION;
}

static bool blackholes_fit(const struct guard_budget *b, struct guard_verdict *v)
{
    if (!(b->blackhole_adds > 0))
        return true;
    double hosts = b->blackhole_now + b->blackhole_adds;
    double family = b->blackhole_family_now + b->blackhole_adds;
    if (b->blackhole_max != 0 && hosts > b->blackhole_max) {
        guard_refuse(v, GUARD_BUDGET,
                     "%.0f hosts would get nothing at all, %u allowed; narrow the rule or limit "
                     "instead",
                     hosts, b->blackhole_max);
        return false;
    }
    if (b->blackhole_share_max > 0 && family > 1 &&
        family > b->family_hosts * b->blackhole_share_max) {
        guard_refuse(v, GUARD_BUDGET,
                     "%.0f of %.0f hosts of networks would get nothing at all, %g %% allowed; "
                     "narrow the rule or limit instead",
                     family, b->family_hosts, b->blackhole_share_max * 100);
        return false;
    }
    return true;
}

static bool is_over(uint32_t now, uint32_t max)
{
    return max != 0 && now >= max;
}

enum guard_place guard_budget_judge(const struct guard_budget *budget,
                                    struct guard_verdict *verdict)
{
    const struct guard_budget *b = budget;
    if (b->is_automatic && is_over(b->minute_now, b->minute_max)) {
        guard_refuse(verdict, GUARD_BUDGET, "%u rules started in the last minute, %u allowed",
                     b->minute_now, b->minute_max);
        return GUARD_PLACE_NONE;
    }
    if (b->is_automatic && is_over(b->target_now, b->target_max)) {
        guard_refuse(verdict, GUARD_BUDGET, "%u rules for this target, %u allowed", b->target_now,
                     b->target_max);
        return GUARD_PLACE_NONE;
    }
    if (!blackholes_fit(b, verdict))
        return GUARD_PLACE_NONE;
    bool full = is_over(b->all_now, b->all_max);
    if (!b->is_automatic && full)
        guard_refuse(verdict, GUARD_BUDGET, "%u rules stand and %u are allowed", b->all_now,
                     b->all_max);
    if (!b->is_automatic)
        return full ? GUARD_PLACE_NONE : GUARD_PLACE_FREE;
    /* All of a small platform may be kept for people; then the maximum is 0 and still one. */
    if (!full && (b->all_max == 0 || b->automatic_now < b->automatic_max))
        return GUARD_PLACE_FREE;
    if (b->has_lower)
        return full ? GUARD_PLACE_EVICTS_FIRST : GUARD_PLACE_EVICTS;
    guard_refuse(verdict, GUARD_BUDGET, "%u rules of alarms no less severe stand, %u allowed",
                 b->automatic_now, b->automatic_max);
    return GUARD_PLACE_NONE;
}
