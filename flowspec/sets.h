#ifndef FLOWSPEC_SETS_H
#define FLOWSPEC_SETS_H

#include "flowspec/component.h"

/*
 * The values that a component matches, as sets: of numbers as intervals, ascending and never
 * touching each other; of flags as one bit for each combination of flags. What contradicts, what
 * covers what and what is the shortest form are questions to these.
 */
struct interval {
    uint32_t low, high; /* both inside */
};

/* A conjunction of n operators gives at most n + 1 intervals. */
enum { INTERVALS_MAX = 2 * RULE_OPS_MAX };
struct value_set {
    size_t count;
    struct interval at[INTERVALS_MAX];
};

/* The largest number that a packet can hold in the field. */
uint32_t value_max(enum component c, uint8_t family);
/* One conjunction; gives the number of intervals, at most count + 1. */
size_t value_set_of_group(uint8_t family, enum component c, const struct rule_op *ops, size_t count,
                          struct interval *ret_intervals);
/* All of the component; every value when the rule lacks it. */
void value_set_of(const struct flow_rule *rule, enum component c, struct value_set *ret_set);
bool value_set_is_all(const struct value_set *set, enum component c, uint8_t family);
bool value_set_meets(const struct value_set *set, uint32_t low, uint32_t high);
bool value_set_meets_set(const struct value_set *a, const struct value_set *b);
bool value_set_covers(const struct value_set *outer, const struct value_set *inner);

enum { FLAG_VALUES = 4096 };
struct flag_set {
    uint64_t words[FLAG_VALUES / 64];
};

/* Only combinations that a packet can have: a first fragment has no offset, a last one has. */
void flag_set_of_ops(uint8_t family, enum component c, const struct rule_op *ops, size_t count,
                     struct flag_set *ret_set);
void flag_set_of(const struct flow_rule *rule, enum component c, struct flag_set *ret_set);
bool flag_set_is_empty(const struct flag_set *set);
bool flag_set_is_all(const struct flag_set *set, enum component c, uint8_t family);
bool flag_set_covers(const struct flag_set *outer, const struct flag_set *inner);

/* Every packet that `inner` matches is matched by `outer`. False where that takes more than a look
 * at each component for itself. */
bool rule_covers(const struct flow_rule *outer, const struct flow_rule *inner);

#endif
