#include "flowspec/split.h"

#include "flowspec/sets.h"

#include <stdint.h>

/*
 * The parts are a list that is also the work to do: while the part at a place is not what the
 * router takes it is cut in two, the first stays there and the second goes to the end. Each cut
 * leaves both with fewer alternatives, or without `port`, so it ends.
 */
struct cutter {
    const struct router_profile *profile;
    struct rule_split *split;
    struct rule_error *error;
};

/* --- rules from parts of rules ------------------------------------------------------------------
 */

static void copy_prefixes(struct flow_rule *out, const struct flow_rule *from)
{
    rule_init(out, (enum addr_family)from->family);
    out->destination = from->destination;
    out->source = from->source;
    out->destination_offset = from->destination_offset;
    out->source_offset = from->source_offset;
    out->present = from->present & (1U << COMPONENT_DESTINATION | 1U << COMPONENT_SOURCE);
}

static enum status push_ops(struct flow_rule *out, enum component c, const struct rule_op *ops,
                            size_t count)
{
    enum status s = STATUS_OK;
    for (size_t i = 0; i < count && s == STATUS_OK; i++)
        s = rule_push_op(out, c, ops[i].bits, ops[i].value);
    return s;
}

/* As rule_simplify writes what it makes of `!=`: `<a,>a`. */
static enum status push_set(struct flow_rule *out, enum component c, const struct value_set *set)
{
    enum status s = STATUS_OK;
    for (size_t i = 0; i < set->count && s == STATUS_OK; i++) {
        const struct interval *in = &set->at[i];
        if (in->low == in->high) {
            s = rule_push_op(out, c, OP_EQ, in->low);
        } else if (in->high == value_max(c, out->family)) {
            s = in->low == 0 ? rule_push_op(out, c, OP_GT | OP_EQ, 0)
                             : rule_push_op(out, c, OP_GT, in->low - 1);
        } else if (in->low == 0) {
            s = rule_push_op(out, c, OP_LT, in->high + 1);
        } else {
            s = rule_push_op(out, c, OP_GT | OP_EQ, in->low);
            if (s == STATUS_OK)
                s = rule_push_op(out, c, OP_AND | OP_LT | OP_EQ, in->high);
        }
    }
    return s;
}

/* The rule with other operators in one component. */
static enum status with_ops(struct flow_rule *out, const struct flow_rule *rule, enum component c,
                            const struct rule_op *ops, size_t count)
{
    enum status s = STATUS_OK;
    copy_prefixes(out, rule);
    for (enum component d = COMPONENT_PROTOCOL; d <= COMPONENT_LAST && s == STATUS_OK; d++)
        if (d == c)
            s = push_ops(out, c, ops, count);
        else if (rule_has(rule, d))
            s = push_ops(out, d, rule_ops(rule, d), rule_ops_count(rule, d));
    return s;
}

/* --- numbers ------------------------------------------------------------------------------------
 */

/* Where to cut so that the first part has whole alternatives and `most` operators at most; 0 where
 * one alternative is longer than that, count where there is nothing to cut. */
static size_t cut_at(const struct rule_op *ops, size_t count, size_t most)
{
    size_t at = 0;
    while (at < count) {
        size_t end = rule_group_end(ops, count, at);
        if (end > most)
            break;
        at = end;
    }
    return at;
}

static struct flow_rule *next_part(struct cutter *cut)
{
    struct rule_split *split = cut->split;
    if (split->count < split->room)
        return &split->rules[split->count];
    (void)rule_fail(cut->error, STATUS_LIMIT, 0, "%s would need more than %zu rules for it",
                    cut->profile->name, split->room);
    return NULL;
}

/* Cuts the component behind `at` operators; `ops` may lie in the rule. */
static enum status cut_ops(struct cutter *cut, struct flow_rule *rule, enum component c,
                           const struct rule_op *ops, size_t count, size_t at)
{
    struct flow_rule first, *second = next_part(cut);
    if (second == NULL)
        return STATUS_LIMIT;
    enum status s = with_ops(&first, rule, c, ops, at);
    if (s == STATUS_OK)
        s = with_ops(second, rule, c, ops + at, count - at);
    if (s != STATUS_OK)
        return s;
    rule_copy(rule, &first);
    cut->split->count++;
    return STATUS_OK;
}

/* --- port ---------------------------------------------------------------------------------------
 */

static void intersect(const struct value_set *a, const struct value_set *b,
                      struct value_set *ret_set)
{
    ret_set->count = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        const struct interval *x = &a->at[i], *y = &b->at[j];
        uint32_t low = x->low > y->low ? x->low : y->low;
        uint32_t high = x->high < y->high ? x->high : y->high;
        if (low <= high)
            ret_set->at[ret_set->count++] = (struct interval){low, high};
        if (x->high < y->high)
            i++;
        else
            j++;
    }
}

static void complement(const struct value_set *set, uint32_t max, struct value_set *ret_set)
{
    uint64_t low = 0;
    ret_set->count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->at[i].low > low)
            ret_set->at[ret_set->count++] = (struct interval){(uint32_t)low, set->at[i].low - 1};
        low = (uint64_t)set->at[i].high + 1;
    }
    if (low <= max)
        ret_set->at[ret_set->count++] = (struct interval){(uint32_t)low, max};
}

/* The rule without `port`, and these sets for both sides; NULL: as the rule has it. */
static enum status with_ports(struct cutter *cut, struct flow_rule *out,
                              const struct flow_rule *rule, const struct value_set *source,
                              const struct value_set *destination)
{
    enum status s = STATUS_OK;
    copy_prefixes(out, rule);
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST && s == STATUS_OK; c++) {
        if (c == COMPONENT_SOURCE_PORT && source != NULL)
            s = push_set(out, c, source);
        else if (c == COMPONENT_DESTINATION_PORT && destination != NULL)
            s = push_set(out, c, destination);
        else if (c != COMPONENT_PORT && rule_has(rule, c))
            s = push_ops(out, c, rule_ops(rule, c), rule_ops_count(rule, c));
    }
    return s == STATUS_OK ? rule_simplify(out, cut->error) : s;
}

static enum status cut_port(struct cutter *cut, struct flow_rule *rule)
{
    struct value_set either, source, side, outside;
    struct flow_rule by_source;
    enum status s = STATUS_OK;
    value_set_of(rule, COMPONENT_PORT, &either);
    value_set_of(rule, COMPONENT_SOURCE_PORT, &source);
    intersect(&source, &either, &side);
    bool has_first = side.count > 0;
    if (has_first)
        s = with_ports(cut, &by_source, rule, &side, NULL);
    if (s != STATUS_OK)
        return s;
    complement(&either, value_max(COMPONENT_PORT, rule->family), &outside);
    intersect(&source, &outside, &side);
    value_set_of(rule, COMPONENT_DESTINATION_PORT, &outside);
    intersect(&outside, &either, &source);
    if (side.count > 0 && source.count > 0) {
        struct flow_rule *second = next_part(cut);
        if (second == NULL)
            return STATUS_LIMIT;
        s = with_ports(cut, second, rule, &side, &source);
        if (s != STATUS_OK)
            return s;
        if (has_first)
            cut->split->count++;
        else
            rule_copy(rule, second);
    } else if (!has_first) {
        return rule_fail(cut->error, STATUS_MALFORMED, 0,
                         "matches nothing: neither side can have such a port");
    }
    if (has_first)
        rule_copy(rule, &by_source);
    return STATUS_OK;
}

/* --- flags --------------------------------------------------------------------------------------
 */

/* Alternatives of flags overlap; as cubes (these bits set, those clear) they do not. */
enum { CUBES_MAX = 256 };
struct cubes {
    uint8_t family;
    enum component component;
    struct flag_set set;
    unsigned mentioned;
    struct {
        uint16_t set, clear;
    } at[CUBES_MAX];
    size_t count;
    bool too_many;
};

static void find_cubes(struct cubes *cubes, unsigned set, unsigned clear)
{
    const struct rule_op ops[2] = {{OP_MATCH, set}, {OP_AND | OP_NOT, clear}};
    struct flag_set cube, inside;
    if (cubes->too_many)
        return;
    flag_set_of_ops(cubes->family, cubes->component, ops, 2, &cube);
    for (size_t i = 0; i < sizeof(cube.words) / sizeof(cube.words[0]); i++)
        inside.words[i] = cube.words[i] & cubes->set.words[i];
    if (flag_set_is_empty(&inside))
        return;
    unsigned open = cubes->mentioned & ~(set | clear);
    if (open == 0 || flag_set_covers(&inside, &cube)) {
        cubes->too_many = cubes->count == CUBES_MAX;
        if (!cubes->too_many) {
            cubes->at[cubes->count].set = (uint16_t)set;
            cubes->at[cubes->count++].clear = (uint16_t)clear;
        }
        return;
    }
    unsigned bit = open & -open;
    find_cubes(cubes, set | bit, clear);
    find_cubes(cubes, set, clear | bit);
}

static size_t ops_of_cubes(const struct cubes *cubes, struct rule_op *ret_ops)
{
    size_t count = 0;
    for (size_t i = 0; i < cubes->count; i++) {
        if (cubes->at[i].set != 0)
            ret_ops[count++] = (struct rule_op){OP_MATCH, cubes->at[i].set};
        if (cubes->at[i].clear != 0)
            ret_ops[count++] = (struct rule_op){cubes->at[i].set != 0 ? OP_AND | OP_NOT : OP_NOT,
                                                cubes->at[i].clear};
    }
    return count;
}

static enum status cut_flags(struct cutter *cut, struct flow_rule *rule, enum component c,
                             size_t most)
{
    struct rule_op ops[2 * CUBES_MAX];
    struct cubes cubes = {.family = rule->family, .component = c};
    flag_set_of(rule, c, &cubes.set);
    for (size_t i = 0; i < rule_ops_count(rule, c); i++)
        cubes.mentioned |= rule_ops(rule, c)[i].value;
    find_cubes(&cubes, 0, 0);
    size_t count = ops_of_cubes(&cubes, ops), at = cut_at(ops, count, most);
    if (at == 0)
        at = cut_at(ops, rule_group_end(ops, count, 0), cut->profile->values_max);
    if (cubes.too_many || at == 0)
        return rule_fail(cut->error, STATUS_REFUSED, 0, "%s takes %u values a component, and %s %s",
                         cut->profile->name, cut->profile->values_max, component_name(c),
                         cubes.too_many ? "has too many" : "cannot be cut");
    if (at < count)
        return cut_ops(cut, rule, c, ops, count, at);
    struct flow_rule whole;
    enum status s = with_ops(&whole, rule, c, ops, count);
    if (s == STATUS_OK)
        rule_copy(rule, &whole);
    return s;
}

/* --- one step -----------------------------------------------------------------------------------
 */

static enum status cut_component(struct cutter *cut, struct flow_rule *rule, enum component c,
                                 size_t most)
{
    if (component_is_bits(c))
        return cut_flags(cut, rule, c, most);
    if (c == COMPONENT_PORT)
        return cut_port(cut, rule);
    const struct rule_op *ops = rule_ops(rule, c);
    size_t count = rule_ops_count(rule, c), at = cut_at(ops, count, most);
    if (at == 0 || at == count)
        return rule_fail(cut->error, STATUS_REFUSED, 0,
                         "%s takes %u values a component; a range of %s needs 2",
                         cut->profile->name, cut->profile->values_max, component_name(c));
    return cut_ops(cut, rule, c, ops, count, at);
}

static bool is_forbidden_with_port(const struct router_profile *p, const struct flow_rule *rule)
{
    for (size_t i = 0; i < PROFILE_PAIRS_MAX; i++) {
        unsigned mask = p->forbidden_together[i];
        if (mask != 0 && (mask >> COMPONENT_PORT & 1) != 0 && (rule->present & mask) == mask)
            return true;
    }
    return false;
}

/* Of a rule that is too long, the component with the most alternatives; `port` last, as what
 * becomes of it is longer. */
static enum component longest(const struct flow_rule *rule)
{
    enum component found = 0;
    size_t most = 0;
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        size_t count = rule_ops_count(rule, c);
        if (count < 2 || rule_group_end(rule_ops(rule, c), count, 0) == count)
            continue;
        if (found == 0 || found == COMPONENT_PORT || (count > most && c != COMPONENT_PORT)) {
            found = c;
            most = count;
        }
    }
    return found;
}

/* False when the part at this place is as the profile takes it, or cannot be cut. */
static bool needs_cut(const struct router_profile *p, const struct flow_rule *rule,
                      enum component *ret_component, size_t *ret_most)
{
    size_t len = profile_nlri_len(rule);
    *ret_most = p->values_max;
    if (is_forbidden_with_port(p, rule)) {
        *ret_component = COMPONENT_PORT;
        return true;
    }
    for (enum component c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST; c++) {
        if (rule_ops_count(rule, c) > p->values_max) {
            *ret_component = c;
            return true;
        }
    }
    *ret_component = len > p->nlri_max ? longest(rule) : 0;
    if (*ret_component == 0)
        return false;
    size_t half = rule_ops_count(rule, *ret_component) / 2;
    *ret_most = half < 2 ? 2 : half;
    if (rule_ops_count(rule, *ret_component) == 2)
        *ret_most = 1;
    return true;
}

static enum status cut_all(struct cutter *cut)
{
    struct rule_split *split = cut->split;
    for (size_t i = 0; i < split->count;) {
        enum component c = 0;
        size_t most = 0;
        if (!needs_cut(cut->profile, &split->rules[i], &c, &most)) {
            i++;
            continue;
        }
        enum status s = cut_component(cut, &split->rules[i], c, most);
        if (s != STATUS_OK)
            return s;
    }
    return STATUS_OK;
}

/* --- rates --------------------------------------------------------------------------------------
 */

/* Below one packet a second a router has nothing left to let through. */
static enum status divide_rates(const struct router_profile *p, size_t parts,
                                struct flow_actions *actions, struct rule_error *ret_error)
{
    if (actions->has_rate) {
        double whole = actions->rate_bytes;
        actions->rate_bytes = profile_rate(p, whole / (double)parts);
        if (!(actions->rate_bytes > 0) || actions->rate_bytes < p->rate_min_bytes)
            return rule_fail(ret_error, STATUS_REFUSED, 0,
                             "%g B/s over %zu rules is below the smallest rate of %s (%g B/s)",
                             whole, parts, p->name,
                             p->rate_min_bytes > p->rate_step_bytes ? p->rate_min_bytes
                                                                    : p->rate_step_bytes);
    }
    if (actions->has_rate_packets) {
        double whole = actions->rate_packets;
        actions->rate_packets = actions_rate_on_wire(whole / (double)parts);
        if (!(actions->rate_packets > 0) || (actions->rate_packets < 1 && parts > 1))
            return rule_fail(ret_error, STATUS_REFUSED, 0,
                             "%g packets/s over %zu rules is below 1 packet/s", whole, parts);
    }
    return STATUS_OK;
}

static enum status split_rule(struct cutter *cut, const struct flow_rule *rule)
{
    struct rule_split *split = cut->split;
    struct flow_rule *first = next_part(cut);
    if (first == NULL)
        return STATUS_LIMIT;
    rule_copy(first, rule);
    split->count = 1;
    if (profile_check_match(cut->profile, first, NULL) != STATUS_OK) {
        enum status s = rule_simplify(first, cut->error);
        if (s == STATUS_OK)
            s = cut_all(cut);
        if (s != STATUS_OK)
            return s;
    }
    enum status s = divide_rates(cut->profile, split->count, &split->actions, cut->error);
    for (size_t i = 0; i < split->count && s == STATUS_OK; i++)
        s = profile_check(cut->profile, &split->rules[i], &split->actions, cut->error);
    return s;
}

enum status profile_split(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_split *split,
                          struct rule_error *ret_error)
{
    struct rule_error ignored;
    struct cutter cut = {
        .profile = profile, .split = split, .error = ret_error != NULL ? ret_error : &ignored};
    split->count = 0;
    split->actions = *actions;
    cut.error->at = 0;
    cut.error->why[0] = '\0';
    enum status s = actions_check(actions, cut.error);
    if (s == STATUS_OK)
        s = split_rule(&cut, rule);
    if (s != STATUS_OK) {
        split->count = 0;
        if (cut.error->why[0] == '\0')
            (void)rule_fail(cut.error, s, 0, "cannot be split: %s", status_text(s));
    }
    return s;
}
