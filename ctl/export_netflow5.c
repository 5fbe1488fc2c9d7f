#include "ctl/export.h"

enum {
    HEADER = 24,
    RECORD = 48,
    RECORDS_MAX = 29 /* fits EXPORT_DATAGRAM_MAX; 30 by the format */
};
_Static_assert(HEADER + RECORD * RECORDS_MAX <= EXPORT_DATAGRAM_MAX, "a datagram has room");

static void begin(const struct export *e, struct exporter *x, struct export_stream *s)
{
    uint8_t *at = wire_reserve(&s->out, HEADER);
    at = export_put16(at, 5);
    at = export_put16(at, 0); /* count: end fills it in */
    at = export_put32(at, export_uptime_ms(e, x));
    at = export_put32(at, (uint32_t)(e->now_ms / 1000));
    at = export_put32(at, (uint32_t)(e->now_ms % 1000 * 1000000));
    at = export_put32(at, s->sequence);
    at = export_put16(at, (uint16_t)s->id); /* engine: type and number */
    bool tells = e->options.announce != EXPORT_ANNOUNCE_NONE;
    (void)export_put16(at, tells ? (uint16_t)(1u << 14 | (e->options.sampling & 0x3fff)) : 0);
}

static bool add(const struct export *e, struct exporter *x, struct export_stream *s,
                const struct export_record *r)
{
    if (s->records >= RECORDS_MAX)
        return false;
    const struct traffic_flow *f = r->flow;
    uint8_t *at = wire_reserve(&s->out, RECORD);
    uint32_t now = export_uptime_ms(e, x);
    at = export_put_addr(at, &f->src);
    at = export_put_addr(at, &f->dst);
    at = export_put32(at, 0); /* next hop */
    at = export_put16(at, (uint16_t)r->in_if);
    at = export_put16(at, (uint16_t)r->out_if);
    at = export_put32(at, (uint32_t)r->packets);
    at = export_put32(at, r->bytes < UINT32_MAX ? (uint32_t)r->bytes : UINT32_MAX);
    at = export_put32(at, now - f->duration_ms);
    at = export_put32(at, now);
    at = export_put16(at, f->src_port);
    uint16_t icmp = (uint16_t)(f->icmp_type << 8);
    at = export_put16(at, f->protocol == 1 ? icmp : f->dst_port);
    *at++ = 0;
    *at++ = r->tcp_flags;
    *at++ = f->protocol;
    *at++ = 0;                 /* TOS */
    at = export_put32(at, 0);  /* AS numbers */
    (void)export_put32(at, 0); /* masks, padding */
    return true;
}

static void end(struct export_stream *s)
{
    (void)export_put16(s->bytes + 2, s->records);
    s->sequence += s->records;
}

const struct export_format export_netflow5 = {false, begin, add, end};
