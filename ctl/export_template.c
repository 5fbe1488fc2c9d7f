#include "ctl/export.h"

/* The two with templates: NetFlow 9 (RFC 3954) and IPFIX (RFC 7011). */

enum { TEMPLATE_IPV4 = 256, TEMPLATE_IPV6 = 257, TEMPLATE_SAMPLING = 258, SAMPLER = 1 };
enum { RANDOM_SAMPLING = 2 /* element 35 */, RANDOM_SELECTOR = 3 /* element 304, n of N */ };

struct field {
    uint16_t element, len;
};
/* After the addresses, which differ by family; times differ by format, sampling by what is told. */
static const struct field common_fields[] = {{10, 4}, {14, 4}, {2, 4},  {1, 8},  {7, 2},
                                             {11, 2}, {88, 2}, {25, 2}, {26, 2}, {4, 1},
                                             {5, 1},  {6, 1},  {52, 1}};
enum { COMMON_FIELDS = sizeof(common_fields) / sizeof(common_fields[0]), COMMON_OCTETS = 34 };
static const struct field icmp_fields[2] = {{32, 2}, {139, 2}};
static const struct field uptime_fields[2] = {{22, 4}, {21, 4}};
static const struct field unix_fields[2] = {{152, 8}, {153, 8}};

static bool is_ipfix(const struct export *e)
{
    return e->options.format == FORMAT_IPFIX;
}

/* Of each record; len 0: none. */
static struct field sampling_field(const struct export *e)
{
    switch (e->options.announce) {
    case EXPORT_ANNOUNCE_SAMPLER:
        return is_ipfix(e) ? (struct field){302, 4} : (struct field){48, 1};
    case EXPORT_ANNOUNCE_RECORD:
        return (struct field){34, 4};
    case EXPORT_ANNOUNCE_EXPORTER:
    case EXPORT_ANNOUNCE_NONE:
        break;
    }
    return (struct field){0, 0};
}

static size_t record_octets(const struct export *e, size_t addr_octets)
{
    return addr_octets * 2 + COMMON_OCTETS + 2 + (is_ipfix(e) ? 16 : 8) + sampling_field(e).len;
}

static void put_field(struct wire_writer *w, struct field field)
{
    wire_put_u16(w, field.element);
    wire_put_u16(w, field.len);
}

static void put_template(const struct export *e, struct wire_writer *w, bool is_ipv6)
{
    const struct field *times = is_ipfix(e) ? unix_fields : uptime_fields;
    struct field sampling = sampling_field(e);
    uint16_t len = is_ipv6 ? 16 : 4;
    wire_put_u16(w, is_ipv6 ? TEMPLATE_IPV6 : TEMPLATE_IPV4);
    wire_put_u16(w, (uint16_t)(2 + COMMON_FIELDS + 1 + 2 + (sampling.len != 0)));
    put_field(w, (struct field){is_ipv6 ? 27 : 8, len});
    put_field(w, (struct field){is_ipv6 ? 28 : 12, len});
    for (size_t i = 0; i < COMMON_FIELDS; i++)
        put_field(w, common_fields[i]);
    put_field(w, icmp_fields[is_ipv6]);
    put_field(w, times[0]);
    put_field(w, times[1]);
    if (sampling.len != 0)
        put_field(w, sampling);
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

/* An options template of one scope, and the one record that it is for. */
static void put_options(struct wire_writer *w, bool ipfix, struct field scope,
                        const struct field *fields, size_t count, uint64_t scope_value,
                        const uint64_t *values)
{
    size_t at = set_open(w, ipfix ? 3 : 1);
    wire_put_u16(w, TEMPLATE_SAMPLING);
    /* IPFIX counts fields, of which one is scope; NetFlow 9 octets of scope, then of the others. */
    wire_put_u16(w, ipfix ? (uint16_t)(count + 1) : 4);
    wire_put_u16(w, ipfix ? 1 : (uint16_t)(count * 4));
    put_field(w, scope);
    for (size_t i = 0; i < count; i++)
        put_field(w, fields[i]);
    set_close(w, at);
    at = set_open(w, TEMPLATE_SAMPLING);
    wire_put_uint(w, scope.len, scope_value);
    for (size_t i = 0; i < count; i++)
        wire_put_uint(w, fields[i].len, values[i]);
    set_close(w, at);
}

static void put_sampling(const struct export *e, struct export_stream *s)
{
    static const struct field v9_sampler[] = {{48, 1}, {49, 1}, {50, 4}};
    static const struct field ipfix_sampler[] = {{304, 2}, {305, 4}, {306, 4}};
    static const struct field whole[] = {{34, 4}, {35, 1}};
    struct wire_writer *w = &s->out;
    uint32_t n = e->options.sampling;
    bool ipfix = is_ipfix(e);
    const struct field system = ipfix ? (struct field){149, 4} : (struct field){1, 4};
    if (e->options.announce == EXPORT_ANNOUNCE_EXPORTER) {
        put_options(w, ipfix, system, whole, 2, s->id + 1,
                    (const uint64_t[]){n, n > 1 ? RANDOM_SAMPLING : 1});
    } else if (e->options.announce == EXPORT_ANNOUNCE_SAMPLER && ipfix) {
        /* 1 packet is taken, n - 1 are not. */
        put_options(w, ipfix, (struct field){302, 4}, ipfix_sampler, 3, SAMPLER,
                    (const uint64_t[]){RANDOM_SELECTOR, 1, n - 1});
    } else if (e->options.announce == EXPORT_ANNOUNCE_SAMPLER) {
        put_options(w, ipfix, system, v9_sampler, 3, s->id + 1,
                    (const uint64_t[]){SAMPLER, RANDOM_SAMPLING, n});
    } else {
        return;
    }
    /* NetFlow 9 counts it as a template and a record; IPFIX counts the record alone. */
    s->others = (uint16_t)(s->others + (ipfix ? 1 : 2));
}

static void put_templates(const struct export *e, struct export_stream *s)
{
    bool ipfix = is_ipfix(e);
    bool due =
        s->template_sent_ms == 0 || e->now_ms - s->template_sent_ms >= e->options.template_ms;
    if (!due)
        return;
    size_t at = set_open(&s->out, ipfix ? 2 : 0);
    put_template(e, &s->out, false);
    put_template(e, &s->out, true);
    set_close(&s->out, at);
    s->others = ipfix ? 0 : 2;
    put_sampling(e, s);
    s->template_sent_ms = e->now_ms;
}

static void v9_begin(const struct export *e, struct exporter *x, struct export_stream *s)
{
    struct wire_writer *w = &s->out;
    wire_put_u16(w, 9);
    wire_put_u16(w, 0); /* count: end fills it in */
    wire_put_u32(w, export_uptime_ms(e, x));
    wire_put_u32(w, (uint32_t)(e->now_ms / 1000));
    wire_put_u32(w, s->sequence);
    wire_put_u32(w, s->id + 1);
    put_templates(e, s);
}

static void ipfix_begin(const struct export *e, struct exporter *x, struct export_stream *s)
{
    (void)x;
    struct wire_writer *w = &s->out;
    wire_put_u16(w, 10);
    wire_put_u16(w, 0); /* length: end fills it in */
    wire_put_u32(w, (uint32_t)(e->now_ms / 1000));
    wire_put_u32(w, s->sequence);
    wire_put_u32(w, s->id + 1);
    put_templates(e, s);
}

static uint8_t *put_times(const struct export *e, const struct exporter *x, uint8_t *at,
                          uint32_t duration_ms)
{
    if (is_ipfix(e))
        return export_put64(export_put64(at, e->now_ms - duration_ms), e->now_ms);
    uint32_t now = export_uptime_ms(e, x);
    return export_put32(export_put32(at, now - duration_ms), now);
}

static void put_record(const struct export *e, const struct exporter *x,
                       const struct export_record *r, uint8_t *at)
{
    const struct traffic_flow *f = r->flow;
    uint16_t icmp = (uint16_t)(f->icmp_type << 8);
    bool is_icmp = f->protocol == 1 || f->protocol == 58;
    at = export_put_addr(at, &f->src);
    at = export_put_addr(at, &f->dst);
    at = export_put32(at, r->in_if);
    at = export_put32(at, r->out_if);
    at = export_put32(at, (uint32_t)r->packets);
    at = export_put64(at, r->bytes);
    at = export_put16(at, f->src_port);
    at = export_put16(at, is_icmp ? icmp : f->dst_port);
    at = export_put16(at, r->fragment & TRAFFIC_OFFSET);
    at = export_put16(at, r->octets_min);
    at = export_put16(at, r->octets_max);
    *at++ = f->protocol;
    *at++ = 0; /* TOS */
    *at++ = r->tcp_flags;
    *at++ = f->ttl;
    at = export_put16(at, icmp);
    at = put_times(e, x, at, f->duration_ms);
    struct field sampling = sampling_field(e);
    if (sampling.len != 0)
        wire_put_uint_at(at, sampling.len,
                         sampling.element == 34 ? e->options.sampling : (uint64_t)SAMPLER);
}

static bool add(const struct export *e, struct exporter *x, struct export_stream *s,
                const struct export_record *r)
{
    struct wire_writer *w = &s->out;
    const struct ip_addr *src = &r->flow->src;
    bool opens = s->set_family != src->family;
    size_t octets = record_octets(e, addr_len(src));
    /* A closing set may need three octets of padding. */
    if (w->room - w->len < octets + (opens ? 4 : 0) + 6)
        return false;
    if (opens) {
        if (s->set_family != 0)
            set_close(w, s->set_at);
        s->set_at = set_open(w, src->family == ADDR_IPV4 ? TEMPLATE_IPV4 : TEMPLATE_IPV6);
        s->set_family = src->family;
    }
    put_record(e, x, r, wire_reserve(w, octets));
    return true;
}

static void close_last(struct export_stream *s)
{
    if (s->set_family != 0)
        set_close(&s->out, s->set_at);
}

static void v9_end(struct export_stream *s)
{
    close_last(s);
    (void)export_put16(s->bytes + 2, (uint16_t)(s->others + s->records));
    s->sequence++;
}

static void ipfix_end(struct export_stream *s)
{
    close_last(s);
    (void)export_put16(s->bytes + 2, (uint16_t)s->out.len);
    s->sequence += (uint32_t)(s->others + s->records);
}

const struct export_format export_netflow9 = {false, v9_begin, add, v9_end};
const struct export_format export_ipfix = {false, ipfix_begin, add, ipfix_end};
