#include "tests/fuzz/datagrams.h"

#include "collector/decode/fields.h"
#include "collector/decode/snapshot.h"
#include "common/base/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMORY_MAX = 3000,
    /* What is never taken: the domain at hand, its samplers, its sources and its last template. */
    MEMORY_KEPT = 8192,
    HELD = 4096,
    CONTROL_RATE = 1 << 4,
    CONTROL_SNAPSHOT = 1 << 5,
    CONTROL_ASK = 1 << 6,
    CONTROL_LISTED = 1 << 7
};

struct feeding {
    struct decode *decode;
    uint64_t now_ms, records, sum;
};

static void on_record(void *owner, const struct flow_record *flow)
{
    struct feeding *f = owner;

    if (flow->has & FLOW_FRAGMENT && flow->fragment & FRAGMENT_LATER)
        assert(!(flow->has & (FLOW_SRC_PORT | FLOW_DST_PORT)));
    if (flow->has & FLOW_SRC_ADDR)
        assert(flow->src_addr.family == ADDR_IPV4 || flow->src_addr.family == ADDR_IPV6);
    assert(flow->sampling_rate == 0 || flow->sampling_rate >= 1);
    f->records++;
    f->sum += flow->bytes + flow->time_ms + flow->duration_ms;
}

static void on_late(void *owner, const struct flow_record *flow, uint64_t came_ms)
{
    const struct feeding *f = owner;
    assert(came_ms <= f->now_ms && f->now_ms - came_ms <= 10000);
    on_record(owner, flow);
}

static void on_interface(void *owner, const struct decode_interface *interface)
{
    struct feeding *f = owner;
    f->sum += interface->in_octets + interface->index;
}

/* Every field of it, whether its element is known or not. */
static void on_fields(void *owner, const struct decode_fields *fields)
{
    struct feeding *f = owner;
    struct fields_walk walk;
    struct field field;
    size_t count = 0, octets = 0;
    fields_begin(&walk, fields);
    while (fields_next(&walk, &field)) {
        assert(field.is_scope == (count < fields->scope_count));
        octets += field.len;
        count++;
        for (size_t i = 0; i < field.len; i++)
            f->sum += field.bytes[i];
    }
    assert(count == fields->count && octets <= fields->len);
}

static void on_two_senders(void *owner)
{
    struct feeding *f = owner;
    f->sum++;
}

static struct decode *new_decode(void)
{
    struct decode *decode = decode_new(&(struct decode_limits){.exporters = 2,
                                                               .domains_per_exporter = 2,
                                                               .templates_per_domain = 3,
                                                               .fields_per_template = 20,
                                                               .samplers_per_domain = 6,
                                                               .sources_per_domain = 64,
                                                               .flow_totals = 8,
                                                               .held_bytes = HELD,
                                                               .held_bytes_per_exporter = HELD,
                                                               .memory_bytes = MEMORY_MAX},
                                       1);
    if (decode == NULL)
        abort();
    return decode;
}

static void through_snapshot(struct feeding *f)
{
    struct snapshot_times times = {
        .mono_ms = f->now_ms, .wall_ms = 1ull << 40, .max_age_ms = 3600000};
    size_t room = snapshot_room(f->decode), len, left_out;
    uint8_t *bytes = malloc(room);
    if (bytes == NULL || !snapshot_write(f->decode, &times, bytes, room, &len, &left_out))
        abort();
    assert(left_out == 0);
    decode_free(f->decode);
    f->decode = new_decode();
    assert(snapshot_read(f->decode, &times, &(struct snapshot_filter){0}, bytes, len) == STATUS_OK);
    free(bytes);
}

static void on_domain(void *owner, const struct decode_domain_info *domain,
                      const struct decode_template_info *templates, size_t count)
{
    struct feeding *f = owner;
    assert(count <= DECODE_TEMPLATES_TOLD && domain->templates >= count);
    for (size_t i = 0; i < count; i++)
        assert(templates[i].id >= 256 && templates[i].fields > 0);
    struct decode_source_info worst[4];
    size_t sources = decode_sources(domain, worst, 4);
    assert(sources <= 4 && (sources < 2 || worst[0].lost >= worst[1].lost));
    f->sum += domain->number;
}

static void on_exporter(void *owner, const struct decode_exporter_info *info)
{
    assert(info->domains <= 2);
    decode_domains(info->self, 2, on_domain, owner);
}

/* A block of its own, so that a read one octet past the end is seen. */
static void feed(struct feeding *f, const struct decode_source *source, struct wire_reader part,
                 bool asks, const uint8_t *version, size_t version_len)
{
    struct decode_sink sink = {.on_record = on_record,
                               .on_discard = on_record,
                               .on_interface = on_interface,
                               .on_late = on_late,
                               .on_two_senders = on_two_senders,
                               .owner = f};
    uint8_t *datagram = malloc(part.left > 0 ? part.left : 1);
    if (datagram == NULL)
        abort();
    if (part.left > 0)
        memcpy(datagram, part.pos, part.left);
    memcpy(datagram, version, version_len < part.left ? version_len : part.left);
    f->records = 0;
    if (asks)
        sink.on_fields = on_fields;
    if (f->now_ms % 4 == 1)
        sink.on_late = NULL; /* they come with the others then */
    decode_datagram(f->decode, source, datagram, part.left, f->now_ms, &sink);
    /* A record takes an octet at least, and may give one of each direction. */
    assert(f->records <= 2 * (part.left + HELD));
    assert(decode_memory(f->decode) <= MEMORY_MAX + MEMORY_KEPT);
    free(datagram);
}

void datagrams_feed(const uint8_t *data, size_t size, const uint8_t *version, size_t version_len)
{
    static const uint64_t steps_ms[] = {0, 1, 500, 11000};
    struct wire_reader r = wire_reader_of(data, size);
    struct feeding f = {.decode = new_decode(), .now_ms = 1000};

    while (r.left > 3) {
        uint8_t control = wire_u8(&r);
        size_t len = wire_u16(&r);
        struct decode_source source = {.addr = addr_from_ipv4(0xc0000200U + (control & 3)),
                                       .trust = (control & CONTROL_LISTED) == 0 ? DECODE_UNLISTED
                                                : (control & 1) == 0            ? DECODE_BY_PREFIX
                                                                     : DECODE_BY_ADDRESS};
        if (control & CONTROL_RATE) {
            source.sampling_override = (control & 1) != 0 ? 100 : 0;
            source.sampling_default = 1000;
        }
        f.now_ms += steps_ms[control >> 2 & 3];
        if (control & CONTROL_SNAPSHOT)
            through_snapshot(&f);
        feed(&f, &source, wire_sub(&r, len < r.left ? len : r.left), (control & CONTROL_ASK) != 0,
             version, version_len);
        if (control & CONTROL_ASK)
            decode_exporters(f.decode, 0, f.now_ms, on_exporter, &f);
    }
    decode_free(f.decode);
}
