#ifndef CTL_RULE_WARNINGS_H
#define CTL_RULE_WARNINGS_H

#include "flowspec/rule.h"

#include <jansson.h>

/*
 * What people should know of a rule before it is sent, in words: what it hits besides an attack,
 * and what its actions mean at a router. peers: how many are configured, 0: not known.
 */
json_t *rule_warnings(const struct flow_rule *rule, const struct flow_actions *actions,
                      size_t peers);

#endif
