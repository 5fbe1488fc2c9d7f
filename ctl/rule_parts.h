#ifndef CTL_RULE_PARTS_H
#define CTL_RULE_PARTS_H

#include "flowspec/profile.h"

/* As how many routes a peer of this profile gets the rule, as the speaker does it: 1 as it is, more
 * as parts that divide a rate, 0 not at all, and why. */
size_t rule_parts(const struct router_profile *profile, const struct flow_rule *rule,
                  const struct flow_actions *actions, struct rule_error *ret_error);

#endif
