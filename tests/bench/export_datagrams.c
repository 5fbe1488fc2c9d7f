#include "tests/bench/export_datagrams.h"

#include "common/base/wire.h"

#include <stdlib.h>
#include <string.h>

enum { DATAGRAM_MAX = 1500, V5_RECORDS = 30, V9_RECORDS = 22, SFLOW_SAMPLES = 7, HEADER_LEN = 128 };

static uint32_t chance(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

static uint32_t host(uint32_t *state, uint32_t hosts)
{
    return 0x0a000000U + chance(state) % hosts;
}

/* element, octets */
static const uint16_t fields[][2] = {{8, 4}, {12, 4}, {15, 4}, {10, 4}, {14, 4}, {2, 4},
                                     {1, 4}, {22, 4}, {21, 4}, {7, 2},  {11, 2}, {6, 1},
                                     {4, 1}, {5, 1},  {61, 1}, {16, 4}, {17, 4}};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void put_template(struct wire_writer *w, enum flow_format format)
{
    wire_put_u16(w, format == FORMAT_IPFIX ? 2 : 0);
    wire_put_u16(w, 8 + 4 * FIELDS);
    wire_put_u16(w, 256);
    wire_put_u16(w, FIELDS);
    for (size_t i = 0; i < FIELDS; i++) {
        wire_put_u16(w, fields[i][0]);
        wire_put_u16(w, fields[i][1]);
    }
}

static void put_record(struct wire_writer *w, uint32_t *state, uint32_t hosts)
{
    uint32_t packets = 1 + chance(state) % 20;
    wire_put_u32(w, 0xcb007100U + chance(state) % 250);
    wire_put_u32(w, host(state, hosts));
    wire_put_u32(w, 0xc0000201U);
    wire_put_u32(w, 1);
    wire_put_u32(w, 2);
    wire_put_u32(w, packets);
    wire_put_u32(w, packets * (40 + chance(state) % 1400));
    wire_put_u32(w, 5000);
    wire_put_u32(w, 5000 + chance(state) % 90);
    wire_put_u16(w, 443);
    wire_put_u16(w, (uint16_t)chance(state));
    wire_put_u8(w, 0x18);
    wire_put_u8(w, 6);
    wire_put_u8(w, 0);
    wire_put_u8(w, 0);
    wire_put_u32(w, 64500);
    wire_put_u32(w, 64501);
}

static size_t make_template_format(struct wire_writer *w, enum flow_format format, size_t number,
                                   uint32_t *state, uint32_t hosts)
{
    bool ipfix = format == FORMAT_IPFIX;
    size_t records = number == 0 ? 0 : V9_RECORDS;
    size_t sent = number < 2 ? 0 : (number - 1) * V9_RECORDS;
    wire_put_u16(w, ipfix ? 10 : 9);
    wire_put_u16(w, (uint16_t)(records + 1));
    if (!ipfix)
        wire_put_u32(w, 100000);
    wire_put_u32(w, 1700000000);
    wire_put_u32(w, (uint32_t)(ipfix ? sent : number));
    wire_put_u32(w, 1);
    if (number == 0) {
        put_template(w, format);
    } else {
        wire_put_u16(w, 256);
        size_t at = wire_hold(w, 2);
        for (size_t i = 0; i < records; i++)
            put_record(w, state, hosts);
        wire_put_uint_at(w->start + at, 2, w->len - at + 2);
    }
    if (ipfix)
        wire_put_uint_at(w->start + 2, 2, w->len);
    return records;
}

static void put_sample(struct wire_writer *w, uint32_t *state, uint32_t hosts)
{
    static const uint8_t ethernet[14] = {[5] = 1, [11] = 2, [12] = 8};
    wire_put_u32(w, 1);
    size_t at = wire_hold(w, 4);
    for (size_t i = 0; i < 2; i++)
        wire_put_u32(w, 1);
    wire_put_u32(w, 1000);
    for (size_t i = 0; i < 2; i++)
        wire_put_u32(w, 0);
    wire_put_u32(w, 1);
    wire_put_u32(w, 2);
    wire_put_u32(w, 1);
    wire_put_u32(w, 1);
    wire_put_u32(w, 16 + HEADER_LEN);
    wire_put_u32(w, 1);
    wire_put_u32(w, 60 + chance(state) % 1400);
    wire_put_u32(w, 4);
    wire_put_u32(w, HEADER_LEN);
    size_t header = w->len;
    wire_put_bytes(w, ethernet, sizeof(ethernet));
    wire_put_u32(w, 0x45000400);
    wire_put_u32(w, 0x00014000);
    wire_put_u32(w, 0x40110000);
    wire_put_u32(w, 0xcb007100U + chance(state) % 250);
    wire_put_u32(w, host(state, hosts));
    wire_put_u16(w, 443);
    wire_put_u16(w, (uint16_t)chance(state));
    while (w->len < header + HEADER_LEN)
        wire_put_u8(w, 0);
    wire_fill_len(w, at, 4);
}

static size_t make_sflow(struct wire_writer *w, size_t number, uint32_t *state, uint32_t hosts)
{
    wire_put_u32(w, 5);
    wire_put_u32(w, 1);
    wire_put_u32(w, 0xc0000201U);
    wire_put_u32(w, 0);
    wire_put_u32(w, (uint32_t)number);
    wire_put_u32(w, 100000);
    wire_put_u32(w, SFLOW_SAMPLES);
    for (size_t i = 0; i < SFLOW_SAMPLES; i++)
        put_sample(w, state, hosts);
    return SFLOW_SAMPLES;
}

static size_t make_netflow5(struct wire_writer *w, size_t number, uint32_t *state, uint32_t hosts)
{
    wire_put_u16(w, 5);
    wire_put_u16(w, V5_RECORDS);
    wire_put_u32(w, 100000);
    wire_put_u32(w, 1700000000);
    wire_put_u32(w, 0);
    wire_put_u32(w, (uint32_t)(number * V5_RECORDS));
    wire_put_u32(w, 0);
    for (size_t i = 0; i < V5_RECORDS; i++) {
        uint32_t packets = 1 + chance(state) % 20;
        wire_put_u32(w, 0xcb007100U + chance(state) % 250);
        wire_put_u32(w, host(state, hosts));
        wire_put_u32(w, 0xc0000201U);
        wire_put_u32(w, 0x00010002);
        wire_put_u32(w, packets);
        wire_put_u32(w, packets * (40 + chance(state) % 1400));
        wire_put_u32(w, 99000);
        wire_put_u32(w, 99000 + chance(state) % 90);
        wire_put_u32(w, 0x01bb0000 | (chance(state) & 0xffff));
        wire_put_u32(w, 0x00180600);
        wire_put_u32(w, 0xfbf4fbf5);
        wire_put_u32(w, 0x18180000);
    }
    return V5_RECORDS;
}

void export_datagrams_make(struct export_datagrams *d, enum flow_format format, size_t datagrams,
                           uint32_t hosts)
{
    uint32_t state = 12345;
    *d = (struct export_datagrams){.count = datagrams};
    d->bytes = malloc(datagrams * DATAGRAM_MAX);
    d->starts = calloc(datagrams + 1, sizeof(*d->starts));
    if (d->bytes == NULL || d->starts == NULL)
        abort();
    for (size_t i = 0; i < datagrams; i++) {
        struct wire_writer w = wire_writer_of(d->bytes + d->starts[i], DATAGRAM_MAX);
        if (format == FORMAT_SFLOW5)
            d->records += make_sflow(&w, i, &state, hosts);
        else if (format == FORMAT_NETFLOW5)
            d->records += make_netflow5(&w, i, &state, hosts);
        else
            d->records += make_template_format(&w, format, i, &state, hosts);
        if (w.failed)
            abort();
        d->starts[i + 1] = d->starts[i] + w.len;
    }
}

void export_datagrams_done(struct export_datagrams *d)
{
    free(d->bytes);
    free(d->starts);
}
