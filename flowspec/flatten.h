#ifndef FLOWSPEC_FLATTEN_H
#define FLOWSPEC_FLATTEN_H

#include "flowspec/component.h"

/*
 * Alternatives and conjunctions of any depth, made into what the wire can say of a component:
 * alternatives of conjunctions. An operator without the AND bit begins a conjunction.
 */
struct op_list {
    size_t count;
    struct rule_op at[RULE_OPS_MAX];
};

/* Either of both. LIMIT: more operators than a rule can have; the list stays as it was. */
enum status flatten_either(struct op_list *list, const struct op_list *other);
/*
 * Both at once: each conjunction of the one with each of the other. Those of the products that can
 * match nothing go, as nobody wrote them, unless none is left: then the first stays, for
 * rule_simplify to say what contradicts. LIMIT as above.
 */
enum status flatten_both(uint8_t family, enum component c, struct op_list *list,
                         const struct op_list *other);
/* Adds the values to the rule, at once with those of the component that are there. */
enum status flatten_into_rule(struct flow_rule *rule, enum component c, struct op_list *list);

#endif
