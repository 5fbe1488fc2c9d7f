#ifndef FLOWSPEC_MATCH_H
#define FLOWSPEC_MATCH_H

#include "flowspec/facts.h"
#include "flowspec/sets.h"

/*
 * Does a rule match a record? match_compile turns the rule into steps once; after that a record
 * costs a few nanoseconds, and nothing allocates. The answer is Kleene's: each component says yes,
 * no or unknown, exactly; together they are yes if all are, no if one is, else unknown. So yes and
 * no hold for every packet that the record may stand for.
 */
enum match { MATCH_NO, MATCH_UNKNOWN, MATCH_YES };

struct match_step {
    uint8_t kind, component;
    uint8_t offset;           /* of its field in the facts */
    bool any, none;           /* every value that a packet can have is in it; none is */
    uint16_t start, count;    /* in intervals; of a prefix: which of the two */
    uint32_t low[2], span[2]; /* the first two intervals; of one, twice that one */
};

enum { MATCH_STEPS_MAX = COMPONENT_LAST };

struct match_program {
    uint8_t family;
    uint8_t step_count;
    uint16_t fragments; /* bit v: the fragment bits v are matched */
    uint16_t interval_count;
    struct match_step steps[MATCH_STEPS_MAX];
    struct {
        uint64_t want[2], mask[2];
    } prefix[2]; /* destination, source */
    struct flag_set tcp_flags;
    struct interval intervals[INTERVALS_MAX]; /* only interval_count of them are ever written */
};

void match_compile(struct match_program *ret_program, const struct flow_rule *rule);
/* Octets that are in use, from the start: what a copy must hold. */
size_t match_program_size(const struct match_program *program);

/* Facts are settled. */
enum match match_facts(const struct match_program *program, const struct flow_facts *facts);

struct match_counts {
    size_t yes, unknown;
};
/* Many records; bit i % 64 of word i / 64 is the answer for record i, where not NULL. */
struct match_counts match_many(const struct match_program *program, const struct flow_facts *facts,
                               size_t count, uint64_t *ret_yes, uint64_t *ret_unknown);

#endif
