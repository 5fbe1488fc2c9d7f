#ifndef FLOWSPEC_EVALUATE_H
#define FLOWSPEC_EVALUATE_H

#include "flowspec/match.h"

/*
 * What a router does with a record's packets when all these rules stand: they are tried in order,
 * each that matches acts, and the first of those without the T bit ends it (RFC 8955, 7.3). Sort
 * once, then evaluate as often as needed; nothing allocates.
 *
 * Actions of several rules add up as one after the other would do them: what is discarded stays so,
 * of limits the lowest counts, sampling and a copy are done beside the rest, and of two marks, two
 * redirects or two copies the later one replaces the earlier.
 */
struct evaluate_rule {
    const struct match_program *program;
    const struct flow_actions *actions;
    const uint8_t *nlri; /* as it is sent; only the order asks for it */
    size_t nlri_len;
};

/* The order in which a router tries them: RFC 8955 5.1, or that of draft-ietf-idr-flow-spec-06. */
void evaluate_sort(struct evaluate_rule *rules, size_t count, bool draft6_order);

/*
 * Where it is unknown whether a rule matches both is possible, and so is all that follows from
 * either. `least` is what is done whichever is true: to discard or a limit no lower than this,
 * and a mark or redirect if it is always the same one. `most` is the lowest limit and whatever else
 * is possible; of several marks or redirects it holds one. Where all is known both are what is
 * done. Each alone is well-formed: discard stands without limit, and without mark and redirect
 * unless those may come true instead. A copy is in `redirect` unless something else is.
 */
struct evaluation {
    bool certain;                    /* least and most are the same */
    struct flow_actions least, most; /* their `terminal` is clear: it acts on rules, not packets */
};

/* ret_acts, where not NULL, tells of each rule whether it acts: not if none lets it be reached. */
void evaluate(const struct evaluate_rule *rules, size_t count, const struct flow_facts *facts,
              struct evaluation *ret_evaluation, enum match *ret_acts);

#endif
