#include "collector/tally/volume.h"

#include <float.h>

enum {
    PACKET_OCTETS_MAX = 65536,
    PACKET_OCTETS_MIN = 20,    /* an IPv4 header */
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
    if (flow->has & FLOW_DURATION && flow->duration_ms > VOLUME_DURATION_MAX_MS)
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
    double product = (double)(int64_t)value * rate + 0.5;
    return product >= 9223372036854775808.0 ? VOLUME_MAX : (uint64_t)(int64_t)product;
}

/* Of one over a tick. */
static uint8_t duration_class(uint32_t duration_ms)
{
    return (uint8_t)(32 - __builtin_clz((duration_ms - 1) / TALLY_TICK_MS));
}

static uint64_t at_most_max(uint64_t amount)
{
    return amount > VOLUME_MAX ? VOLUME_MAX : amount;
}

static float finite(double variance)
{
    return variance < (double)FLT_MAX ? (float)variance : FLT_MAX;
}

static void scale(struct volume *volume, double rate)
{
    double bytes = (double)(int64_t)volume->bytes, packets = (double)(int64_t)volume->packets;
    uint64_t samples =
        volume->packets > 0 ? volume->packets : volume->bytes / PACKET_OCTETS_USUAL + 1;
    double spread = rate * (rate - 1);
    volume->var_bytes = finite(spread * bytes * bytes / (double)(int64_t)samples);
    volume->var_packets = finite(spread * packets);
    volume->var_flows = finite(spread);
    volume->bytes = scaled(volume->bytes, rate);
    volume->packets = scaled(volume->packets, rate);
    volume->flows = scaled(1, rate);
}

void volume_of(const struct flow_record *flow, struct volume *ret_volume)
{
    struct volume *volume = ret_volume;
    volume->bytes = at_most_max(flow->has & FLOW_BYTES ? flow->bytes : 0);
    volume->packets = at_most_max(flow->has & FLOW_PACKETS ? flow->packets : 0);
    volume->flows = 1;
    volume->duration_ms = flow->has & FLOW_DURATION ? flow->duration_ms : 0;
    volume->duration_class = 0;
    volume->has_extra = false;
    volume->var_flows = 0;
    if (volume->duration_ms > TALLY_TICK_MS) {
        volume->duration_class = duration_class(volume->duration_ms);
        volume->has_extra = true;
    }
    if (flow->sampling_rate > 1) {
        scale(volume, flow->sampling_rate);
        volume->has_extra = true;
    }
}
