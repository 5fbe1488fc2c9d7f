#include "collector/decode/decode.h"

#include "collector/decode/format.h"
#include "collector/decode/held.h"
#include "collector/decode/told.h"
#include "common/base/hash.h"

#include <stdlib.h>

enum { FIELDS_CEILING = 4096, HELD_SHARE = 8 };

static struct decode_limits limits_or_defaults(const struct decode_limits *given)
{
    struct decode_limits l = *given;
    if (l.exporters == 0)
        l.exporters = 1000;
    if (l.domains_per_exporter == 0)
        l.domains_per_exporter = 64;
    if (l.templates_per_domain == 0)
        l.templates_per_domain = 512;
    if (l.fields_per_template == 0)
        l.fields_per_template = 256;
    if (l.fields_per_template > FIELDS_CEILING)
        l.fields_per_template = FIELDS_CEILING;
    if (l.samplers_per_domain == 0)
        l.samplers_per_domain = 256;
    if (l.sources_per_domain == 0)
        l.sources_per_domain = 1024;
    if (l.flow_totals == 0)
        l.flow_totals = 65536;
    if (l.held_bytes_per_exporter == 0)
        l.held_bytes_per_exporter = l.held_bytes / HELD_SHARE;
    if (l.held_bytes_per_exporter > l.held_bytes)
        l.held_bytes_per_exporter = l.held_bytes;
    if (l.memory_bytes == 0)
        l.memory_bytes = (size_t)64 << 20;
    return l;
}

struct decode *decode_new(const struct decode_limits *limits, uint64_t seed)
{
    struct decode *decode = calloc(1, sizeof(*decode));
    if (decode == NULL)
        return NULL;
    decode->limits = limits_or_defaults(limits);
    /* The seed itself may be a small number, as in tests: products would all be near to 0. */
    decode->secret = hash_seeded("ids", 3, seed) | 1;
    for (unsigned int t = 0; t < DECODE_TRUSTS; t++) {
        chain_init(&decode->exporters_used[t]);
        chain_init(&decode->domains_used[t]);
        chain_init(&decode->bare[t]);
        for (unsigned int c = 0; c < SIZE_CLASSES; c++)
            chain_init(&decode->holders[t][c]);
    }
    decode->exporters = table_new(&(struct table_options){
        .entry_size = sizeof(struct decode_exporter),
        .key_max = STATE_EXPORTER_KEY,
        .max = decode->limits.exporters,
        .seed = seed,
    });
    decode->domains = table_new(&(struct table_options){
        .entry_size = sizeof(struct decode_domain),
        .key_max = STATE_DOMAIN_KEY,
        .max = (size_t)decode->limits.exporters * decode->limits.domains_per_exporter + 1,
        .seed = seed,
    });
    decode->held = held_pool_new(&decode->limits, seed);
    if (decode->exporters == NULL || decode->domains == NULL || decode->held == NULL) {
        decode_free(decode);
        return NULL;
    }
    return decode;
}

void decode_free(struct decode *decode)
{
    if (decode == NULL)
        return;
    state_free_all(decode);
    held_pool_free(decode->held);
    told_free(decode->told);
    free(decode);
}

static void read_datagram(struct decode_context *context, struct wire_reader *datagram)
{
    struct wire_reader ahead = *datagram;
    uint16_t version = wire_u16(&ahead), below = wire_u16(&ahead);

    if (ahead.failed) {
        state_refuse(context, DECODE_EMPTY);
        return;
    }
    switch (version) {
    case 5:
        netflow5_read(context, datagram);
        break;
    case 9:
        netflow9_read(context, datagram);
        break;
    case 10:
        ipfix_read(context, datagram);
        break;
    default:
        if (version == 0 && below == 5) /* sFlow's version has four octets */
            sflow_read(context, datagram);
        else
            state_refuse(context, DECODE_VERSION);
        break;
    }
}

enum decode_reason decode_datagram(struct decode *decode, const struct decode_source *source,
                                   const uint8_t *bytes, size_t len, uint64_t now_ms,
                                   const struct decode_sink *sink)
{
    struct decode_context context = {
        .decode = decode,
        .source = source,
        .sink = sink,
        .format = FORMAT_COUNT,
        .now_ms = now_ms,
        .octets = len,
    };
    struct wire_reader datagram = wire_reader_of(bytes, len);

    decode->has_told = false;
    read_datagram(&context, &datagram);
    decode->counters.datagrams[context.format]++;
    state_leave(&context);
    return context.reason;
}

const struct decode_counters *decode_counters(const struct decode *decode)
{
    return &decode->counters;
}

bool decode_has_told(const struct decode *decode)
{
    return decode->has_told;
}

size_t decode_memory(const struct decode *decode)
{
    return decode->bytes;
}

uint64_t decode_changes(const struct decode *decode)
{
    return decode->changes;
}
