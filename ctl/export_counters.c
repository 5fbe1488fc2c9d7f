#include "ctl/export.h"

/* sFlow's counter samples: what the interfaces counted is the truth that flow samples estimate. */

enum { IF_TYPE_ETHERNET = 6, FULL_DUPLEX = 1, UP_AND_UP = 3, FRAME_OCTETS = 18 };
static const uint64_t IF_SPEED_BPS = 100000000000;

bool export_counters_due(const struct export *e, const struct exporter *x,
                         const struct export_stream *s)
{
    if (e->options.counters_ms == 0)
        return false;
    for (size_t i = 0; i < EXPORT_INTERFACES; i++)
        if (&x->streams[export_domain_of(e, i)] == s &&
            e->now_ms - x->interfaces[i].counters_ms >= e->options.counters_ms)
            return true;
    return false;
}

/* Octets as interfaces count them, with the headers and checksum of Ethernet. */
static uint64_t frame_octets(const struct export_volume *v)
{
    return v->bytes + v->packets * FRAME_OCTETS;
}

static void put_way(struct wire_writer *w, const struct export_volume *v)
{
    wire_put_u64(w, frame_octets(v));
    wire_put_u32(w, (uint32_t)v->packets);
    for (int i = 0; i < 4; i++) /* multicast, broadcast, discards, errors */
        wire_put_u32(w, 0);
}

static void put_interface(struct wire_writer *w, struct export_interface *i)
{
    wire_put_u32(w, 2); /* counter sample */
    size_t sample_at = wire_hold(w, 4);
    wire_put_u32(w, ++i->counter_samples);
    wire_put_u32(w, i->index);
    wire_put_u32(w, 1); /* one record: generic interface counters */
    wire_put_u32(w, 1);
    size_t record_at = wire_hold(w, 4);
    wire_put_u32(w, i->index);
    wire_put_u32(w, IF_TYPE_ETHERNET);
    wire_put_u64(w, IF_SPEED_BPS);
    wire_put_u32(w, FULL_DUPLEX);
    wire_put_u32(w, UP_AND_UP);
    put_way(w, &i->in);
    wire_put_u32(w, 0); /* unknown protocols */
    put_way(w, &i->out);
    wire_put_u32(w, 0); /* promiscuous mode */
    wire_fill_len(w, record_at, 4);
    wire_fill_len(w, sample_at, 4);
}

void export_counters(const struct export *e, struct exporter *x, struct export_stream *s)
{
    if (e->options.counters_ms == 0)
        return;
    for (size_t i = 0; i < EXPORT_INTERFACES; i++) {
        struct export_interface *interface = &x->interfaces[i];
        if (&x->streams[export_domain_of(e, i)] != s ||
            e->now_ms - interface->counters_ms < e->options.counters_ms)
            continue;
        put_interface(&s->out, interface);
        interface->counters_ms = e->now_ms;
        s->others++;
    }
}
