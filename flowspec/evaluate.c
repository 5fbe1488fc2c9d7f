#include "flowspec/evaluate.h"

#include <math.h>
#include <stdlib.h>

/* --- order --- */

static int compare_rules(const void *a, const void *b, void *draft6_order)
{
    const struct evaluate_rule *x = a, *y = b;
    uint8_t family = x->program->family;
    if (family != y->program->family)
        return family < y->program->family ? -1 : 1;
    if (*(const bool *)draft6_order)
        return nlri_compare_draft6(x->nlri, x->nlri_len, y->nlri, y->nlri_len);
    return nlri_compare((enum addr_family)family, x->nlri, x->nlri_len, y->nlri, y->nlri_len);
}

void evaluate_sort(struct evaluate_rule *rules, size_t count, bool draft6_order)
{
    if (count > 1)
        qsort_r(rules, count, sizeof(rules[0]), compare_rules, &draft6_order);
}

/* --- what may come out --- */

enum said { SAID_MARK, SAID_REDIRECT, SAID_COPY, SAID_COUNT };

/*
 * Bounds of a set of outcomes. A limit of 0 is discard, none is infinite. Of marks and the like:
 * the rule's actions that all outcomes have in common, and those of one outcome that has any.
 */
struct outcomes {
    bool any; /* the set is not empty */
    bool sample_least, sample_most;
    double bytes_low, bytes_high, packets_low, packets_high;
    const struct flow_actions *least[SAID_COUNT], *most[SAID_COUNT];
};

static bool says(const struct flow_actions *a, enum said what)
{
    if (what == SAID_MARK)
        return a->has_mark;
    return a->redirect != REDIRECT_NONE && a->redirect_copy == (what == SAID_COPY);
}

static struct flow_actions redirect_of(const struct flow_actions *a)
{
    return (struct flow_actions){.redirect = a->redirect,
                                 .redirect_as = a->redirect_as,
                                 .redirect_number = a->redirect_number,
                                 .redirect_addr = a->redirect_addr,
                                 .redirect_copy = a->redirect_copy};
}

static bool says_the_same(const struct flow_actions *a, const struct flow_actions *b,
                          enum said what)
{
    if (a == b || a == NULL || b == NULL)
        return a == b;
    if (what == SAID_MARK)
        return a->mark == b->mark;
    const struct flow_actions x = redirect_of(a), y = redirect_of(b);
    return actions_equal(&x, &y);
}

static bool discards(const struct flow_actions *a)
{
    return a->discard || (a->has_rate && !(a->rate_bytes > 0)) ||
           (a->has_rate_packets && !(a->rate_packets > 0));
}

static void add_said(struct outcomes *o, const struct flow_actions *a, enum said what)
{
    bool always_gone = !(o->bytes_high > 0), sometimes_gone = !(o->bytes_low > 0);
    if (!says(a, what) || (always_gone && what != SAID_COPY))
        return;
    o->most[what] = a;
    o->least[what] = sometimes_gone && what != SAID_COPY ? NULL : a;
}

/* The rule acts in every outcome of the set. */
static void act(struct outcomes *o, const struct flow_actions *a)
{
    bool gone = discards(a);
    double bytes = gone ? 0 : a->has_rate ? a->rate_bytes : INFINITY;
    double packets = gone ? 0 : a->has_rate_packets ? a->rate_packets : INFINITY;
    o->bytes_low = fmin(o->bytes_low, bytes);
    o->bytes_high = fmin(o->bytes_high, bytes);
    o->packets_low = fmin(o->packets_low, packets);
    o->packets_high = fmin(o->packets_high, packets);
    o->sample_least |= a->sample;
    o->sample_most |= a->sample;
    for (enum said what = SAID_MARK; what < SAID_COUNT; what++) {
        if (gone && what != SAID_COPY)
            o->least[what] = o->most[what] = NULL;
        add_said(o, a, what);
    }
}

static void join(struct outcomes *o, const struct outcomes *other)
{
    if (!o->any || !other->any) {
        if (!o->any)
            *o = *other;
        return;
    }
    o->sample_least &= other->sample_least;
    o->sample_most |= other->sample_most;
    o->bytes_low = fmin(o->bytes_low, other->bytes_low);
    o->bytes_high = fmax(o->bytes_high, other->bytes_high);
    o->packets_low = fmin(o->packets_low, other->packets_low);
    o->packets_high = fmax(o->packets_high, other->packets_high);
    for (enum said what = SAID_MARK; what < SAID_COUNT; what++) {
        if (!says_the_same(o->least[what], other->least[what], what))
            o->least[what] = NULL;
        if (o->most[what] == NULL)
            o->most[what] = other->most[what];
    }
}

static struct flow_actions actions_of(double bytes, double packets, bool sample,
                                      const struct flow_actions *const said[SAID_COUNT])
{
    struct flow_actions a = {0};
    if (said[SAID_REDIRECT] != NULL)
        a = redirect_of(said[SAID_REDIRECT]);
    else if (said[SAID_COPY] != NULL)
        a = redirect_of(said[SAID_COPY]);
    a.sample = sample;
    a.discard = !(bytes > 0);
    if (!a.discard && isfinite(bytes)) {
        a.has_rate = true;
        a.rate_bytes = bytes;
    }
    if (!a.discard && isfinite(packets)) {
        a.has_rate_packets = true;
        a.rate_packets = packets;
    }
    if (said[SAID_MARK] != NULL) {
        a.has_mark = true;
        a.mark = said[SAID_MARK]->mark;
    }
    return a;
}

static bool is_one_outcome(const struct outcomes *o)
{
    bool same = o->sample_least == o->sample_most && !(o->bytes_low < o->bytes_high) &&
                !(o->packets_low < o->packets_high);
    for (enum said what = SAID_MARK; what < SAID_COUNT; what++)
        same &= says_the_same(o->least[what], o->most[what], what);
    return same;
}

/* --- evaluation --- */

void evaluate(const struct evaluate_rule *rules, size_t count, const struct flow_facts *facts,
              struct evaluation *ret_evaluation, enum match *ret_acts)
{
    struct outcomes going_on = {.any = true,
                                .bytes_low = INFINITY,
                                .bytes_high = INFINITY,
                                .packets_low = INFINITY,
                                .packets_high = INFINITY};
    struct outcomes ended = {0};
    enum match reached = MATCH_YES;
    for (size_t i = 0; i < count; i++) {
        const struct flow_actions *actions = rules[i].actions;
        enum match matches = reached == MATCH_NO ? MATCH_NO : match_facts(rules[i].program, facts);
        if (ret_acts != NULL)
            ret_acts[i] = matches < reached ? matches : reached;
        if (matches == MATCH_NO)
            continue;
        struct outcomes acted = going_on;
        act(&acted, actions);
        if (matches == MATCH_YES)
            going_on.any = false;
        else if (!actions->terminal)
            reached = MATCH_UNKNOWN;
        join(actions->terminal ? &going_on : &ended, &acted);
        if (!going_on.any)
            reached = MATCH_NO;
    }
    join(&ended, &going_on);
    ret_evaluation->certain = is_one_outcome(&ended);
    ret_evaluation->least =
        actions_of(ended.bytes_high, ended.packets_high, ended.sample_least, ended.least);
    ret_evaluation->most =
        actions_of(ended.bytes_low, ended.packets_low, ended.sample_most, ended.most);
}
