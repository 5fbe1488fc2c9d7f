#include "ctl/archive_read.h"

#include <string.h>

static const char mark[] = "weir archive 1 ";

enum element {
    OCTETS_TOTAL = 85,
    PACKETS_TOTAL = 86,
    FLOW_DURATION_MS = 161,
    EXPORTER_IPV4 = 130,
    EXPORTER_IPV6 = 131,
    OBSERVATION_DOMAIN = 149,
    FRAGMENT_FLAGS = 197,
    PROTOCOL_VERSION = 214,
    BIFLOW_DIRECTION = 239,
    OBSERVATION_DOMAIN_NAME = 300,
    SELECTOR = 302,
    OBSERVATION_TIME = 323,
    AGENT_IPV4 = 403,
    AGENT_IPV6 = 404
};

enum { BIFLOW_REVERSE = 2, MORE_FRAGMENTS = 0x20 };

static uint64_t to_uint(const struct field *field)
{
    uint64_t value = 0;
    for (size_t i = 0; i < field->len && i < 8; i++)
        value = value << 8 | field->bytes[i];
    return value;
}

static struct ip_addr to_addr(const struct field *field)
{
    switch (field->len) {
    case 4:
        return addr_from_octets(ADDR_IPV4, field->bytes);
    case 16:
        return addr_from_octets(ADDR_IPV6, field->bytes);
    default:
        return (struct ip_addr){0};
    }
}

static void read_field(struct archive_read *read, const struct field *field)
{
    switch (field->element) {
    case EXPORTER_IPV4:
    case EXPORTER_IPV6:
        read->exporter = to_addr(field);
        break;
    case AGENT_IPV4:
    case AGENT_IPV6:
        read->agent = to_addr(field);
        read->has_agent = true;
        break;
    case OCTETS_TOTAL:
        read->bytes_total = to_uint(field);
        break;
    case PACKETS_TOTAL:
        read->packets_total = to_uint(field);
        break;
    case OBSERVATION_DOMAIN:
        read->domain = (uint32_t)to_uint(field);
        break;
    case PROTOCOL_VERSION:
        read->version = (uint8_t)to_uint(field);
        break;
    case SELECTOR:
        read->said_by = (uint8_t)to_uint(field);
        break;
    case BIFLOW_DIRECTION:
        read->biflow = (uint8_t)to_uint(field);
        break;
    case FRAGMENT_FLAGS:
        read->fragment_flags = (uint8_t)to_uint(field);
        break;
    case OBSERVATION_TIME:
        read->was_observed = true;
        break;
    case FLOW_DURATION_MS:
        read->duration_ms = (uint32_t)to_uint(field);
        read->has_duration = true;
        break;
    default:
        break;
    }
}

void archive_read_fields(struct archive_read *read, const struct decode_fields *fields)
{
    struct fields_walk walk;
    struct field field;
    if (!read->is_ours && !fields->options)
        return;
    *read = (struct archive_read){.is_ours = read->is_ours};
    fields_begin(&walk, fields);
    while (fields_next(&walk, &field)) {
        if (field.enterprise != 0)
            continue;
        if (!fields->options)
            read_field(read, &field);
        else if (field.element == OBSERVATION_DOMAIN_NAME && field.len >= sizeof(mark) - 1 &&
                 memcmp(field.bytes, mark, sizeof(mark) - 1) == 0)
            read->is_ours = true;
    }
}

static enum flow_format format_of(const struct archive_read *read)
{
    switch (read->version) {
    case 5:
        return read->has_agent ? FORMAT_SFLOW5 : FORMAT_NETFLOW5;
    case 9:
        return FORMAT_NETFLOW9;
    default:
        return FORMAT_IPFIX;
    }
}

void archive_read_restore(const struct archive_read *read, struct flow_record *flow,
                          struct ip_addr *exporter)
{
    if (!read->is_ours)
        return;
    *exporter = read->exporter;
    flow->format = (uint8_t)format_of(read);
    flow->agent = read->agent;
    flow->domain = read->domain;
    flow->reverse = read->biflow == BIFLOW_REVERSE;
    if (read->said_by <= SAMPLING_DEFAULT)
        flow->sampling_source = read->said_by;
    flow->told_bytes = read->bytes_total > flow->bytes ? read->bytes_total - flow->bytes : 0;
    flow->told_packets =
        read->packets_total > flow->packets ? read->packets_total - flow->packets : 0;
    flow->has &= ~(uint32_t)(FLOW_SAMPLER | FLOW_DURATION);
    if (read->was_observed) { /* the time is ours, not the exporter's */
        flow->has &= ~(uint32_t)FLOW_TIME;
        flow->time_ms = 0;
    }
    flow->duration_ms = read->has_duration ? read->duration_ms : 0;
    flow->has |= read->has_duration ? FLOW_DURATION : 0U;
    if (flow->has & FLOW_FRAGMENT && flow->fragment & FRAGMENT_LATER &&
        !(read->fragment_flags & MORE_FRAGMENTS))
        flow->fragment |= FRAGMENT_LAST;
}
