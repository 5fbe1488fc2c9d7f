#include "collector/decode/choose.h"

#include <string.h>

enum { RANK_UNWANTED = UINT8_MAX }; /* that no element has */

static bool usable(const struct template_field *field, struct element_rule *ret_rule)
{
    if (field->len == 0)
        return false; /* says nothing, and takes no room */
    *ret_rule = element_rule_of(field->enterprise, field->element);
    return ret_rule->target != TARGET_NONE &&
           (field->len == FIELD_VARIABLE ||
            element_len_fits(&element_targets[ret_rule->target], field->len));
}

static uint8_t first_unit(unsigned int units)
{
    for (uint8_t unit = UNIT_MILLI; unit < UNIT_COUNT; unit++)
        if (units & 1U << unit)
            return unit;
    return UNIT_NONE;
}

/* One unit for both where there is one; else each in its own. */
static void choose_units(struct choice *choice, const struct template_field *fields, size_t count)
{
    unsigned int starts = 0, ends = 0, observed = 0;
    struct element_rule rule;
    for (size_t i = 0; i < count; i++) {
        if (!usable(&fields[i], &rule) || rule.unit == UNIT_NONE)
            continue;
        unsigned int bit = 1U << rule.unit;
        *(rule.target == TARGET_START ? &starts : rule.rank == 0 ? &ends : &observed) |= bit;
    }
    if (ends == 0)
        ends = observed;
    unsigned int both = starts & ends;
    choice->start_unit = first_unit(both != 0 ? both : starts);
    choice->end_unit = first_unit(both != 0 ? both : ends);
}

static bool is_chosen_unit(const struct choice *choice, const struct element_rule *rule)
{
    return rule->unit == UNIT_NONE ||
           rule->unit == (rule->target == TARGET_START ? choice->start_unit : choice->end_unit);
}

/* Whether the counter tells again what earlier records of the flow told. */
static bool is_counted_again(const struct choice *choice, uint8_t to)
{
    if (choice->fields[to] == 0)
        return false;
    uint8_t rank = choice->rank[to];
    return rank == RANK_TOTAL || rank == RANK_LAYER2_TOTAL || rank == RANK_POST_TOTAL ||
           (rank == RANK_INITIATOR && choice->fields[TARGET_EVENT] > 0);
}

static bool is_of_what_left(const struct choice *choice, uint8_t to)
{
    return choice->fields[to] > 0 &&
           (choice->rank[to] == RANK_POST_DELTA || choice->rank[to] == RANK_POST_TOTAL);
}

/* Beside one that says what came, some exporters count the other direction in them (Meraki,
 * nProbe), and some nothing (ng_netflow). */
static void drop_what_left(struct choice *choice)
{
    bool has_both = choice->fields[TARGET_BYTES] > 0 && choice->fields[TARGET_PACKETS] > 0;
    bool bytes = is_of_what_left(choice, TARGET_BYTES);
    bool packets = is_of_what_left(choice, TARGET_PACKETS);
    if (!has_both || bytes == packets)
        return;
    uint8_t gone = bytes ? TARGET_BYTES : TARGET_PACKETS;
    choice->rank[gone] = RANK_UNWANTED;
    choice->fields[gone] = 0;
}

static void choose_counters(struct choice *choice)
{
    static const uint8_t counters[PLAN_COUNTERS] = {TARGET_BYTES, TARGET_PACKETS,
                                                    TARGET_REVERSE_BYTES, TARGET_REVERSE_PACKETS};
    bool by_event = false;
    drop_what_left(choice);
    for (size_t i = 0; i < PLAN_COUNTERS; i++) {
        if (!is_counted_again(choice, counters[i]))
            continue;
        choice->counted_again |= (uint8_t)(1U << i);
        by_event = by_event || choice->rank[counters[i]] == RANK_INITIATOR;
    }
    /* Nobody asks for them otherwise. */
    if (choice->counted_again == 0)
        choice->rank[TARGET_FLOW_ID] = choice->rank[TARGET_END_REASON] = RANK_UNWANTED;
    if (!by_event)
        choice->rank[TARGET_EVENT] = RANK_UNWANTED;
}

void choose_fields(struct choice *choice, const struct template_field *fields, size_t count)
{
    struct element_rule rule;
    memset(choice, 0, sizeof(*choice));
    choose_units(choice, fields, count);
    for (size_t i = 0; i < count; i++) {
        if (!usable(&fields[i], &rule) || !is_chosen_unit(choice, &rule))
            continue;
        uint8_t to = rule.target;
        if (choice->fields[to] == 0 || rule.rank < choice->rank[to]) {
            choice->rank[to] = rule.rank;
            choice->fields[to] = 0;
        }
        if (rule.rank == choice->rank[to])
            choice->fields[to]++;
    }
    choose_counters(choice);
}

uint8_t choose_target(const struct choice *choice, const struct template_field *field,
                      bool taken[TARGET_COUNT])
{
    struct element_rule rule;
    if (!usable(field, &rule) || rule.rank != choice->rank[rule.target] ||
        !is_chosen_unit(choice, &rule))
        return TARGET_NONE;
    uint8_t kind = element_targets[rule.target].kind;
    if (taken[rule.target] && kind != KIND_EITHER && kind != KIND_ADDR)
        return TARGET_NONE;
    taken[rule.target] = true;
    return rule.target;
}
