#include "collector/decode/record.h"

#include "collector/decode/packet.h"
#include "collector/decode/sampling.h"
#include "collector/decode/totals.h"

#include <netinet/in.h>

static bool has_ports(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_DCCP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
        return true;
    default:
        return false;
    }
}

static void tidy_icmp(struct flow_record *flow)
{
    const uint32_t both = FLOW_SRC_PORT | FLOW_DST_PORT;
    /* Older exporters write type and code into the destination port. Both ports 0 may be an echo
     * reply or nothing said, so nothing is taken from that. A field of 0 is believed: beside it an
     * ASA has ICMP's identifier in the port. */
    if (!(flow->has & FLOW_ICMP) && (flow->has & both) == both && flow->src_port == 0 &&
        flow->dst_port != 0) {
        flow->icmp_type = (uint8_t)(flow->dst_port >> 8);
        flow->icmp_code = (uint8_t)flow->dst_port;
        flow->has |= FLOW_ICMP;
    }
}

static void drop_ports(struct flow_record *flow)
{
    flow->has &= ~(uint32_t)(FLOW_SRC_PORT | FLOW_DST_PORT);
    flow->src_port = flow->dst_port = 0;
}

static inline void tidy(struct flow_record *flow)
{
    if (flow->has & FLOW_FRAGMENT && flow->fragment & FRAGMENT_LATER)
        drop_ports(flow);
    if (!(flow->has & FLOW_PROTOCOL))
        return;
    if (flow->protocol == IPPROTO_ICMP || flow->protocol == IPPROTO_ICMPV6)
        tidy_icmp(flow);
    else
        flow->has &= ~(uint32_t)FLOW_ICMP;
    if (flow->protocol != IPPROTO_TCP)
        flow->has &= ~(uint32_t)FLOW_TCP_FLAGS;
    /* Exporters that know no ports of a later fragment write 0 for both. */
    if (!has_ports(flow->protocol) || (flow->src_port | flow->dst_port) == 0)
        drop_ports(flow);
}

void record_tidy(struct flow_record *flow)
{
    tidy(flow);
}

void record_count(struct decode_context *context, const struct flow_record *flow, uint64_t count)
{
    struct decode_domain_info *info = &context->domain->info;
    context->decode->counters.records[context->format] += count;
    info->counts.records += count;
    info->sampling_rate = flow->sampling_rate;
    info->sampling_source = flow->sampling_source;
}

void record_give(struct decode_context *context, const struct flow_record *flow)
{
    struct decode_counters *counters = &context->decode->counters;
    struct decode_domain_info *info = &context->domain->info;

    counters->records[context->format]++;
    counters->reverse_records += flow->reverse;
    counters->records_without_volume += !(flow->has & (FLOW_BYTES | FLOW_PACKETS));
    info->counts.records++;
    info->sampling_rate = flow->sampling_rate;
    info->sampling_source = flow->sampling_source;
    context->sink->on_record(context->sink->owner, flow);
}

/* --- records of templates --- */

/* RFC 7011, 6.1.9: seconds since 1900 and a fraction. Some exporters write Unix time in the unit
 * itself, which as NTP time would lie long before 1970. */
static uint64_t ntp_to_ms(uint64_t value, uint64_t units_per_ms)
{
    const uint64_t seconds_to_1970 = UINT64_C(2208988800);
    uint64_t seconds = value >> 32, fraction = value & UINT32_MAX;
    if (seconds < seconds_to_1970)
        return value / units_per_ms;
    return (seconds - seconds_to_1970) * 1000 + (fraction * 1000 >> 32);
}

/* How long before `reference` an uptime was; the counter wraps after 49.7 days. */
static uint32_t uptime_before(uint32_t reference, uint64_t uptime)
{
    uint32_t before = reference - (uint32_t)uptime;
    return before > INT32_MAX ? 0 : before; /* later than the reference: clocks differ a little */
}

/* Unix time in ms; 0: cannot be told. */
static uint64_t time_to_ms(const struct decode_context *context, const struct plan_extra *extra,
                           enum plan_unit unit, uint64_t value)
{
    switch (unit) {
    case UNIT_MILLI:
        return value;
    case UNIT_MICRO:
        return ntp_to_ms(value, 1000);
    case UNIT_NANO:
        return ntp_to_ms(value, 1000000);
    case UNIT_SECOND:
        return value > UINT32_MAX ? 0 : value * 1000;
    case UNIT_DELTA:
        return context->export_ms > value / 1000 ? context->export_ms - value / 1000 : 0;
    case UNIT_UPTIME:
        if (context->format == FORMAT_NETFLOW9)
            return context->export_ms - uptime_before(context->uptime_ms, value);
        if (extra->boot_ms > 0)
            return extra->boot_ms + value;
        return context->domain->boot_ms > 0 ? context->domain->boot_ms + value : 0;
    case UNIT_NONE:
    case UNIT_COUNT:
        break;
    }
    return 0;
}

static uint32_t duration_of(uint64_t start, uint64_t end)
{
    if (end < start)
        return 0;
    return end - start > UINT32_MAX ? UINT32_MAX : (uint32_t)(end - start);
}

/* A time of 0 is one that was not told; no time since the export is one. */
static bool is_told(bool has, uint8_t unit, uint64_t value)
{
    return has && (value != 0 || unit == UNIT_DELTA);
}

static void set_duration(struct flow_record *flow, uint32_t duration_ms)
{
    flow->duration_ms = duration_ms;
    flow->has |= FLOW_DURATION;
}

/* What exporters say mostly, and finish_time would find out with more questions. False: it does
 * not. */
static inline bool finish_usual_time(const struct decode_context *context,
                                     const struct decode_plan *plan, struct plan_record *record)
{
    struct flow_record *flow = &record->flow;
    const struct plan_extra *extra = &record->extra;
    uint64_t start = extra->start, end = extra->end;

    if (start == 0 || end == 0)
        return false;
    if (plan->has_millis) {
        flow->time_ms = end;
        set_duration(flow, duration_of(start, end));
    } else if (plan->has_uptimes) {
        uint64_t boot_ms = extra->boot_ms > 0 ? extra->boot_ms : context->domain->boot_ms;
        if (context->format == FORMAT_NETFLOW9)
            flow->time_ms = context->export_ms - uptime_before(context->uptime_ms, end);
        else
            flow->time_ms = boot_ms > 0 ? boot_ms + end : 0;
        set_duration(flow, uptime_before((uint32_t)end, start));
    } else {
        return false;
    }
    flow->has |= flow->time_ms != 0 ? FLOW_TIME : 0U;
    return true;
}

static __attribute__((noinline)) void finish_time(const struct decode_context *context,
                                                  const struct decode_plan *plan,
                                                  struct plan_record *record)
{
    struct flow_record *flow = &record->flow;
    const struct plan_extra *extra = &record->extra;
    bool has_start = is_told(plan->has_start, plan->start_unit, extra->start);
    bool has_end = is_told(plan->has_end, plan->end_unit, extra->end);

    if (has_end) {
        flow->time_ms = time_to_ms(context, extra, plan->end_unit, extra->end);
        if (flow->time_ms != 0)
            flow->has |= FLOW_TIME;
    }
    if (has_start && has_end) {
        if (plan->start_unit == UNIT_UPTIME && plan->end_unit == UNIT_UPTIME) {
            set_duration(flow, uptime_before((uint32_t)extra->end, extra->start));
            return;
        }
        uint64_t start_ms = time_to_ms(context, extra, plan->start_unit, extra->start);
        /* One alone may lack the time that its uptime counts from. */
        if (plan->start_unit == plan->end_unit || (start_ms != 0 && flow->time_ms != 0)) {
            set_duration(flow, duration_of(start_ms, flow->time_ms));
            return;
        }
    }
    if (extra->duration_ms != 0 || extra->duration_us != 0)
        set_duration(flow, duration_of(0, extra->duration_ms != 0 ? extra->duration_ms
                                                                  : extra->duration_us / 1000));
}

static void finish_icmp(struct plan_record *record)
{
    const struct plan_extra *extra = &record->extra;
    bool split = (extra->icmp_type | extra->icmp_code) != 0;
    record->flow.icmp_type = (uint8_t)(split ? extra->icmp_type : extra->icmp >> 8);
    record->flow.icmp_code = (uint8_t)(split ? extra->icmp_code : extra->icmp);
}

static void finish_fragment(struct plan_record *record)
{
    enum { DONT = 0x40, MORE = 0x20 }; /* fragmentFlags, element 197 */
    uint16_t offset = record->extra.fragment_offset;
    uint8_t flags = record->extra.fragment_flags;
    unsigned int bits = 0;

    if (offset > 0)
        bits |= FRAGMENT_LATER;
    else if (flags & MORE)
        bits |= FRAGMENT_FIRST;
    if (flags & DONT)
        bits |= FRAGMENT_DF;
    record->flow.fragment = (uint8_t)bits;
}

/* A packet inside the record: it says what the record's own fields do not. */
static void finish_section(struct decode_context *context, struct plan_record *record)
{
    enum { FRAME_ETHERNET = 1 };
    struct flow_record *flow = &record->flow;
    const struct plan_extra *extra = &record->extra;
    struct flow_record packet = {0};

    if (extra->section_kind == SECTION_NONE)
        return;
    struct wire_reader r = wire_reader_of(extra->section, extra->section_len);
    const uint32_t behind =
        extra->frame_len >= r.left ? extra->frame_len - (uint32_t)r.left : PACKET_BEHIND_UNKNOWN;
    /* Neither the middle of a packet nor a frame of another medium says where its header is. */
    if (extra->section_offset == 0 && extra->frame_type <= FRAME_ETHERNET) {
        bool found = extra->section_kind == SECTION_IP ? packet_parse_ip(&r, &packet)
                                                       : packet_parse_ethernet(&r, behind, &packet);
        if (!found)
            state_refuse(context, DECODE_PACKET);
    }
    packet_complete(flow, &packet);
    if (!(flow->has & (FLOW_BYTES | FLOW_PACKETS))) {
        flow->bytes = extra->frame_len > 0 ? extra->frame_len : packet.ip_length;
        flow->packets = 1;
        if (flow->bytes > 0)
            flow->has |= FLOW_BYTES;
        flow->has |= FLOW_PACKETS;
    }
}

#define SWAP(a, b)                                                                                 \
    do {                                                                                           \
        __typeof__(a) kept = (a);                                                                  \
        (a) = (b);                                                                                 \
        (b) = kept;                                                                                \
    } while (0)

static uint32_t swap_bits(uint32_t has, uint32_t a, uint32_t b)
{
    uint32_t rest = has & ~(a | b);
    return rest | (has & a ? b : 0) | (has & b ? a : 0);
}

/* The other half of a bidirectional record: what came back. */
static __attribute__((noinline)) void give_reverse(struct decode_context *context,
                                                   struct plan_record *record)
{
    struct flow_record back = record->flow;
    const struct plan_extra *extra = &record->extra;

    if ((extra->reverse_bytes | extra->reverse_packets | extra->reverse_told_bytes |
         extra->reverse_told_packets) == 0)
        return;
    back.reverse = true;
    SWAP(back.src_addr, back.dst_addr);
    SWAP(back.src_port, back.dst_port);
    SWAP(back.src_mask, back.dst_mask);
    SWAP(back.src_as, back.dst_as);
    SWAP(back.input_if, back.output_if);
    back.has = swap_bits(back.has, FLOW_SRC_ADDR, FLOW_DST_ADDR);
    back.has = swap_bits(back.has, FLOW_SRC_PORT, FLOW_DST_PORT);
    back.has = swap_bits(back.has, FLOW_SRC_MASK, FLOW_DST_MASK);
    back.has = swap_bits(back.has, FLOW_SRC_AS, FLOW_DST_AS);
    back.has = swap_bits(back.has, FLOW_INPUT_IF, FLOW_OUTPUT_IF);
    /* These are said of the forward half only. */
    back.has &= ~(uint32_t)(FLOW_NEXT_HOP | FLOW_DIRECTION | FLOW_IP_LENGTH | FLOW_MIN_LENGTH |
                            FLOW_MAX_LENGTH | FLOW_FRAGMENT | FLOW_TTL | FLOW_TCP_FLAGS | FLOW_TOS |
                            FLOW_FLOW_LABEL | FLOW_ICMP | FLOW_BYTES | FLOW_PACKETS);
    back.bytes = extra->reverse_bytes;
    back.packets = extra->reverse_packets;
    back.told_bytes = extra->reverse_told_bytes;
    back.told_packets = extra->reverse_told_packets;
    back.tcp_flags = extra->reverse_tcp_flags;
    back.has |= ((back.bytes | back.told_bytes) > 0 ? FLOW_BYTES : 0U) |
                ((back.packets | back.told_packets) > 0 ? FLOW_PACKETS : 0U) |
                (back.tcp_flags > 0 ? FLOW_TCP_FLAGS : 0U);
    record_give(context, &back);
}

/* What few templates need, out of the way of the others. */
static __attribute__((noinline)) void finish_rest(struct decode_context *context,
                                                  const struct decode_plan *plan,
                                                  struct plan_record *record)
{
    if (plan->need & NEED_ICMP)
        finish_icmp(record);
    if (plan->need & NEED_FRAGMENT)
        finish_fragment(record);
    if (plan->need & NEED_SECTION)
        finish_section(context, record);
    if (plan->need & (NEED_RATE | NEED_SAMPLER) || sampling_is_by_place(context))
        sampling_of_record(context, plan, record);
}

/* What a record of deltas counted came since its flow was told last: within the active timeout,
 * where its options tell that. Some (Junos, inline) say in each record when the flow
 * began, be it days ago. */
static uint32_t longest_ms(const struct decode_context *context, const struct decode_plan *plan)
{
    const uint32_t timeout_ms = context->active_timeout_ms;
    return timeout_ms > 0 && plan->counted_again == 0 ? timeout_ms : UINT32_MAX;
}

void record_of_template(struct decode_context *context, const struct decode_plan *plan,
                        struct plan_record *records, size_t count)
{
    const uint32_t usual = NEED_TIME | NEED_CLEAR | NEED_REVERSE, need = plan->need;
    const bool has_rest = need & ~usual || sampling_is_by_place(context);
    const struct decode_sink *sink = context->sink;
    const uint32_t lasts_ms = longest_ms(context, plan);
    uint64_t without_volume = 0;

    for (struct plan_record *record = records; record < records + count; record++) {
        struct flow_record *flow = &record->flow;
        if (need & NEED_TIME && !finish_usual_time(context, plan, record))
            finish_time(context, plan, record);
        if (flow->duration_ms > lasts_ms)
            flow->duration_ms = lasts_ms;
        if (has_rest)
            finish_rest(context, plan, record);
        flow->dropped =
            flow->has & FLOW_FORWARDING && flow->forwarding_status >> 6 == 2; /* RFC 7270 */
        tidy(flow);
        if (need & NEED_TOTAL)
            totals_settle(context, plan, record);
        without_volume += !(flow->has & (FLOW_BYTES | FLOW_PACKETS));
        sink->on_record(sink->owner, flow);
        if (need & NEED_REVERSE)
            give_reverse(context, record);
    }
    context->decode->counters.records_without_volume += without_volume;
    record_count(context, &records[count - 1].flow, count);
}
