#include "tests/vectors/compare.h"

#include <math.h>
#include <string.h>

struct comparison {
    const json_t *want;
    const json_t *header; /* what an sFlow header or a packet section says */
    struct text *differences;
    size_t compared;
};

static bool is_ambiguous(const struct comparison *c, const char *key)
{
    size_t i;
    json_t *name;
    json_array_foreach(json_object_get(c->want, "ambiguous"), i, name)
    {
        if (strcmp(json_string_value(name), key) == 0)
            return true;
    }
    return false;
}

static const json_t *find(const struct comparison *c, const char *key, const char *header_key)
{
    const json_t *value = json_object_get(c->want, key);
    if (value == NULL && c->header != NULL && header_key != NULL)
        value = json_object_get(c->header, header_key);
    return value == NULL || is_ambiguous(c, key) ? NULL : value;
}

static void same_number(struct comparison *c, const char *key, const char *header_key, bool has,
                        uint64_t got)
{
    const json_t *value = find(c, key, header_key);
    if (!has || value == NULL)
        return;
    c->compared++;
    if ((uint64_t)json_integer_value(value) != got)
        text_addf(c->differences, " %s=%llu want %lld", key, (unsigned long long)got,
                  (long long)json_integer_value(value));
}

static void same_text(struct comparison *c, const char *key, bool has, const char *got)
{
    const json_t *value = find(c, key, key);
    if (!has || value == NULL)
        return;
    c->compared++;
    if (strcmp(json_string_value(value), got) != 0)
        text_addf(c->differences, " %s=%s want %s", key, got, json_string_value(value));
}

static void same_addr(struct comparison *c, const char *key, bool has, const struct ip_addr *got)
{
    char text[ADDR_TEXT_MAX];
    same_text(c, key, has, addr_format(got, text));
}

static void same_sampling(struct comparison *c, const struct flow_record *f)
{
    const json_t *rate = json_object_get(c->want, "sampling_rate");
    if (rate == NULL)
        return;
    c->compared++;
    if (fabs(json_number_value(rate) - f->sampling_rate) > 1e-6 * json_number_value(rate))
        text_addf(c->differences, " sampling_rate=%g want %g", f->sampling_rate,
                  json_number_value(rate));
    const char *source = json_string_value(json_object_get(c->want, "sampling_src"));
    const char *got = sampling_source_name((enum sampling_source)f->sampling_source);
    if (source != NULL && strncmp(source, got, strlen(got)) != 0)
        text_addf(c->differences, " sampling_source=%s want %s", got, source);
}

static void same_ports(struct comparison *c, const struct flow_record *f)
{
    same_number(c, "src_port", "src_port", f->has & FLOW_SRC_PORT, f->src_port);
    same_number(c, "dst_port", "dst_port", f->has & FLOW_DST_PORT, f->dst_port);
    same_number(c, "tcp_flags", "tcp_flags", f->has & FLOW_TCP_FLAGS, f->tcp_flags);
    if (json_is_true(json_object_get(c->want, "icmp_from_dst_port")))
        return;
    same_number(c, "icmp_type", "icmp_type", f->has & FLOW_ICMP, f->icmp_type);
    same_number(c, "icmp_code", "icmp_code", f->has & FLOW_ICMP, f->icmp_code);
}

static void same_interfaces(struct comparison *c, const struct flow_record *f)
{
    if (json_integer_value(json_object_get(c->want, "input_if_format")) == 0)
        same_number(c, "input_if", NULL, f->has & FLOW_INPUT_IF, f->input_if);
    if (json_integer_value(json_object_get(c->want, "output_if_format")) == 0)
        same_number(c, "output_if", NULL, f->has & FLOW_OUTPUT_IF, f->output_if);
}

static void same_routing(struct comparison *c, const struct flow_record *f)
{
    same_number(c, "src_as", NULL, f->has & FLOW_SRC_AS, f->src_as);
    same_number(c, "dst_as", NULL, f->has & FLOW_DST_AS, f->dst_as);
    same_number(c, "src_mask", NULL, f->has & FLOW_SRC_MASK, f->src_mask);
    same_number(c, "dst_mask", NULL, f->has & FLOW_DST_MASK, f->dst_mask);
    same_number(c, "vlan", NULL, f->has & FLOW_VLAN, f->vlan);
    same_number(c, "direction", NULL, f->has & FLOW_DIRECTION, f->direction);
    same_addr(c, "next_hop", f->has & FLOW_NEXT_HOP, &f->next_hop);
}

static void same_reverse(struct comparison *c, const struct flow_record *f)
{
    same_number(c, "rev_octets", NULL, f->has & FLOW_BYTES, f->bytes);
    same_number(c, "rev_packets", NULL, f->has & FLOW_PACKETS, f->packets);
    same_number(c, "rev_octets_total", NULL, f->has & FLOW_BYTES, f->bytes);
    same_number(c, "rev_packets_total", NULL, f->has & FLOW_PACKETS, f->packets);
    same_number(c, "responder_octets", NULL, f->has & FLOW_BYTES, f->bytes);
    same_number(c, "responder_packets", NULL, f->has & FLOW_PACKETS, f->packets);
}

size_t vector_compare(const struct vector_record *got, const struct vector_record *back,
                      const json_t *want, struct text *differences)
{
    const struct flow_record *f = &got->flow;
    bool sflow = f->format == FORMAT_SFLOW5;
    struct comparison c = {.want = want, .differences = differences};
    static const char *const formats[] = {
        [FORMAT_NETFLOW5] = "5", [FORMAT_NETFLOW9] = "9", [FORMAT_IPFIX] = "10"};

    c.header = json_object_get(want, sflow ? "header" : "embedded_packet");
    if (!sflow && json_integer_value(json_object_get(want, "version")) != atoi(formats[f->format]))
        text_addf(differences, " format=%s", flow_format_name((enum flow_format)f->format));
    same_number(&c, "dgram", NULL, true, got->datagram);
    same_addr(&c, "exporter", true, &got->exporter);
    same_number(&c, "domain", NULL, !sflow, f->domain);
    same_number(&c, "sub_agent", NULL, sflow, f->domain);
    same_addr(&c, "agent", sflow, &f->agent);
    same_addr(&c, "src_addr", f->has & FLOW_SRC_ADDR, &f->src_addr);
    same_addr(&c, "dst_addr", f->has & FLOW_DST_ADDR, &f->dst_addr);
    same_number(&c, "protocol", "protocol", f->has & FLOW_PROTOCOL, f->protocol);
    same_number(&c, "tos", "tos", f->has & FLOW_TOS, f->tos);
    same_number(&c, "ip_length", "ip_len", f->has & FLOW_IP_LENGTH, f->ip_length);
    same_number(&c, "octets", NULL, f->has & FLOW_BYTES, f->bytes);
    same_number(&c, "packets", NULL, f->has & FLOW_PACKETS, f->packets);
    same_ports(&c, f);
    same_interfaces(&c, f);
    same_routing(&c, f);
    same_sampling(&c, f);
    if (back != NULL)
        same_reverse(&c, &back->flow);
    return c.compared;
}
