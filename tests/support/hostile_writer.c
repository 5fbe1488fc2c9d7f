#include "tests/support/hostile_writer.h"

#include <stdlib.h>

/* Inlined, gcc 12 takes its buffer for one of no size. */
__attribute__((noinline)) struct wire_writer hostile_begin(struct hostile *h)
{
    if (h->octets + HOSTILE_DATAGRAM_MAX > HOSTILE_OCTETS_MAX)
        abort();
    return wire_writer_of(h->bytes + h->octets, HOSTILE_DATAGRAM_MAX);
}

void hostile_end(struct hostile *h, const struct wire_writer *w, uint32_t sender)
{
    if (w->failed || h->count == HOSTILE_DATAGRAMS_MAX)
        abort();
    h->datagrams[h->count++] = (struct hostile_datagram){
        .from = addr_from_ipv4(0xc0000200U + sender), .at = h->octets, .len = w->len};
    h->octets += w->len;
}

struct wire_writer hostile_begin_sets(struct hostile *h, enum flow_format format, uint32_t domain)
{
    struct wire_writer w = hostile_begin(h);
    wire_put_u16(&w, format == FORMAT_IPFIX ? 10 : 9);
    wire_put_u16(&w, 0);
    if (format == FORMAT_NETFLOW9)
        wire_put_u32(&w, 100000);
    wire_put_u32(&w, 1700000000);
    wire_put_u32(&w, (uint32_t)h->count);
    wire_put_u32(&w, domain);
    return w;
}

void hostile_set_number(struct wire_writer *w, uint32_t number)
{
    wire_put_uint_at(w->start + (w->start[1] == 10 ? 8 : 12), 4, number);
}

void hostile_end_sets(struct hostile *h, struct wire_writer *w, uint32_t sender)
{
    if (w->start[1] == 10)
        wire_put_uint_at(w->start + 2, 2, w->len);
    hostile_end(h, w, sender);
}

size_t hostile_begin_set(struct wire_writer *w, uint16_t id)
{
    wire_put_u16(w, id);
    wire_put_u16(w, 0);
    return w->len - 2;
}

void hostile_end_set(struct wire_writer *w, size_t len_at)
{
    wire_put_uint_at(w->start + len_at, 2, w->len - len_at + 2);
}

size_t hostile_left(const struct wire_writer *w)
{
    return w->room - w->len;
}

static void put_fields(struct wire_writer *w, const struct hostile_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        wire_put_u16(w, (uint16_t)(fields[i].element | (fields[i].enterprise > 0 ? 0x8000 : 0)));
        wire_put_u16(w, fields[i].len);
        if (fields[i].enterprise > 0)
            wire_put_u32(w, fields[i].enterprise);
    }
}

void hostile_put_template(struct wire_writer *w, uint16_t id, const struct hostile_field *fields,
                          size_t count)
{
    wire_put_u16(w, id);
    wire_put_u16(w, (uint16_t)count);
    put_fields(w, fields, count);
}

/* The first field is the scope. */
void hostile_put_options_template(struct wire_writer *w, enum flow_format format, uint16_t id,
                                  const struct hostile_field *fields, size_t count)
{
    wire_put_u16(w, id);
    wire_put_u16(w, (uint16_t)(format == FORMAT_IPFIX ? count : 4));
    wire_put_u16(w, (uint16_t)(format == FORMAT_IPFIX ? 1 : (count - 1) * 4));
    put_fields(w, fields, count);
}

void hostile_define(struct wire_writer *w, enum flow_format format, uint16_t id,
                    const struct hostile_field *fields, size_t count)
{
    size_t set = hostile_begin_set(w, format == FORMAT_IPFIX ? 2 : 0);
    hostile_put_template(w, id, fields, count);
    hostile_end_set(w, set);
}

/* One data set to the end of the datagram, of one record again and again. */
void hostile_fill_with(struct wire_writer *w, uint16_t id, const uint8_t *record, size_t len)
{
    size_t set = hostile_begin_set(w, id);
    while (hostile_left(w) >= len)
        wire_put_bytes(w, record, len);
    hostile_end_set(w, set);
}
