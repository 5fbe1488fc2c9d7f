#include "ctl/flow_show.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Written by hand and not through a JSON tree: captures hold millions of records. */
struct object {
    struct text *out;
    bool begun;
};

static void put_name(struct object *o, const char *name)
{
    text_add(o->out, o->begun ? ", \"" : "{\"");
    text_add(o->out, name);
    text_add(o->out, "\": ");
    o->begun = true;
}

static void put_number(struct object *o, const char *name, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    put_name(o, name);
    text_add_bytes(o->out, digits + at, sizeof digits - at);
}

static void put_word(struct object *o, const char *name, const char *word)
{
    put_name(o, name);
    text_add(o->out, "\"");
    text_add(o->out, word);
    text_add(o->out, "\"");
}

static void put_addr(struct object *o, const char *name, const struct ip_addr *addr)
{
    char text[ADDR_TEXT_MAX];
    put_word(o, name, addr_format(addr, text));
}

/* As short as reads back as the same number. */
static void put_real(struct object *o, const char *name, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    put_name(o, name);
    text_add(o->out, text);
}

static void put_fragment(struct object *o, uint8_t bits)
{
    static const char *const names[] = {"dont-fragment", "is-fragment", "first-fragment",
                                        "last-fragment"};
    const char *comma = "";
    put_name(o, "fragment");
    text_add(o->out, "[");
    for (unsigned int i = 0; i < 4; i++) {
        if ((bits >> i & 1) == 0)
            continue;
        text_addf(o->out, "%s\"%s\"", comma, names[i]);
        comma = ", ";
    }
    text_add(o->out, "]");
}

static void put_origin(struct object *o, const struct flow_record *f,
                       const struct ip_addr *exporter)
{
    char time[CLOCK_TEXT_MAX];
    bool sflow = f->format == FORMAT_SFLOW5;
    put_word(o, "format", flow_format_name((enum flow_format)f->format));
    if (exporter->family != ADDR_NONE)
        put_addr(o, "exporter", exporter);
    if (sflow && f->agent.family != ADDR_NONE)
        put_addr(o, "agent", &f->agent);
    put_number(o, sflow ? "sub_agent" : "domain", f->domain);
    if (f->reverse) {
        put_name(o, "reverse");
        text_add(o->out, "true");
    }
    if (f->has & FLOW_TIME)
        put_word(o, "time", clock_format_wall(f->time_ms, time));
}

/* As exported; beside it, where earlier records told a part of it, what counts. */
static void put_volume(struct object *o, const struct flow_record *f)
{
    if (f->has & FLOW_BYTES)
        put_number(o, "octets", f->bytes + f->told_bytes);
    if (f->has & FLOW_PACKETS)
        put_number(o, "packets", f->packets + f->told_packets);
    if (f->told_bytes > 0)
        put_number(o, "counted_octets", f->bytes);
    if (f->told_packets > 0)
        put_number(o, "counted_packets", f->packets);
}

static void put_packet(struct object *o, const struct flow_record *f)
{
    if (f->has & FLOW_SRC_ADDR)
        put_addr(o, "src_addr", &f->src_addr);
    if (f->has & FLOW_DST_ADDR)
        put_addr(o, "dst_addr", &f->dst_addr);
    if (f->has & FLOW_SRC_PORT)
        put_number(o, "src_port", f->src_port);
    if (f->has & FLOW_DST_PORT)
        put_number(o, "dst_port", f->dst_port);
    if (f->has & FLOW_PROTOCOL)
        put_number(o, "protocol", f->protocol);
    if (f->has & FLOW_TCP_FLAGS)
        put_number(o, "tcp_flags", f->tcp_flags);
    if (f->has & FLOW_TOS)
        put_number(o, "tos", f->tos);
    put_volume(o, f);
    if (f->has & FLOW_ICMP) {
        put_number(o, "icmp_type", f->icmp_type);
        put_number(o, "icmp_code", f->icmp_code);
    }
    if (f->has & FLOW_FRAGMENT)
        put_fragment(o, f->fragment);
    if (f->has & FLOW_IP_LENGTH)
        put_number(o, "ip_length", f->ip_length);
}

static void put_way(struct object *o, const struct flow_record *f)
{
    if (f->sampling_rate > 0 && isfinite(f->sampling_rate))
        put_real(o, "sampling_rate", f->sampling_rate);
    if (f->sampling_source != SAMPLING_UNKNOWN)
        put_word(o, "sampling_source",
                 sampling_source_name((enum sampling_source)f->sampling_source));
    if (f->has & FLOW_INPUT_IF)
        put_number(o, "input_if", f->input_if);
    if (f->has & FLOW_OUTPUT_IF)
        put_number(o, "output_if", f->output_if);
    if (f->has & FLOW_SRC_AS)
        put_number(o, "src_as", f->src_as);
    if (f->has & FLOW_DST_AS)
        put_number(o, "dst_as", f->dst_as);
    if (f->has & FLOW_SRC_MASK)
        put_number(o, "src_mask", f->src_mask);
    if (f->has & FLOW_DST_MASK)
        put_number(o, "dst_mask", f->dst_mask);
    if (f->has & FLOW_NEXT_HOP)
        put_addr(o, "next_hop", &f->next_hop);
    if (f->has & FLOW_VLAN)
        put_number(o, "vlan", f->vlan);
    if (f->has & FLOW_DIRECTION)
        put_number(o, "direction", f->direction);
    if (f->has & FLOW_DURATION)
        put_number(o, "duration_ms", f->duration_ms);
    if (f->has & FLOW_FORWARDING)
        put_number(o, "forwarding_status", f->forwarding_status);
}

void flow_show_json(const struct flow_record *flow, const struct ip_addr *exporter,
                    const char *more, const char *fields, struct text *out)
{
    struct object o = {.out = out};
    put_origin(&o, flow, exporter);
    put_packet(&o, flow);
    put_way(&o, flow);
    if (more[0] != '\0') {
        text_add(out, ", ");
        text_add(out, more);
    }
    if (fields != NULL) {
        put_name(&o, "fields");
        text_add(out, fields);
    }
    text_add(out, "}\n");
}

/* --- for people ---------------------------------------------------------------------------------
 */

static void add_end(struct text *out, bool has_addr, const struct ip_addr *addr, bool has_port,
                    uint16_t port)
{
    char text[ADDR_TEXT_MAX];
    bool v6 = has_addr && addr->family == ADDR_IPV6 && has_port;
    text_addf(out, "%s%s%s", v6 ? "[" : "", has_addr ? addr_format(addr, text) : "?",
              v6 ? "]" : "");
    if (has_port)
        text_addf(out, ":%u", port);
}

void flow_show_text(const struct flow_record *f, const struct ip_addr *exporter, const char *fields,
                    struct text *out)
{
    char text[ADDR_TEXT_MAX]; /* a time is shorter */
    _Static_assert((int)CLOCK_TEXT_MAX <= (int)ADDR_TEXT_MAX, "a time fits");
    if (f->has & FLOW_TIME)
        text_addf(out, "%s ", clock_format_wall(f->time_ms, text));
    text_add(out, flow_format_name((enum flow_format)f->format));
    if (exporter->family != ADDR_NONE)
        text_addf(out, " %s", addr_format(exporter, text));
    text_addf(out, " %" PRIu32 "%s ", f->domain, f->reverse ? " reverse" : "");
    add_end(out, f->has & FLOW_SRC_ADDR, &f->src_addr, f->has & FLOW_SRC_PORT, f->src_port);
    text_add(out, " > ");
    add_end(out, f->has & FLOW_DST_ADDR, &f->dst_addr, f->has & FLOW_DST_PORT, f->dst_port);
    if (f->has & FLOW_PROTOCOL)
        text_addf(out, " protocol %u", f->protocol);
    if (f->has & FLOW_TCP_FLAGS)
        text_addf(out, " flags 0x%02x", f->tcp_flags);
    if (f->has & FLOW_ICMP)
        text_addf(out, " icmp %u/%u", f->icmp_type, f->icmp_code);
    if (f->has & FLOW_BYTES)
        text_addf(out, " %" PRIu64 " octets", f->bytes + f->told_bytes);
    if (f->has & FLOW_PACKETS)
        text_addf(out, " %" PRIu64 " packets", f->packets + f->told_packets);
    if ((f->told_bytes | f->told_packets) > 0)
        text_add(out, " (told again)");
    if (f->has & (FLOW_INPUT_IF | FLOW_OUTPUT_IF))
        text_addf(out, " if %" PRIu32 ">%" PRIu32, f->input_if, f->output_if);
    if (f->sampling_rate > 0)
        text_addf(out, " 1:%g (%s)", f->sampling_rate,
                  sampling_source_name((enum sampling_source)f->sampling_source));
    if (fields != NULL)
        text_addf(out, " %s", fields);
    text_add(out, "\n");
}
