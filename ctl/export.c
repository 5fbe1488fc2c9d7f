#include "ctl/export.h"

#include <string.h>

static const struct export_format *format_of(const struct export *e)
{
    switch (e->format) {
    case FORMAT_NETFLOW5:
        return &export_netflow5;
    case FORMAT_NETFLOW9:
        return &export_netflow9;
    case FORMAT_IPFIX:
        return &export_ipfix;
    case FORMAT_SFLOW5:
    case FORMAT_COUNT:
        break;
    }
    return &export_sflow5;
}

void export_init(struct export *e, enum flow_format format, uint32_t sampling, uint32_t flow_ms,
                 uint64_t now_mono_ms)
{
    memset(e, 0, offsetof(struct export, bytes));
    e->format = format;
    e->sampling = sampling;
    e->flow_ms = flow_ms;
    e->agent = addr_from_ipv4(0x7f000001);
    /* As if it had run for a while: the start of a flow is not before the exporter's own. */
    e->boot_mono_ms = now_mono_ms > 3600000 ? now_mono_ms - 3600000 : 0;
    e->in_datagram = 0;
    e->set_family = 0;
    e->out = wire_writer_of(e->bytes, sizeof(e->bytes));
}

void export_set_time(struct export *e, uint64_t now_mono_ms, uint64_t now_wall_ms)
{
    e->now_mono_ms = now_mono_ms;
    e->now_wall_ms = now_wall_ms;
}

void export_flush(struct export *e)
{
    if (e->in_datagram == 0)
        return;
    format_of(e)->end(e);
    if (e->send(e->owner, e->bytes, e->out.len))
        e->datagrams++;
    else
        e->failures++;
    e->in_datagram = 0;
    e->set_family = 0;
    e->out = wire_writer_of(e->bytes, sizeof(e->bytes));
}

void export_add(struct export *e, const struct traffic_flow *flow)
{
    const struct export_format *format = format_of(e);
    if (e->in_datagram == 0)
        format->begin(e);
    if (!format->add(e, flow)) {
        export_flush(e);
        format->begin(e);
        (void)format->add(e, flow); /* an empty datagram holds any one record */
    }
    e->in_datagram++;
    e->records++;
}
