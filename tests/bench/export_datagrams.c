#include "tests/bench/export_datagrams.h"

#include "common/base/wire.h"

#include <stdlib.h>
#include <string.h>

enum {
    DATAGRAM_MAX = 1500,
    V5_RECORDS = 30,
    V9_RECORDS = 22,
    VARIABLE_RECORDS = 18,
    SFLOW_SAMPLES = 7,
    HEADER_LEN = 128
};

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

enum { VARIABLE = 0xffff };

/* element, octets */
static const uint16_t fixed_fields[][2] = {{8, 4}, {12, 4}, {15, 4}, {10, 4}, {14, 4}, {2, 4},
                                           {1, 4}, {22, 4}, {21, 4}, {7, 2},  {11, 2}, {6, 1},
                                           {4, 1}, {5, 1},  {61, 1}, {16, 4}, {17, 4}};
/* The same, a VLAN, and the names of the application and of the interface. */
static const uint16_t variable_fields[][2] = {
    {8, 4}, {12, 4}, {15, 4}, {10, 4}, {14, 4}, {2, 4},  {1, 4},  {22, 4}, {21, 4}, {96, VARIABLE},
    {7, 2}, {11, 2}, {6, 1},  {4, 1},  {5, 1},  {61, 1}, {16, 4}, {17, 4}, {58, 2}, {82, VARIABLE}};
enum {
    FIXED_FIELDS = sizeof(fixed_fields) / sizeof(fixed_fields[0]),
    VARIABLE_FIELDS = sizeof(variable_fields) / sizeof(variable_fields[0])
};

struct load {
    enum flow_format format;
    bool variable; /* of IPFIX: two fields carry their length */
    uint32_t hosts;
};

static void put_template(struct wire_writer *w, const struct load *load)
{
    const uint16_t(*fields)[2] = load->variable ? variable_fields : fixed_fields;
    uint16_t count = load->variable ? VARIABLE_FIELDS : FIXED_FIELDS;
    wire_put_u16(w, load->format == FORMAT_IPFIX ? 2 : 0);
    wire_put_u16(w, (uint16_t)(8 + 4 * count));
    wire_put_u16(w, 256);
    wire_put_u16(w, count);
    for (size_t i = 0; i < count; i++) {
        wire_put_u16(w, fields[i][0]);
        wire_put_u16(w, fields[i][1]);
    }
}

static void put_name(struct wire_writer *w, uint32_t *state, const char *name)
{
    size_t len = strlen(name) - chance(state) % 5;
    wire_put_u8(w, (uint8_t)len);
    wire_put_bytes(w, name, len);
}

static void put_record(struct wire_writer *w, uint32_t *state, const struct load *load)
{
    uint32_t packets = 1 + chance(state) % 20;
    wire_put_u32(w, 0xcb007100U + chance(state) % 250);
    wire_put_u32(w, host(state, load->hosts));
    wire_put_u32(w, 0xc0000201U);
    wire_put_u32(w, 1);
    wire_put_u32(w, 2);
    wire_put_u32(w, packets);
    wire_put_u32(w, packets * (40 + chance(state) % 1400));
    wire_put_u32(w, 5000);
    wire_put_u32(w, 5000 + chance(state) % 90);
    if (load->variable)
        put_name(w, state, "ssl/office365");
    wire_put_u16(w, 443);
    wire_put_u16(w, (uint16_t)chance(state));
    wire_put_u8(w, 0x18);
    wire_put_u8(w, 6);
    wire_put_u8(w, 0);
    wire_put_u8(w, 0);
    wire_put_u32(w, 64500);
    wire_put_u32(w, 64501);
    if (load->variable) {
        wire_put_u16(w, 100);
        put_name(w, state, "xe-0/0/12.100");
    }
}

static size_t make_template_format(struct wire_writer *w, const struct load *load, size_t number,
                                   uint32_t *state)
{
    bool ipfix = load->format == FORMAT_IPFIX;
    size_t full = load->variable ? VARIABLE_RECORDS : V9_RECORDS;
    size_t records = number == 0 ? 0 : full;
    size_t sent = number < 2 ? 0 : (number - 1) * full;
    wire_put_u16(w, ipfix ? 10 : 9);
    wire_put_u16(w, (uint16_t)(records + 1));
    if (!ipfix)
        wire_put_u32(w, 100000);
    wire_put_u32(w, 1700000000);
    wire_put_u32(w, (uint32_t)(ipfix ? sent : number));
    wire_put_u32(w, 1);
    if (number == 0) {
        put_template(w, load);
    } else {
        wire_put_u16(w, 256);
        size_t at = wire_hold(w, 2);
        for (size_t i = 0; i < records; i++)
            put_record(w, state, load);
        wire_put_uint_at(w->start + at, 2, w->len - at + 2);
    }
    if (ipfix)
        wire_put_uint_at(w->start + 2, 2, w->len);
    return records;
}

static void put_sample(struct wire_writer *w, uint32_t *state, uint32_t hosts,
                       uint32_t taken[EXPORT_PORTS])
{
    static const uint8_t ethernet[14] = {[5] = 1, [11] = 2, [12] = 8};
    uint32_t port = chance(state) % EXPORT_PORTS;
    wire_put_u32(w, 1);
    size_t at = wire_hold(w, 4);
    wire_put_u32(w, ++taken[port]);
    wire_put_u32(w, 1 + port);
    wire_put_u32(w, 1000);
    wire_put_u32(w, 1000 * taken[port]);
    wire_put_u32(w, 0);
    wire_put_u32(w, 1 + port);
    wire_put_u32(w, 1 + chance(state) % EXPORT_PORTS);
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

static size_t make_sflow(struct wire_writer *w, size_t number, uint32_t *state, uint32_t hosts,
                         uint32_t taken[EXPORT_PORTS])
{
    wire_put_u32(w, 5);
    wire_put_u32(w, 1);
    wire_put_u32(w, 0xc0000201U);
    wire_put_u32(w, 0);
    wire_put_u32(w, (uint32_t)number);
    wire_put_u32(w, 100000);
    wire_put_u32(w, SFLOW_SAMPLES);
    for (size_t i = 0; i < SFLOW_SAMPLES; i++)
        put_sample(w, state, hosts, taken);
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

static size_t make_datagram(struct wire_writer *w, const struct load *load, size_t number,
                            uint32_t *state, uint32_t taken[EXPORT_PORTS])
{
    switch (load->format) {
    case FORMAT_SFLOW5:
        return make_sflow(w, number, state, load->hosts, taken);
    case FORMAT_NETFLOW5:
        return make_netflow5(w, number, state, load->hosts);
    case FORMAT_NETFLOW9:
    case FORMAT_IPFIX:
        return make_template_format(w, load, number, state);
    case FORMAT_COUNT:
        break;
    }
    return 0;
}

static void make(struct export_datagrams *d, const struct load *load, size_t datagrams)
{
    uint32_t state = 12345;
    *d = (struct export_datagrams){.count = datagrams, .format = load->format};
    d->bytes = malloc(datagrams * DATAGRAM_MAX);
    d->starts = calloc(datagrams + 1, sizeof(*d->starts));
    if (d->bytes == NULL || d->starts == NULL)
        abort();
    for (size_t i = 0; i < datagrams; i++) {
        uint8_t datagram[DATAGRAM_MAX];
        struct wire_writer w = wire_writer_of(datagram, sizeof(datagram));
        d->records += make_datagram(&w, load, i, &state, d->samples_of_port);
        if (w.failed)
            abort();
        memcpy(d->bytes + d->starts[i], datagram, w.len);
        d->starts[i + 1] = d->starts[i] + w.len;
    }
}

void export_datagrams_make(struct export_datagrams *d, enum flow_format format, size_t datagrams,
                           uint32_t hosts)
{
    make(d, &(struct load){.format = format, .hosts = hosts}, datagrams);
}

void export_datagrams_make_variable(struct export_datagrams *d, size_t datagrams, uint32_t hosts)
{
    make(d, &(struct load){.format = FORMAT_IPFIX, .variable = true, .hosts = hosts}, datagrams);
}

static void move_on(uint8_t *number, uint64_t by)
{
    wire_put_uint_at(number, 4, wire_u32_at(number) + by);
}

void export_datagrams_go_on(struct export_datagrams *d)
{
    enum { SAMPLES_AT = 28, SAMPLE_LEN = 8 + 32 + 24 + HEADER_LEN };
    static const size_t number_at[FORMAT_COUNT] = {
        [FORMAT_NETFLOW5] = 16, [FORMAT_NETFLOW9] = 12, [FORMAT_IPFIX] = 8, [FORMAT_SFLOW5] = 16};
    bool counts_records = d->format == FORMAT_NETFLOW5 || d->format == FORMAT_IPFIX;
    for (size_t i = 0; i < d->count; i++) {
        uint8_t *datagram = d->bytes + d->starts[i];
        move_on(datagram + number_at[d->format], counts_records ? d->records : d->count);
        for (size_t j = 0; j < SFLOW_SAMPLES && d->format == FORMAT_SFLOW5; j++) {
            uint8_t *sample = datagram + SAMPLES_AT + j * SAMPLE_LEN + 8;
            move_on(sample, d->samples_of_port[wire_u32_at(sample + 4) - 1]);
        }
    }
}

void export_datagrams_done(struct export_datagrams *d)
{
    free(d->bytes);
    free(d->starts);
}
