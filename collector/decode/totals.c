#include "collector/decode/totals.h"

#include "collector/decode/told.h"
#include "common/base/hash.h"

#include <string.h>

enum { PACKET_OCTETS_MAX = 65536 };

enum firewall_event { EVENT_CREATED = 1, EVENT_DELETED = 2, EVENT_DENIED = 3, EVENT_UPDATE = 5 };

/* RFC 5102, 5.11.3: why the record was made. */
enum end_reason { END_IDLE = 1, END_ACTIVE = 2, END_SEEN = 3, END_FORCED = 4, END_NO_ROOM = 5 };

/* All octets are set: it is hashed as it lies. */
struct identity {
    struct ip_addr exporter, src_addr, dst_addr;
    uint8_t format, protocol;
    uint32_t domain, input_if, output_if, vlan;
    uint16_t src_port, dst_port;
    uint64_t flow_id, start;
};

static uint64_t flow_of(const struct decode_context *context, const struct decode_plan *plan,
                        const struct plan_record *record, uint64_t seed)
{
    const struct flow_record *flow = &record->flow;
    const struct plan_extra *extra = &record->extra;
    struct identity id;

    memset(&id, 0, sizeof(id));
    id.exporter = context->source->addr;
    id.format = context->format;
    id.domain = context->domain_number;
    id.src_addr = flow->src_addr;
    id.dst_addr = flow->dst_addr;
    id.src_port = flow->src_port;
    id.dst_port = flow->dst_port;
    id.protocol = flow->protocol;
    id.flow_id = plan->need & NEED_FLOW_ID ? extra->flow_id : 0;
    if (!(plan->need & NEED_EVENT)) { /* a firewall's id of the connection says all */
        id.input_if = flow->input_if;
        id.output_if = flow->output_if;
        id.vlan = flow->vlan;
        if (plan->has_start && plan->start_unit != UNIT_DELTA)
            id.start = extra->start;
    }
    uint64_t hash = hash_seeded(&id, sizeof(id), seed);
    return hash != 0 ? hash : 1;
}

/* The record's counters, in the order of the plan's bits for them. */
struct counters {
    uint64_t *value[PLAN_COUNTERS], *told[PLAN_COUNTERS];
};

static struct counters counters_of(struct plan_record *record)
{
    return (struct counters){
        .value = {&record->flow.bytes, &record->flow.packets, &record->extra.reverse_bytes,
                  &record->extra.reverse_packets},
        .told = {&record->flow.told_bytes, &record->flow.told_packets,
                 &record->extra.reverse_told_bytes, &record->extra.reverse_told_packets}};
}

static void take_off(const struct counters *counters, size_t i, uint64_t told)
{
    uint64_t value = *counters->value[i];
    *counters->told[i] = told < value ? told : value;
    *counters->value[i] = value - *counters->told[i];
}

/*
 * A total that is less than the last one is one that began anew, or not of the exporter at all: so
 * the last two are kept, and the next goes on from the larger of those that it can. One that is
 * forged between two true ones then makes no difference of them. Without a start the ends may well
 * be another flow's, and less than the last is always that.
 */
static void settle_total(const struct counters *counters, size_t i, struct told_flow *told,
                         bool has_start)
{
    uint64_t value = *counters->value[i];
    bool first_is_more = told->said[0][i] >= told->said[1][i];
    uint64_t *more = &told->said[first_is_more ? 0 : 1][i], *less = &told->said[first_is_more][i];
    if (value >= *more) {
        take_off(counters, i, *more);
        *less = value;
    } else if (!has_start) {
        *more = value;
        *less = 0;
    } else if (*less > 0 && value >= *less) {
        take_off(counters, i, *less);
        *more = value;
    } else {
        *less = value;
    }
}

static void settle_event(const struct counters *counters, size_t i, struct told_flow *told,
                         uint8_t event)
{
    uint64_t value = *counters->value[i], sum;
    if (event == EVENT_DELETED) {
        take_off(counters, i, told->said[0][i]);
        if (value > told->said[0][i])
            told->said[0][i] = value;
    } else if (told->is_over) {
        take_off(counters, i, value); /* the teardown had it */
    } else {
        told->said[0][i] = __builtin_add_overflow(told->said[0][i], value, &sum) ? UINT64_MAX : sum;
    }
}

/* What is counted came since the flow was told last, and not over all of its life. */
static void shorten(struct flow_record *flow, const struct told_flow *told, uint64_t now_ms)
{
    if (!(flow->has & FLOW_DURATION) || !(flow->has & FLOW_TIME) || told->end_ms == 0)
        return;
    /* An end before the last one is a clock that was set, or was forged: ours says how long. */
    uint64_t lasted_ms =
        flow->time_ms >= told->end_ms ? flow->time_ms - told->end_ms : now_ms - told->came_ms;
    if (lasted_ms < flow->duration_ms)
        flow->duration_ms = (uint32_t)lasted_ms;
}

static void drop_volume(struct plan_record *record)
{
    record->flow.has &= ~(uint32_t)(FLOW_BYTES | FLOW_PACKETS);
    record->flow.bytes = record->flow.packets = 0;
    record->extra.reverse_bytes = record->extra.reverse_packets = 0;
}

static bool are_octets_wild(const struct counters *counters, uint8_t counted_again, size_t octets,
                            size_t packets)
{
    unsigned int both = 1U << octets | 1U << packets;
    uint64_t count = *counters->value[packets] > 0 ? *counters->value[packets] : 1;
    return (counted_again & both) == both && *counters->value[octets] / PACKET_OCTETS_MAX >= count;
}

/* Totals of which the packets cannot carry the octets that came since. */
static bool is_wild(const struct counters *counters, uint8_t counted_again)
{
    return are_octets_wild(counters, counted_again, 0, 1) ||
           are_octets_wild(counters, counted_again, 2, 3);
}

static void settle(struct told_flow *told, const struct decode_plan *plan,
                   const struct plan_record *record, const struct counters *counters)
{
    const struct plan_extra *extra = &record->extra;
    bool has_start = plan->has_start && plan->start_unit != UNIT_DELTA && extra->start != 0;
    for (size_t i = 0; i < PLAN_COUNTERS; i++) {
        if (!(plan->counted_again >> i & 1))
            continue;
        if (plan->need & NEED_EVENT)
            settle_event(counters, i, told, extra->event);
        else
            settle_total(counters, i, told, has_start);
    }
}

/* Whether nothing more comes of the flow. */
static bool is_over(const struct decode_plan *plan, const struct plan_extra *extra)
{
    if (plan->need & NEED_EVENT)
        return extra->event == EVENT_DELETED;
    return extra->end_reason == END_IDLE || extra->end_reason == END_SEEN ||
           extra->end_reason == END_FORCED || extra->end_reason == END_NO_ROOM;
}

/* Whether the record's counters are to be settled at all. */
static bool is_counted_again(const struct decode_plan *plan, struct plan_record *record)
{
    const uint32_t ends = FLOW_SRC_ADDR | FLOW_DST_ADDR;
    uint8_t event = plan->need & NEED_EVENT ? record->extra.event : 0;
    if (event == EVENT_CREATED || event == EVENT_DENIED) {
        drop_volume(record);
        return false;
    }
    if (plan->need & NEED_EVENT && event != EVENT_DELETED && event != EVENT_UPDATE)
        return false;
    return (record->flow.has & ends) == ends; /* else a sum over flows, and nothing says which */
}

static void settle_known(struct decode_context *context, const struct decode_plan *plan,
                         struct plan_record *record, struct told_flow *told)
{
    const struct told_flow before = *told;
    struct counters counters = counters_of(record);
    settle(told, plan, record, &counters);
    if (!(plan->need & NEED_EVENT) && is_wild(&counters, plan->counted_again)) {
        *told = before;
        drop_volume(record);
        state_refuse(context, DECODE_TOTAL);
        return;
    }
    shorten(&record->flow, told, context->now_ms);
}

void totals_settle(struct decode_context *context, const struct decode_plan *plan,
                   struct plan_record *record)
{
    struct decode *decode = context->decode;
    struct decode_exporter *exporter = context->domain->exporter;
    bool is_new, is_gone, over = is_over(plan, &record->extra);

    record->extra.reverse_told_bytes = record->extra.reverse_told_packets = 0; /* the last one's */
    if (!is_counted_again(plan, record))
        return;
    if (decode->told == NULL && (decode->told = told_new(&decode->limits)) == NULL) {
        state_refuse(context, DECODE_NO_MEMORY);
        return;
    }
    uint64_t flow = flow_of(context, plan, record, decode->secret);
    struct told_flow *told =
        told_enter(decode->told, exporter, flow, over, context->now_ms, &is_new, &is_gone);
    decode->counters.evicted_totals += is_gone;
    if (told == NULL)
        return;
    if (is_new) {
        struct counters counters = counters_of(record);
        settle(told, plan, record, &counters);
    } else {
        settle_known(context, plan, record, told);
    }
    told->is_brief = (plan->need & NEED_EVENT) != 0;
    told->is_over = over || (told->is_brief && told->is_over);
    told->came_ms = context->now_ms;
    if (record->flow.has & FLOW_TIME)
        told->end_ms = record->flow.time_ms;
}
