#ifndef FLOWSPEC_GUARD_INTERNAL_H
#define FLOWSPEC_GUARD_INTERNAL_H

#include "flowspec/guard.h"

/* One refusal an invariant is enough; the first says it. */
void guard_refuse(struct guard_verdict *v, enum guard_invariant invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where a rule may point: guard_address.c. */
void guard_judge_addresses(const struct guard_context *context, const struct flow_rule *rule,
                           struct guard_verdict *v);
/* What it may not cut, and what it may not hide: guard_order.c. */
void guard_judge_sessions(const struct guard_context *context, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct guard_verdict *v);
void guard_judge_shadow(const struct guard_context *context, const struct flow_rule *rule,
                        const struct flow_actions *actions, struct guard_verdict *v);

#endif
