#include "collector/decode/totals.h"

#include "common/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAYS = 8, /* places that a flow may have */
    FORGET_MS = 3600000,
    /* An update that belongs to a teardown comes with it; its id may be another flow's later. */
    CLOSED_MS = 60000
};

enum firewall_event { EVENT_CREATED = 1, EVENT_DELETED = 2, EVENT_DENIED = 3, EVENT_UPDATE = 5 };

struct total {
    uint64_t flow; /* hash; 0: none is here */
    uint64_t said[PLAN_COUNTERS];
    uint64_t end_ms, came_ms;
    bool closed; /* its teardown was told */
};

struct totals {
    size_t set_count; /* a power of two, of WAYS each */
    uint64_t seed;
    struct total items[];
};

static struct totals *totals_new(const struct decode *decode)
{
    size_t sets = 1;
    while (sets * WAYS < decode->limits.flow_totals)
        sets *= 2;
    struct totals *totals = calloc(1, sizeof(*totals) + sets * WAYS * sizeof(totals->items[0]));
    if (totals == NULL)
        return NULL;
    totals->set_count = sets;
    totals->seed = decode->secret;
    return totals;
}

void totals_free(struct totals *totals)
{
    free(totals);
}

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

static bool is_old(const struct total *total, uint64_t now_ms)
{
    return now_ms - total->came_ms > (total->closed ? (uint64_t)CLOSED_MS : (uint64_t)FORGET_MS);
}

/* The flow's place; *ret_new: nothing was told of it yet. */
static struct total *enter(struct decode_context *context, uint64_t flow, bool *ret_new)
{
    struct totals *totals = context->decode->totals;
    struct total *set = &totals->items[(flow & (totals->set_count - 1)) * WAYS], *place = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].flow == flow && !is_old(&set[i], context->now_ms)) {
            *ret_new = false;
            return &set[i];
        }
        if (set[i].flow == 0 || (place->flow != 0 && set[i].came_ms < place->came_ms))
            place = &set[i];
    }
    if (place->flow != 0 && !is_old(place, context->now_ms))
        context->decode->counters.evicted_totals++;
    *place = (struct total){.flow = flow};
    *ret_new = true;
    return place;
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

/* A total that went back is one that began anew. */
static void settle_total(const struct counters *counters, size_t i, struct total *total)
{
    uint64_t value = *counters->value[i];
    if (value >= total->said[i])
        take_off(counters, i, total->said[i]);
    total->said[i] = value;
}

static void settle_event(const struct counters *counters, size_t i, struct total *total,
                         uint8_t event)
{
    uint64_t value = *counters->value[i], sum;
    if (event == EVENT_DELETED) {
        take_off(counters, i, total->said[i]);
        if (value > total->said[i])
            total->said[i] = value;
    } else if (total->closed) {
        take_off(counters, i, value); /* the teardown had it */
    } else {
        total->said[i] = __builtin_add_overflow(total->said[i], value, &sum) ? UINT64_MAX : sum;
    }
}

/* What is counted came since the flow was told last, and not over all of its life. */
static void shorten(struct flow_record *flow, uint64_t since_ms)
{
    if (!(flow->has & FLOW_DURATION) || !(flow->has & FLOW_TIME) || since_ms == 0)
        return;
    uint64_t lasted_ms = flow->time_ms > since_ms ? flow->time_ms - since_ms : 0;
    if (lasted_ms < flow->duration_ms)
        flow->duration_ms = (uint32_t)lasted_ms;
}

static void drop_volume(struct plan_record *record)
{
    record->flow.has &= ~(uint32_t)(FLOW_BYTES | FLOW_PACKETS);
    record->flow.bytes = record->flow.packets = 0;
    record->extra.reverse_bytes = record->extra.reverse_packets = 0;
}

void totals_settle(struct decode_context *context, const struct decode_plan *plan,
                   struct plan_record *record)
{
    struct decode *decode = context->decode;
    const uint32_t ends = FLOW_SRC_ADDR | FLOW_DST_ADDR;
    uint8_t event = plan->need & NEED_EVENT ? record->extra.event : 0;
    bool is_new;

    record->extra.reverse_told_bytes = record->extra.reverse_told_packets = 0; /* the last one's */
    if (event == EVENT_CREATED || event == EVENT_DENIED) {
        drop_volume(record);
        return;
    }
    if (plan->need & NEED_EVENT && event != EVENT_DELETED && event != EVENT_UPDATE)
        return;
    if ((record->flow.has & ends) != ends)
        return; /* a sum over many flows, and nothing says which */
    if (decode->totals == NULL && (decode->totals = totals_new(decode)) == NULL) {
        state_refuse(context, DECODE_NO_MEMORY);
        return;
    }
    struct total *total =
        enter(context, flow_of(context, plan, record, decode->totals->seed), &is_new);
    struct counters counters = counters_of(record);
    for (size_t i = 0; i < PLAN_COUNTERS; i++) {
        if (!(plan->counted_again >> i & 1))
            continue;
        if (event != 0)
            settle_event(&counters, i, total, event);
        else
            settle_total(&counters, i, total);
    }
    if (!is_new)
        shorten(&record->flow, total->end_ms);
    total->closed = total->closed || event == EVENT_DELETED;
    total->came_ms = context->now_ms;
    if (record->flow.has & FLOW_TIME)
        total->end_ms = record->flow.time_ms;
}
