#include "collector/decode/plan.h"

#include "collector/decode/choose.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum step_op {
    OP_U8,
    OP_U16,
    OP_U32,
    OP_U64,
    OP_U32_TO_U64, /* the usual counter */
    OP_U16_TO_U32, /* the usual interface or AS of an old exporter */
    OP_U8_TO_U16,
    OP_UINT,
    OP_EITHER,
    OP_ADDR4,
    OP_ADDR16,
    OP_ADDR_EITHER,
    OP_FLOAT,
    OP_SECTION_IP,
    OP_SECTION_FRAME
};

/* A record is at most as long as what a UDP datagram can carry. */
enum { RECORD_MAX = 65535 };

static uint64_t load_uint(const uint8_t *from, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | from[i];
    return value;
}

/* A value too large for its member becomes the member's largest. */
static void store_uint(uint8_t *to, uint8_t width, uint64_t value)
{
    if (width < 8 && value >> (width * 8) != 0)
        value = (UINT64_C(1) << (width * 8)) - 1;
    switch (width) {
    case 1:
        *to = (uint8_t)value;
        break;
    case 2:
        memcpy(to, &(uint16_t){(uint16_t)value}, 2);
        break;
    case 4:
        memcpy(to, &(uint32_t){(uint32_t)value}, 4);
        break;
    case 8:
        memcpy(to, &value, 8);
        break;
    }
}

static uint64_t load_member(const uint8_t *at, uint8_t width)
{
    uint64_t value = 0;
    for (uint8_t i = 0; i < width; i++)
        value |= at[i];
    return value;
}

/* float64, or reduced to float32: RFC 7011, 6.2 */
static void store_float(uint8_t *to, const uint8_t *from, size_t len)
{
    double value;
    if (len == 4) {
        float reduced;
        memcpy(&reduced, &(uint32_t){wire_u32_at(from)}, 4);
        value = (double)reduced;
    } else {
        memcpy(&value, &(uint64_t){wire_u64_at(from)}, 8);
    }
    memcpy(to, &value, 8);
}

static bool all_zero(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (at[i] != 0)
            return false;
    return true;
}

static void store_addr(struct ip_addr *to, const uint8_t *from, size_t len)
{
    if (len == 4)
        addr_store_ipv4(to, from);
    else
        addr_store_ipv6(to, from);
}

static void store_section(struct plan_record *record, enum plan_section kind, const uint8_t *from,
                          uint32_t len)
{
    record->extra.section = from;
    record->extra.section_len = len;
    record->extra.section_kind = (uint8_t)kind;
}

/* What is rare, or depends on the fields before it. */
static void run_general(const struct plan_step *step, const uint8_t *from,
                        struct plan_record *record)
{
    uint8_t *to = (uint8_t *)record + step->to;

    switch ((enum step_op)step->op) {
    case OP_EITHER:
        if (load_member(to, step->width) == 0)
            store_uint(to, step->width, load_uint(from, step->len));
        break;
    case OP_ADDR_EITHER:
        if (*to == ADDR_NONE || (all_zero(to + 1, sizeof(((struct ip_addr *)NULL)->octets)) &&
                                 !all_zero(from, step->len)))
            store_addr((struct ip_addr *)to, from, step->len);
        break;
    case OP_FLOAT:
        store_float(to, from, step->len);
        break;
    case OP_SECTION_IP:
        store_section(record, SECTION_IP, from, step->len);
        break;
    case OP_SECTION_FRAME:
        store_section(record, SECTION_FRAME, from, step->len);
        break;
    default:
        store_uint(to, step->width, load_uint(from, step->len));
        break;
    }
}

/* One step of `count` records, which lie len_bytes apart: which step it is is asked once for all of
 * them. Where the count is a constant, that is all there is to ask. */
static inline __attribute__((always_inline)) void run_step(const struct plan_step *step,
                                                           const uint8_t *segment, size_t len_bytes,
                                                           struct plan_record *records,
                                                           size_t count)
{
    const uint8_t *from = segment + step->from;
    uint8_t *to = (uint8_t *)records + step->to;

#define EACH(store)                                                                                \
    for (size_t i = 0; i < count; i++, from += len_bytes, to += sizeof(struct plan_record))        \
        store;                                                                                     \
    break

    switch ((enum step_op)step->op) {
    case OP_U8:
        EACH(*to = *from);
    case OP_U16:
        EACH(memcpy(to, &(uint16_t){wire_u16_at(from)}, 2));
    case OP_U32:
        EACH(memcpy(to, &(uint32_t){wire_u32_at(from)}, 4));
    case OP_U64:
        EACH(memcpy(to, &(uint64_t){wire_u64_at(from)}, 8));
    case OP_U32_TO_U64:
        EACH(memcpy(to, &(uint64_t){wire_u32_at(from)}, 8));
    case OP_U16_TO_U32:
        EACH(memcpy(to, &(uint32_t){wire_u16_at(from)}, 4));
    case OP_U8_TO_U16:
        EACH(memcpy(to, &(uint16_t){*from}, 2));
    case OP_ADDR4:
        EACH(addr_store_ipv4((struct ip_addr *)to, from));
    case OP_ADDR16:
        EACH(addr_store_ipv6((struct ip_addr *)to, from));
    case OP_UINT:
    case OP_EITHER:
    case OP_ADDR_EITHER:
    case OP_FLOAT:
    case OP_SECTION_IP:
    case OP_SECTION_FRAME:
        for (size_t i = 0; i < count; i++, from += len_bytes)
            run_general(step, from, &records[i]);
        break;
    }
#undef EACH
}

/* The length of a field that carries it: one octet, or 255 and two more. RFC 7011, 7 */
static size_t variable_len(struct wire_reader *set)
{
    size_t len = wire_u8(set);
    return len == 255 ? wire_u16(set) : len;
}

static enum step_op op_for(uint8_t to, size_t len, bool only)
{
    const struct target *target = &element_targets[to];
    switch ((enum target_kind)target->kind) {
    case KIND_EITHER:
        if (!only)
            return OP_EITHER;
        __attribute__((fallthrough));
    case KIND_UINT:
        if (len == target->width)
            return len == 1 ? OP_U8 : len == 2 ? OP_U16 : len == 4 ? OP_U32 : OP_U64;
        if (len == 4 && target->width == 8)
            return OP_U32_TO_U64;
        if (len == 2 && target->width == 4)
            return OP_U16_TO_U32;
        return len == 1 && target->width == 2 ? OP_U8_TO_U16 : OP_UINT;
    case KIND_ADDR:
        return !only ? OP_ADDR_EITHER : len == 4 ? OP_ADDR4 : OP_ADDR16;
    case KIND_FLOAT:
        return OP_FLOAT;
    case KIND_SECTION:
        return to == TARGET_SECTION_IP ? OP_SECTION_IP : OP_SECTION_FRAME;
    }
    return OP_UINT;
}

static void run_variable(uint8_t to, const uint8_t *from, size_t len, struct plan_record *record)
{
    const struct target *target = &element_targets[to];
    if (!element_len_fits(target, len))
        return;
    record->flow.has |= target->has;
    if (target->kind == KIND_SECTION) {
        store_section(record, to == TARGET_SECTION_IP ? SECTION_IP : SECTION_FRAME, from,
                      (uint32_t)len);
        return;
    }
    struct plan_step step = {.to = target->offset,
                             .op = (uint8_t)op_for(to, len, false),
                             .len = (uint16_t)len,
                             .width = target->width};
    run_step(&step, from, 0, record, 1);
}

bool plan_next(const struct decode_plan *plan, struct wire_reader *set, struct plan_record *record)
{
    if (set->failed || set->left < plan->len_min)
        return false;
    const struct plan_step *step = plan->steps;
    for (uint16_t s = 0; s < plan->segment_count; s++) {
        const struct plan_segment *segment = &plan->segments[s];
        const uint8_t *at = wire_take(set, segment->fixed_len); /* one check for all its steps */
        if (at == NULL)
            return false;
        for (const struct plan_step *end = step + segment->step_count; step < end; step++)
            run_step(step, at, 0, record, 1);
        if (!segment->variable)
            continue;
        size_t len = variable_len(set);
        at = wire_take(set, len);
        if (at == NULL)
            return false;
        if (segment->variable_to != TARGET_NONE)
            run_variable(segment->variable_to, at, len, record);
    }
    return true;
}

bool plan_is_fixed(const struct decode_plan *plan)
{
    return plan->segment_count == 1;
}

void plan_next_some(const struct decode_plan *plan, struct wire_reader *set,
                    struct plan_record *records, size_t again, size_t count)
{
    const size_t len_bytes = plan->len_min;
    const uint8_t *at = wire_take(set, count * len_bytes);
    const struct plan_step *step = plan->steps, *end = step + plan->step_count;
    assert(plan_is_fixed(plan) && at != NULL);
    at -= again * len_bytes;
    count += again;
    for (; count == PLAN_BATCH && step < end; step++)
        run_step(step, at, len_bytes, records, PLAN_BATCH);
    for (; count == PLAN_BATCH / 2 && step < end; step++)
        run_step(step, at, len_bytes, records, PLAN_BATCH / 2);
    for (; step < end; step++)
        run_step(step, at, len_bytes, records, count);
}

/* --- compiling --- */

static struct decode_plan *plan_alloc(const struct template_field *fields, size_t count)
{
    size_t segments = 1;
    for (size_t i = 0; i < count; i++)
        segments += fields[i].len == FIELD_VARIABLE;
    size_t bytes = sizeof(struct decode_plan) + segments * sizeof(struct plan_segment) +
                   count * sizeof(struct plan_step);
    struct decode_plan *plan = calloc(1, bytes);
    if (plan == NULL)
        return NULL;
    plan->bytes = bytes;
    plan->segment_count = (uint16_t)segments;
    plan->steps = (struct plan_step *)(void *)(plan->segments + segments);
    return plan;
}

static void plan_fill(struct decode_plan *plan, const struct template_field *fields, size_t count)
{
    struct choice choice;
    bool taken[TARGET_COUNT] = {false};
    struct plan_segment *segment = plan->segments;

    choose_fields(&choice, fields, count);
    plan->start_unit = choice.start_unit;
    plan->end_unit = choice.end_unit;
    plan->counted_again = choice.counted_again;
    plan->need |= choice.counted_again != 0 ? NEED_TOTAL : 0U;
    plan->has_start = choice.fields[TARGET_START] > 0;
    plan->has_end = choice.fields[TARGET_END] > 0;
    plan->has_uptimes = plan->has_start && plan->has_end && plan->start_unit == UNIT_UPTIME &&
                        plan->end_unit == UNIT_UPTIME;
    plan->has_millis = plan->has_start && plan->has_end && plan->start_unit == UNIT_MILLI &&
                       plan->end_unit == UNIT_MILLI;
    for (size_t i = 0; i < count; i++) {
        uint8_t to = choose_target(&choice, &fields[i], taken);
        const struct target *target = &element_targets[to];
        plan->need |= target->need;
        bool is_variable = fields[i].len == FIELD_VARIABLE, only = choice.fields[to] == 1;
        /* All else in the record's extra part is written anew by each record. */
        bool is_extra = target->offset >= offsetof(struct plan_record, extra);
        if (is_extra && (is_variable || (target->kind == KIND_EITHER && !only)))
            plan->need |= NEED_CLEAR;
        if (is_variable) {
            segment->variable = true;
            segment->variable_to = to;
            segment++;
            continue;
        }
        if (to != TARGET_NONE) {
            plan->has |= target->has;
            plan->steps[plan->step_count++] =
                (struct plan_step){.from = segment->fixed_len,
                                   .to = target->offset,
                                   .op = (uint8_t)op_for(to, fields[i].len, only),
                                   .len = fields[i].len,
                                   .width = target->width};
            segment->step_count++;
        }
        segment->fixed_len = (uint16_t)(segment->fixed_len + fields[i].len);
    }
}

enum decode_reason plan_compile(const struct template_field *fields, size_t count,
                                struct decode_plan **ret_plan)
{
    size_t len_min = 0;
    for (size_t i = 0; i < count; i++)
        len_min += fields[i].len == FIELD_VARIABLE ? 1 : fields[i].len;
    if (len_min == 0 || len_min > RECORD_MAX)
        return DECODE_TEMPLATE; /* an empty record would never use up its set */
    struct decode_plan *plan = plan_alloc(fields, count);
    if (plan == NULL)
        return DECODE_NO_MEMORY;
    plan->len_min = (uint32_t)len_min;
    plan_fill(plan, fields, count);
    *ret_plan = plan;
    return DECODE_OK;
}
