#include "ctl/export.h"

/* NetFlow 5, and the two with templates: NetFlow 9 (RFC 3954) and IPFIX (RFC 7011). */

enum {
    V5_HEADER = 24,
    V5_RECORD = 48,
    V5_RECORDS_MAX = 30,
    TEMPLATE_IPV4 = 256,
    TEMPLATE_IPV6 = 257,
    TEMPLATE_SAMPLING = 258,
    TEMPLATE_EVERY_MS = 10000,
    DOMAIN = 1
};

static uint32_t uptime_ms(const struct export *e)
{
    return (uint32_t)(e->now_mono_ms - e->boot_mono_ms);
}

/* Counters as a sampling exporter has them: of the packets it saw. */
static uint64_t sampled(const struct export *e, uint64_t n)
{
    uint64_t share = n / (e->sampling ? e->sampling : 1);
    return share != 0 ? share : 1;
}

static void v5_begin(struct export *e)
{
    struct wire_writer *w = &e->out;
    wire_put_u16(w, 5);
    wire_put_u16(w, 0); /* count: end fills it in */
    wire_put_u32(w, uptime_ms(e));
    wire_put_u32(w, (uint32_t)(e->now_wall_ms / 1000));
    wire_put_u32(w, (uint32_t)(e->now_wall_ms % 1000 * 1000000));
    wire_put_u32(w, e->sequence);
    wire_put_u16(w, 0); /* engine */
    wire_put_u16(w, (uint16_t)(1u << 14 | (e->sampling & 0x3fff)));
}

static bool v5_add(struct export *e, const struct traffic_flow *flow)
{
    struct wire_writer *w = &e->out;
    if (e->in_datagram >= V5_RECORDS_MAX || w->room - w->len < V5_RECORD)
        return false;
    wire_put_bytes(w, flow->src.octets, 4);
    wire_put_bytes(w, flow->dst.octets, 4);
    wire_put_u32(w, 0); /* next hop */
    wire_put_u16(w, 501);
    wire_put_u16(w, 502);
    wire_put_u32(w, (uint32_t)sampled(e, flow->packets));
    wire_put_u32(w, (uint32_t)sampled(e, flow->bytes));
    wire_put_u32(w, uptime_ms(e) - e->flow_ms);
    wire_put_u32(w, uptime_ms(e));
    wire_put_u16(w, flow->src_port);
    wire_put_u16(w, flow->dst_port);
    wire_put_u8(w, 0);
    wire_put_u8(w, flow->tcp_flags);
    wire_put_u8(w, flow->protocol);
    wire_put_u8(w, 0);  /* TOS */
    wire_put_u32(w, 0); /* AS numbers */
    wire_put_u32(w, 0); /* masks, padding */
    return true;
}

static void v5_end(struct export *e)
{
    wire_put_uint_at(e->bytes + 2, 2, e->in_datagram);
    e->sequence += e->in_datagram;
}

const struct export_format export_netflow5 = {v5_begin, v5_add, v5_end};

/* Fields of both templates: element, octets; addresses differ by family. */
static const struct {
    uint16_t element, len;
} common_fields[] = {{1, 8},  {2, 8},  {4, 1},  {5, 1},  {6, 1}, {7, 2},
                     {11, 2}, {10, 4}, {14, 4}, {22, 4}, {21, 4}};

enum { COMMON_FIELDS = sizeof(common_fields) / sizeof(common_fields[0]), COMMON_OCTETS = 35 };

static void put_template(struct wire_writer *w, uint16_t id, uint16_t src, uint16_t dst,
                         uint16_t len)
{
    wire_put_u16(w, id);
    wire_put_u16(w, COMMON_FIELDS + 2);
    wire_put_u16(w, src);
    wire_put_u16(w, len);
    wire_put_u16(w, dst);
    wire_put_u16(w, len);
    for (size_t i = 0; i < COMMON_FIELDS; i++) {
        wire_put_u16(w, common_fields[i].element);
        wire_put_u16(w, common_fields[i].len);
    }
}

/* A set: its id and a held length, which set_close fills in, padded to four octets. */
static size_t set_open(struct wire_writer *w, uint16_t id)
{
    wire_put_u16(w, id);
    size_t at = w->len;
    wire_put_u16(w, 0);
    return at;
}

static void set_close(struct wire_writer *w, size_t at)
{
    while ((w->len - at + 2) % 4 != 0)
        wire_put_u8(w, 0);
    wire_put_uint_at(w->start + at, 2, w->len - at + 2);
}

static void put_templates(struct export *e, bool ipfix)
{
    struct wire_writer *w = &e->out;
    size_t at = set_open(w, ipfix ? 2 : 0);
    put_template(w, TEMPLATE_IPV4, 8, 12, 4);
    put_template(w, TEMPLATE_IPV6, 27, 28, 16);
    set_close(w, at);
    at = set_open(w, ipfix ? 3 : 1);
    wire_put_u16(w, TEMPLATE_SAMPLING);
    if (ipfix) {
        wire_put_u16(w, 2); /* fields, of which 1 is scope: the observation domain */
        wire_put_u16(w, 1);
        wire_put_u16(w, 149);
    } else {
        wire_put_u16(w, 4); /* octets of scope and of option fields: the system */
        wire_put_u16(w, 4);
        wire_put_u16(w, 1);
    }
    wire_put_u16(w, 4);
    wire_put_u16(w, 34);
    wire_put_u16(w, 4);
    set_close(w, at);
    at = set_open(w, TEMPLATE_SAMPLING);
    wire_put_u32(w, DOMAIN);
    wire_put_u32(w, e->sampling);
    set_close(w, at);
    e->template_sent_ms = e->now_mono_ms;
}

static bool templates_due(const struct export *e)
{
    return e->template_sent_ms == 0 || e->now_mono_ms - e->template_sent_ms >= TEMPLATE_EVERY_MS;
}

static bool set_add(struct export *e, const struct traffic_flow *flow)
{
    struct wire_writer *w = &e->out;
    size_t addr_octets = addr_len(&flow->src);
    bool opens = e->set_family != flow->src.family;
    /* A closing set may need three octets of padding. */
    if (w->room - w->len < COMMON_OCTETS + addr_octets * 2 + (opens ? 4 : 0) + 6)
        return false;
    if (opens) {
        if (e->set_family != 0)
            set_close(w, e->set_at);
        e->set_at = set_open(w, flow->src.family == ADDR_IPV4 ? TEMPLATE_IPV4 : TEMPLATE_IPV6);
        e->set_family = flow->src.family;
    }
    wire_put_bytes(w, flow->src.octets, addr_octets);
    wire_put_bytes(w, flow->dst.octets, addr_octets);
    wire_put_u64(w, sampled(e, flow->bytes));
    wire_put_u64(w, sampled(e, flow->packets));
    wire_put_u8(w, flow->protocol);
    wire_put_u8(w, 0);
    wire_put_u8(w, flow->tcp_flags);
    wire_put_u16(w, flow->src_port);
    wire_put_u16(w, flow->dst_port);
    wire_put_u32(w, 501);
    wire_put_u32(w, 502);
    wire_put_u32(w, uptime_ms(e) - e->flow_ms);
    wire_put_u32(w, uptime_ms(e));
    return true;
}

static void v9_begin(struct export *e)
{
    struct wire_writer *w = &e->out;
    wire_put_u16(w, 9);
    wire_put_u16(w, 0); /* count: end fills it in */
    wire_put_u32(w, uptime_ms(e));
    wire_put_u32(w, (uint32_t)(e->now_wall_ms / 1000));
    wire_put_u32(w, e->sequence);
    wire_put_u32(w, DOMAIN);
    if (templates_due(e)) {
        put_templates(e, false);
        wire_put_uint_at(e->bytes + 2, 2,
                         4); /* two templates, one options template, one options record */
    }
}

static void v9_end(struct export *e)
{
    set_close(&e->out, e->set_at);
    uint16_t others = (uint16_t)(e->bytes[2] << 8 | e->bytes[3]);
    wire_put_uint_at(e->bytes + 2, 2, (uint64_t)others + e->in_datagram);
    e->sequence++;
}

const struct export_format export_netflow9 = {v9_begin, set_add, v9_end};

static void ipfix_begin(struct export *e)
{
    struct wire_writer *w = &e->out;
    wire_put_u16(w, 10);
    wire_put_u16(w, 0); /* length: end fills it in */
    wire_put_u32(w, (uint32_t)(e->now_wall_ms / 1000));
    wire_put_u32(w, e->sequence);
    wire_put_u32(w, DOMAIN);
    if (templates_due(e)) {
        put_templates(e, true);
        e->sequence++; /* the options record counts, from the next message on */
    }
}

static void ipfix_end(struct export *e)
{
    set_close(&e->out, e->set_at);
    wire_put_uint_at(e->bytes + 2, 2, e->out.len);
    e->sequence += e->in_datagram;
}

const struct export_format export_ipfix = {ipfix_begin, set_add, ipfix_end};
