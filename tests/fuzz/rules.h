#ifndef TESTS_FUZZ_RULES_H
#define TESTS_FUZZ_RULES_H

#include "flowspec/rule.h"

/* What holds for every rule that was read, whatever it was read from. `in_range`: its values were
 * checked on reading, so that all its forms can be read again. */
void rules_check(const struct flow_rule *rule, const struct flow_actions *actions, bool in_range);

#endif
