#include "collector/tally/volume.h"

#include "common/base/text.h"

enum {
    PACKET_OCTETS_MAX = 65536,
    PACKET_OCTETS_MIN = 20, /* an IPv4 header */
    DURATION_MAX_MS = 3600000,
    PACKET_OCTETS_USUAL = 1500 /* where a record says octets but no packets */
};

static double rate_of(const struct flow_record *flow)
{
    return flow->sampling_rate >= 1 ? flow->sampling_rate : 1;
}

/* As long as a record may stand for: as it says, but at least a second, since a sampled packet of a
 * flow that lasted a moment stands for many that came later. One that does not say it may be of a
 * flow that the exporter kept to itself for as long as it ever does; a sample of sFlow never is. */
static double seconds_of(const struct flow_record *flow, const struct config_exporter *config)
{
    uint64_t ms = flow->duration_ms;
    if (!(flow->has & FLOW_DURATION))
        ms = flow->format == FORMAT_SFLOW5 ? 0 : config->active_timeout_ms;
    return ms > 1000 ? (double)ms / 1000 : 1;
}

static bool over_rate(const struct flow_record *flow, const struct config_exporter *config)
{
    /* Packets without their octets have as many as the smallest do. */
    double octets =
        flow->has & FLOW_BYTES ? (double)flow->bytes : (double)flow->packets * PACKET_OCTETS_MIN;
    return octets * 8 * rate_of(flow) / seconds_of(flow, config) > (double)config->max_rate_bps;
}

/* Saturates, as the counters are a stranger's. */
static uint64_t octets_of(uint64_t packets, uint64_t octets_a_packet)
{
    uint64_t octets;
    return __builtin_mul_overflow(packets, octets_a_packet, &octets) ? UINT64_MAX : octets;
}

enum tally_reason volume_judge(const struct flow_record *flow, const struct config_exporter *config)
{
    if (flow->has & FLOW_DURATION && flow->duration_ms > DURATION_MAX_MS)
        return TALLY_LONG_DURATION;
    if (flow->has & FLOW_BYTES && flow->has & FLOW_PACKETS) {
        /* Octets in no packet are those of one at most. */
        if (flow->bytes > octets_of(flow->packets > 0 ? flow->packets : 1, PACKET_OCTETS_MAX))
            return TALLY_BIG_PACKETS;
        if (flow->bytes < octets_of(flow->packets, PACKET_OCTETS_MIN))
            return TALLY_SMALL_PACKETS;
    }
    if (config != NULL && config->max_rate_bps > 0 && over_rate(flow, config))
        return TALLY_MAX_RATE;
    return TALLY_REASON_COUNT;
}

static uint64_t scaled(uint64_t value, double rate)
{
    double product = (double)value * rate + 0.5;
    return product >= 18446744073709549568.0 ? UINT64_MAX : (uint64_t)product;
}

static uint8_t duration_class(uint32_t duration_ms)
{
    uint32_t over = duration_ms > 0 ? (duration_ms - 1) / TALLY_TICK_MS : 0;
    return (uint8_t)(over == 0 ? 0 : 32 - __builtin_clz(over));
}

static void scale(struct volume *volume, double rate)
{
    double bytes = (double)volume->bytes, packets = (double)volume->packets;
    uint64_t samples =
        volume->packets > 0 ? volume->packets : volume->bytes / PACKET_OCTETS_USUAL + 1;
    double spread = rate * (rate - 1);
    volume->var_bytes = spread * bytes * bytes / (double)samples;
    volume->var_packets = spread * packets;
    volume->var_flows = spread;
    volume->bytes = scaled(volume->bytes, rate);
    volume->packets = scaled(volume->packets, rate);
    volume->flows = scaled(1, rate);
}

void volume_of(const struct flow_record *flow, struct volume *ret_volume)
{
    double rate = rate_of(flow);
    uint32_t duration_ms = flow->has & FLOW_DURATION ? flow->duration_ms : 0;
    *ret_volume = (struct volume){
        .bytes = flow->has & FLOW_BYTES ? flow->bytes : 0,
        .packets = flow->has & FLOW_PACKETS ? flow->packets : 0,
        .flows = 1,
        .duration_ms = duration_ms,
        .duration_class = duration_class(duration_ms),
        .has_extra = rate > 1 || duration_ms > TALLY_TICK_MS,
    };
    if (rate > 1)
        scale(ret_volume, rate);
}
