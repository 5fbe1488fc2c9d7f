#include "collector/decode/sflow_counters.h"

#include "collector/decode/sflow_records.h"

/*
 * A counter sample:
 *    sequence, source id (two words in the expanded one), number of records
 *    records: type, length, body
 */
enum { COUNTERS_INTERFACE = 1 };

static uint32_t counter(struct wire_reader *r)
{
    uint32_t value = wire_u32(r);
    return value != UINT32_MAX ? value : 0; /* all ones: the agent does not count this */
}

/*
 * if_counters: index, type, speed (8 octets), direction, status,
 *   octets in (8), unicast, multicast, broadcast, discarded, errors, unknown protocols,
 *   octets out (8), unicast, multicast, broadcast, discarded, errors, promiscuous
 */
static bool read_interface(struct wire_reader *r, struct decode_interface *interface)
{
    interface->index = wire_u32(r);
    wire_skip(r, 4);
    interface->speed_bps = wire_u64(r);
    wire_skip(r, 4);
    uint32_t status = wire_u32(r);
    interface->is_up = (status & 3) == 3; /* by its administrator, and in fact */
    interface->in_octets = wire_u64(r);
    interface->in_packets = counter(r);
    interface->in_packets += counter(r);
    interface->in_packets += counter(r);
    interface->in_discards = counter(r);
    interface->in_errors = counter(r);
    wire_skip(r, 4);
    interface->out_octets = wire_u64(r);
    interface->out_packets = counter(r);
    interface->out_packets += counter(r);
    interface->out_packets += counter(r);
    interface->out_discards = counter(r);
    interface->out_errors = counter(r);
    return !r->failed;
}

void sflow_read_counters(struct decode_context *context, struct wire_reader *r, bool expanded,
                         const struct ip_addr *agent)
{
    struct decode_interface interface = {.exporter = context->source->addr,
                                         .agent = *agent,
                                         .sub_agent = context->domain_number,
                                         .uptime_ms = context->uptime_ms};
    context->decode->counters.counter_samples++;
    wire_skip(r, expanded ? 12 : 8);
    uint32_t count = wire_u32(r);
    if (r->failed) {
        state_refuse(context, DECODE_SAMPLE);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t type;
        struct wire_reader record = sflow_take(r, &type);
        if (r->failed || (type == COUNTERS_INTERFACE && !read_interface(&record, &interface))) {
            state_refuse(context, DECODE_RECORD);
            return;
        }
        if (type != COUNTERS_INTERFACE)
            continue;
        context->decode->counters.interface_counters++;
        context->decode->has_told = true;
        if (context->sink->on_interface != NULL)
            context->sink->on_interface(context->sink->owner, &interface);
    }
}
