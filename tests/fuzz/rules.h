#ifndef TESTS_FUZZ_RULES_H
#define TESTS_FUZZ_RULES_H

#include "flowspec/rule.h"

/* What holds for every rule that was read, whatever it was read from. `in_range`: its values were
 * checked on reading, so that all its forms can be read again. */
void rules_check(const struct flow_rule *rule, const struct flow_actions *actions, bool in_range);

/* Actions that can be sent are read back as they are, but for what a float does not hold. */
void rules_check_actions(const struct flow_actions *actions);

typedef enum status (*rules_parser)(struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                                    const char *s, struct rule_error *ret_error);
/* Gives the octets to one of the parsers as a text: a rule that holds all that, or an error with
 * its place and reason. Returns what a fuzz target must. */
int rules_check_parser(rules_parser parse, const uint8_t *data, size_t size);

#endif
