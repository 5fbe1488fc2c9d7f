#include "flowspec/match.h"

#include <string.h>

/*
 * Records are taken 64 at a time and each component narrows two words of bits: for which records
 * all components so far say yes, and for which none says no. A component looks only at records that
 * are still possible, and a block that has none left is done.
 */
#define STEP_LIST(X)                                                                               \
    X(PREFIX, prefix)                                                                              \
    X(OCTET, octet)   /* protocol, ICMP type and code, DSCP */                                     \
    X(PORT, port)     /* one side */                                                               \
    X(EITHER, either) /* the component `port` */                                                   \
    X(LABEL, label)                                                                                \
    X(LENGTH, length)                                                                              \
    X(FLAGS, flags)                                                                                \
    X(FRAGMENT, fragment)

enum step_kind {
#define X(kind, name) STEP_##kind,
    STEP_LIST(X)
#undef X
};

enum { BLOCK = 64 };

/* Of components that are one field: where it is. */
static const struct {
    uint8_t kind; /* enum step_kind */
    uint8_t offset;
} fields[COMPONENT_LAST + 1] = {
    [COMPONENT_DESTINATION] = {STEP_PREFIX, offsetof(struct flow_facts, destination)},
    [COMPONENT_SOURCE] = {STEP_PREFIX, offsetof(struct flow_facts, source)},
    [COMPONENT_PROTOCOL] = {STEP_OCTET, offsetof(struct flow_facts, protocol)},
    [COMPONENT_PORT] = {STEP_EITHER, 0},
    [COMPONENT_DESTINATION_PORT] = {STEP_PORT, offsetof(struct flow_facts, destination_port)},
    [COMPONENT_SOURCE_PORT] = {STEP_PORT, offsetof(struct flow_facts, source_port)},
    [COMPONENT_ICMP_TYPE] = {STEP_OCTET, offsetof(struct flow_facts, icmp_type)},
    [COMPONENT_ICMP_CODE] = {STEP_OCTET, offsetof(struct flow_facts, icmp_code)},
    [COMPONENT_TCP_FLAGS] = {STEP_FLAGS, 0},
    [COMPONENT_PACKET_LENGTH] = {STEP_LENGTH, 0},
    [COMPONENT_DSCP] = {STEP_OCTET, offsetof(struct flow_facts, dscp)},
    [COMPONENT_FRAGMENT] = {STEP_FRAGMENT, 0},
    [COMPONENT_FLOW_LABEL] = {STEP_LABEL, 0},
};

/* --- compiling --- */

/* Only the bits between offset and length are looked at (RFC 8956, 3.1). */
static void compile_prefix(struct match_program *program, struct match_step *step,
                           const struct ip_prefix *prefix, uint8_t offset)
{
    uint8_t mask[16] = {0}, want[16];
    for (unsigned i = offset; i < prefix->len; i++)
        mask[i / 8] |= (uint8_t)(0x80U >> i % 8);
    for (size_t i = 0; i < sizeof(want); i++)
        want[i] = prefix->addr.octets[i] & mask[i];
    memcpy(program->prefix[step->start].mask, mask, sizeof(mask));
    memcpy(program->prefix[step->start].want, want, sizeof(want));
    step->any = offset >= prefix->len;
}

static void compile_numbers(struct match_program *program, struct match_step *step,
                            const struct flow_rule *rule)
{
    struct value_set set;
    value_set_of(rule, (enum component)step->component, &set);
    step->any = value_set_is_all(&set, (enum component)step->component, rule->family);
    step->none = set.count == 0;
    step->start = program->interval_count;
    step->count = (uint16_t)set.count;
    for (size_t i = 0; i < 2 && set.count > 0; i++) {
        struct interval interval = set.at[i < set.count ? i : 0];
        step->low[i] = interval.low;
        step->span[i] = interval.high - interval.low;
    }
    memcpy(program->intervals + program->interval_count, set.at, set.count * sizeof(set.at[0]));
    program->interval_count = (uint16_t)(program->interval_count + set.count);
}

static void compile_step(struct match_program *program, struct match_step *step,
                         const struct flow_rule *rule)
{
    enum component c = (enum component)step->component;
    struct flag_set set;
    switch ((enum step_kind)step->kind) {
    case STEP_PREFIX:
        step->start = c == COMPONENT_SOURCE;
        if (c == COMPONENT_DESTINATION)
            compile_prefix(program, step, &rule->destination, rule->destination_offset);
        else
            compile_prefix(program, step, &rule->source, rule->source_offset);
        break;
    case STEP_FLAGS:
        flag_set_of(rule, c, &program->tcp_flags);
        step->any = flag_set_is_all(&program->tcp_flags, c, rule->family);
        step->none = flag_set_is_empty(&program->tcp_flags);
        break;
    case STEP_FRAGMENT:
        flag_set_of(rule, c, &set);
        program->fragments = (uint16_t)set.words[0];
        break;
    case STEP_OCTET:
    case STEP_PORT:
    case STEP_EITHER:
    case STEP_LABEL:
    case STEP_LENGTH:
        compile_numbers(program, step, rule);
        break;
    }
}

void match_compile(struct match_program *ret_program, const struct flow_rule *rule)
{
    memset(ret_program, 0, offsetof(struct match_program, intervals));
    ret_program->family = rule->family;
    for (enum component c = COMPONENT_DESTINATION; c <= COMPONENT_LAST; c++) {
        if (!rule_has(rule, c))
            continue;
        struct match_step *step = &ret_program->steps[ret_program->step_count++];
        step->kind = fields[c].kind;
        step->offset = fields[c].offset;
        step->component = (uint8_t)c;
        compile_step(ret_program, step, rule);
    }
}

size_t match_program_size(const struct match_program *program)
{
    return offsetof(struct match_program, intervals) +
           program->interval_count * sizeof(program->intervals[0]);
}

/* --- one component of one record --- */

struct verdict {
    bool yes, possible;
};

typedef struct verdict (*judge_fn)(const struct match_program *program,
                                   const struct match_step *step, const struct flow_facts *facts);

/* The first interval that does not end below the value; its count when all do. */
static inline size_t interval_at(const struct interval *intervals, size_t count, uint32_t value)
{
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        if (intervals[low + half].high < value) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

static inline bool holds(const struct match_program *program, const struct match_step *step,
                         uint32_t value)
{
    const struct interval *intervals = program->intervals + step->start;
    enum { FEW = 5 }; /* the values of a component that every peer takes */
    bool any = (value - step->low[0] <= step->span[0]) | (value - step->low[1] <= step->span[1]);
    if (step->count <= FEW) {
        for (size_t i = 2; i < step->count; i++)
            any |= value - intervals[i].low <= intervals[i].high - intervals[i].low;
        return any & !step->none;
    }
    size_t i = interval_at(intervals, step->count, value);
    return i < step->count && intervals[i].low <= value;
}

/* What a field says of a component that holds its value if `in`. */
static inline struct verdict judge_field(const struct match_step *step,
                                         const struct flow_facts *facts, unsigned c, bool in)
{
    bool known = (facts->known >> c & 1) != 0, present = (facts->present >> c & 1) != 0;
    bool may_be_there = (facts->absent >> c & 1) == 0;
    return (struct verdict){.yes = present & (known ? in : step->any),
                            .possible = may_be_there & (known ? in : !step->none)};
}

static inline struct verdict judge_prefix(const struct match_program *program,
                                          const struct match_step *step,
                                          const struct flow_facts *facts)
{
    uint64_t addr[2];
    const uint64_t *want = program->prefix[step->start].want;
    const uint64_t *mask = program->prefix[step->start].mask;
    memcpy(addr, (const uint8_t *)facts + step->offset, sizeof(addr));
    bool in = (((addr[0] & mask[0]) ^ want[0]) | ((addr[1] & mask[1]) ^ want[1])) == 0;
    return judge_field(step, facts, step->component, in);
}

static inline struct verdict judge_octet(const struct match_program *program,
                                         const struct match_step *step,
                                         const struct flow_facts *facts)
{
    uint8_t value = ((const uint8_t *)facts)[step->offset];
    return judge_field(step, facts, step->component, holds(program, step, value));
}

static inline struct verdict judge_port(const struct match_program *program,
                                        const struct match_step *step,
                                        const struct flow_facts *facts)
{
    uint16_t value;
    memcpy(&value, (const uint8_t *)facts + step->offset, sizeof(value));
    return judge_field(step, facts, step->component, holds(program, step, value));
}

static inline struct verdict judge_either(const struct match_program *program,
                                          const struct match_step *step,
                                          const struct flow_facts *facts)
{
    struct verdict a =
        judge_field(step, facts, COMPONENT_SOURCE_PORT, holds(program, step, facts->source_port));
    struct verdict b = judge_field(step, facts, COMPONENT_DESTINATION_PORT,
                                   holds(program, step, facts->destination_port));
    return (struct verdict){.yes = a.yes | b.yes, .possible = a.possible | b.possible};
}

static inline struct verdict judge_label(const struct match_program *program,
                                         const struct match_step *step,
                                         const struct flow_facts *facts)
{
    return judge_field(step, facts, step->component, holds(program, step, facts->flow_label));
}

/* Intervals never touch, so all lengths are matched only if one interval holds both ends. */
static inline struct verdict judge_length(const struct match_program *program,
                                          const struct match_step *step,
                                          const struct flow_facts *facts)
{
    const struct interval *intervals = program->intervals + step->start;
    uint32_t min = facts->length_min, max = facts->length_max;
    if (step->count == 1)
        return (struct verdict){.yes = (intervals[0].low <= min) & (max <= intervals[0].high),
                                .possible = (intervals[0].low <= max) & (min <= intervals[0].high)};
    size_t i = interval_at(intervals, step->count, min);
    if (i == step->count)
        return (struct verdict){false, false};
    return (struct verdict){.yes = intervals[i].low <= min && max <= intervals[i].high,
                            .possible = intervals[i].low <= max};
}

static inline struct verdict judge_flags(const struct match_program *program,
                                         const struct match_step *step,
                                         const struct flow_facts *facts)
{
    unsigned flags = facts->tcp_flags & (FLAG_VALUES - 1);
    bool in = (program->tcp_flags.words[flags / 64] >> flags % 64 & 1) != 0;
    return judge_field(step, facts, step->component, in);
}

static inline struct verdict judge_fragment(const struct match_program *program,
                                            const struct match_step *step,
                                            const struct flow_facts *facts)
{
    (void)step;
    return (struct verdict){.yes = (facts->fragments & ~(unsigned)program->fragments) == 0,
                            .possible = (facts->fragments & program->fragments) != 0};
}

/* --- a block of records --- */

struct block {
    const struct flow_facts *facts;
    uint64_t yes, possible;
    bool more; /* a whole block follows */
};

/* Inlined with each judge, so that the loop calls nothing. */
static inline __attribute__((always_inline)) void narrow(const struct match_program *program,
                                                         const struct match_step *step,
                                                         struct block *block, judge_fn judge)
{
    uint64_t yes = 0, possible = 0;
    for (uint64_t left = block->possible; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        struct verdict verdict = judge(program, step, &block->facts[i]);
        yes |= (uint64_t)verdict.yes << i;
        possible |= (uint64_t)verdict.possible << i;
    }
    block->yes &= yes;
    block->possible = possible;
}

static void narrow_by_family(const struct match_program *program, struct block *block, size_t count)
{
    uint64_t yes = 0, possible = 0;
    for (size_t i = 0; i < count; i++) {
        bool same = block->facts[i].family == program->family;
        if (block->more)
            __builtin_prefetch(&block->facts[i + BLOCK]);
        yes |= (uint64_t)same << i;
        possible |= (uint64_t)(same | (block->facts[i].family == ADDR_NONE)) << i;
    }
    block->yes = yes;
    block->possible = possible;
}

static void judge_block(const struct match_program *program, struct block *block, size_t count)
{
    narrow_by_family(program, block, count);
    for (size_t i = 0; i < program->step_count && block->possible != 0; i++) {
        const struct match_step *step = &program->steps[i];
        switch ((enum step_kind)step->kind) {
#define X(kind, name)                                                                              \
    case STEP_##kind:                                                                              \
        narrow(program, step, block, judge_##name);                                                \
        break;
            STEP_LIST(X)
#undef X
        }
    }
    block->yes &= block->possible;
}

static inline struct verdict judge(const struct match_program *program,
                                   const struct match_step *step, const struct flow_facts *facts)
{
    switch ((enum step_kind)step->kind) {
#define X(kind, name)                                                                              \
    case STEP_##kind:                                                                              \
        return judge_##name(program, step, facts);
        STEP_LIST(X)
#undef X
    }
    return (struct verdict){false, false};
}

enum match match_facts(const struct match_program *program, const struct flow_facts *facts)
{
    bool yes = facts->family == program->family;
    if (!yes && facts->family != ADDR_NONE)
        return MATCH_NO;
    for (size_t i = 0; i < program->step_count; i++) {
        struct verdict verdict = judge(program, &program->steps[i], facts);
        if (!verdict.possible)
            return MATCH_NO;
        yes &= verdict.yes;
    }
    return yes ? MATCH_YES : MATCH_UNKNOWN;
}

struct match_counts match_many(const struct match_program *program, const struct flow_facts *facts,
                               size_t count, uint64_t *ret_yes, uint64_t *ret_unknown)
{
    struct match_counts counts = {0};
    for (size_t start = 0; start < count; start += BLOCK) {
        struct block block = {.facts = facts + start, .more = count - start >= (size_t)2 * BLOCK};
        judge_block(program, &block, count - start < BLOCK ? count - start : BLOCK);
        uint64_t unknown = block.possible & ~block.yes;
        counts.yes += (size_t)__builtin_popcountll(block.yes);
        counts.unknown += (size_t)__builtin_popcountll(unknown);
        if (ret_yes != NULL)
            ret_yes[start / BLOCK] = block.yes;
        if (ret_unknown != NULL)
            ret_unknown[start / BLOCK] = unknown;
    }
    return counts;
}
