#include "ctl/rule_parts.h"

#include "flowspec/split.h"

#include <stdlib.h>

size_t rule_parts(const struct router_profile *profile, const struct flow_rule *rule,
                  const struct flow_actions *actions, struct rule_error *ret_error)
{
    if (profile_check(profile, rule, actions, ret_error) == STATUS_OK)
        return 1;
    struct rule_split split = {.rules = calloc(SPLIT_MAX, sizeof(struct flow_rule)),
                               .room = SPLIT_MAX};
    if (split.rules != NULL)
        (void)profile_split(profile, rule, actions, &split, ret_error);
    free(split.rules);
    return split.count;
}
