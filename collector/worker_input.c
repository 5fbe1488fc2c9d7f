#include "collector/worker_input.h"

#include "collector/tally/volume.h"
#include "common/base/hash.h"

#include <stdlib.h>

enum {
    STALL_MS = 50,        /* the loop turns once a tick at least; that much later, it stood still */
    BEHIND_MAX_MS = 2000, /* as long as reading what waited may take */
    DRAIN_DATAGRAMS = 16384 /* read from each socket at the end */
};

/* --- records --- */

static bool has_volume(const struct flow_record *flow)
{
    return flow->has & (FLOW_BYTES | FLOW_PACKETS);
}

static void take(struct worker_input *in, const struct flow_record *flow, uint64_t came_ms)
{
    bool is_taken = tally_add(in->tally, in->sender, flow, came_ms);
    in->has_records |= is_taken;
    in->has_refused |= !is_taken;
    in->useless_records += !is_taken || !has_volume(flow);
    if (is_taken && in->archive != NULL)
        archive_queue_put(in->archive, flow, &in->sender->addr, came_ms);
    if (in->recall != NULL)
        recall_add(in->recall, flow, tally_direction(in->tally), in->keeps_sources, came_ms);
}

static void add_sample(struct worker_input *in, const struct flow_record *flow)
{
    if (!in->has_looked)
        in->sender_interfaces = interfaces_at(in->interfaces, &in->sender->addr);
    in->has_looked = true;
    if (in->sender_interfaces != NULL)
        interfaces_sampled(in->interfaces, in->sender_interfaces, flow);
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct worker_input *in = owner;
    if (in->is_foreign) {
        tally_refuse(in->tally, in->sender, flow, TALLY_SECOND_SENDER);
        in->useless_records +=
            !has_volume(flow) || volume_judge(flow, in->sender->config) != TALLY_REASON_COUNT;
        return;
    }
    take(in, flow, in->since_ms);
    if (flow->format == FORMAT_SFLOW5)
        add_sample(in, flow);
}

static void on_late(void *owner, const struct flow_record *flow, uint64_t came_ms)
{
    take(owner, flow, came_ms);
}

static void on_two_senders(void *owner)
{
    struct worker_input *in = owner;
    in->sender->two_senders_ms = in->turned_ms;
}

static void on_foreign(void *owner)
{
    ((struct worker_input *)owner)->is_foreign = true;
}

/* --- datagrams --- */

enum decode_trust worker_trust(const struct config_exporter *config)
{
    if (config == NULL)
        return DECODE_UNLISTED;
    return model_is_host(config) ? DECODE_BY_ADDRESS : DECODE_BY_PREFIX;
}

static void on_interface(void *owner, const struct decode_interface *reading)
{
    struct worker_input *in = owner;
    if (in->is_foreign)
        return; /* nor are these the exporter's */
    interfaces_counted(in->interfaces, reading, worker_trust(in->sender->config), in->turned_ms);
    in->has_looked = false; /* the exporter may be new there */
}

/* While the loop stands still (a machine that stops, a process that is stopped), datagrams wait in
 * the sockets. What they say came at some time since then, and counts so: all of it at once would
 * look like an attack. */
void worker_input_turned(struct worker_input *in, uint64_t now_ms)
{
    if (now_ms - in->turned_ms > in->flush_every_ms + STALL_MS) {
        in->stalled_from_ms = in->turned_ms;
        in->stalled_until_ms = now_ms;
        for (size_t i = 0; i < in->socket_count; i++)
            in->sockets[i].is_behind = true;
    }
    in->turned_ms = now_ms;
}

static uint64_t came_since(const struct worker_input *in, const struct in_udp *socket,
                           uint64_t now_ms)
{
    bool waited = socket->is_behind && now_ms - in->stalled_until_ms < BEHIND_MAX_MS;
    return waited ? in->stalled_from_ms : now_ms;
}

/* An exporter of whose datagram nothing can be used is as silent as before. */
static bool is_useless(const struct worker_input *in, enum decode_reason reason)
{
    bool is_whole = reason == DECODE_OK && !in->has_refused && !in->is_foreign;
    return !is_whole && !in->has_records && (in->is_foreign || !decode_has_told(in->decode));
}

void worker_input_take(struct worker_input *in, const struct ip_addr *from, const uint8_t *bytes,
                       size_t len, uint64_t now_ms)
{
    in->sender = tally_exporter(in->tally, from, now_ms);
    if (in->sender == NULL)
        return; /* counted there */
    const struct config_exporter *config = in->sender->config;
    struct decode_source source = {.addr = *from, .trust = worker_trust(config)};
    struct decode_sink sink = {.on_two_senders = on_two_senders,
                               .on_foreign = on_foreign,
                               .on_record = on_record,
                               .on_late = on_late,
                               .on_interface = on_interface,
                               .useless = &in->useless_records,
                               .owner = in};
    in->has_looked = false;
    if (config != NULL) {
        source.sampling_override = config->sampling;
        source.sampling_default = config->default_sampling;
    }
    in->has_records = in->has_refused = in->is_foreign = false;
    enum decode_reason reason = decode_datagram(in->decode, &source, bytes, len, now_ms, &sink);
    if (is_useless(in, reason))
        tally_exporter_unheard(in->sender);
}

static void on_datagram(void *owner, const struct in_udp *socket, const struct ip_addr *from,
                        const uint8_t *bytes, size_t len)
{
    struct worker_input *in = owner;
    uint64_t now_ms = clock_mono_ms(&in->clock);
    worker_input_turned(in, now_ms);
    in->since_ms = came_since(in, socket, now_ms);
    worker_input_take(in, from, bytes, len, now_ms);
}

static void on_turn_end(void *owner)
{
    struct worker_input *in = owner;
    tally_settle(in->tally);
    in->on_turn_end(in->owner);
}

/* --- life --- */

static struct tally_options tally_options_of(const struct worker_options *options)
{
    const struct config_collector *c = &options->config->collector;
    return (struct tally_options){
        .model = options->model,
        .max_keys = c->tally.max_keys / options->workers,
        .live_workers = options->workers,
        .urgent_share = c->flush.urgent_share,
        .max_rows = c->flush.max_rows,
        .ipv6_host_len = c->tally.ipv6_host_len,
        .exporters_max = c->limits.exporters,
        .wants_direction = options->recall != NULL,
        .seed = hash_random_seed(),
    };
}

static bool counts_sources(const struct model *model)
{
    for (size_t i = 0; i < model->count_count; i++)
        for (size_t d = 0; d < model->counts[i].spec.key_count; d++)
            if (model->counts[i].spec.key[d].dimension == DIM_SRC_ADDR)
                return true;
    return false;
}

enum status worker_input_open(struct worker_input *in, const struct worker_options *options)
{
    const struct config_collector *c = &options->config->collector;
    struct decode_limits limits = {.exporters = c->limits.exporters,
                                   .domains_per_exporter = c->limits.domains_per_exporter,
                                   .templates_per_domain = c->limits.templates_per_domain,
                                   .fields_per_template = c->limits.fields_per_template,
                                   .samplers_per_domain = c->limits.samplers_per_domain,
                                   .sources_per_domain = c->limits.sources_per_domain,
                                   .flow_totals = c->limits.flow_totals,
                                   .held_bytes = c->limits.hold_back_bytes,
                                   .memory_bytes = c->limits.memory_bytes};
    struct tally_options tally = tally_options_of(options);
    in->clock = options->clock;
    in->flush_every_ms = c->flush.every_ms;
    in->turned_ms = clock_mono_ms(&in->clock);
    in->archive = archive_queue_of(options->archive, options->index);
    in->recall = options->recall != NULL ? options->recall->recall : NULL;
    in->keeps_sources = counts_sources(options->model);
    in->decode = decode_new(&limits, hash_random_seed());
    in->tally = tally_new(&tally);
    in->interfaces = interfaces_new(
        &(struct interfaces_options){.per_exporter = c->limits.interfaces_per_exporter,
                                     .exporters = c->limits.exporters,
                                     .seed = hash_random_seed()});
    return in->decode == NULL || in->tally == NULL || in->interfaces == NULL ? STATUS_NO_MEMORY
                                                                             : STATUS_OK;
}

static void on_socket_closed(void *owner)
{
    (void)owner; /* the loop's end is what the worker waits for */
}

enum status worker_input_start(struct worker_input *in, uv_loop_t *loop, const int *fds,
                               size_t fd_count, void (*on_end)(void *owner), void *owner)
{
    enum status status = STATUS_OK;
    in->on_turn_end = on_end;
    in->owner = owner;
    in->buffers = in_udp_buffers_new();
    in->sockets = calloc(fd_count + 1, sizeof(*in->sockets));
    if (in->buffers == NULL || in->sockets == NULL)
        return STATUS_NO_MEMORY;
    in->turned_ms = clock_mono_ms(&in->clock);
    for (size_t i = 0; status == STATUS_OK && i < fd_count; i++) {
        status = in_udp_init(&in->sockets[i], loop, in->buffers,
                             &(struct in_udp_options){.fd = fds[i],
                                                      .on_datagram = on_datagram,
                                                      .on_turn_end = on_turn_end,
                                                      .on_closed = on_socket_closed,
                                                      .owner = in});
        if (status != STATUS_OK)
            break;
        in->socket_count++;
        status = in_udp_start(&in->sockets[i]);
    }
    return status;
}

static bool is_kept(void *owner, const struct ip_addr *exporter)
{
    const struct model *model = owner;
    return model->exporters == NULL || model_exporter(model, exporter) != NULL;
}

enum status worker_input_reload(struct worker_input *in, const struct worker_options *options)
{
    struct tally_options tally = tally_options_of(options);
    enum status status = tally_reload(in->tally, &tally);
    if (status != STATUS_OK)
        return status;
    decode_forget(in->decode, is_kept, (void *)(uintptr_t)options->model);
    interfaces_forget(in->interfaces, is_kept, (void *)(uintptr_t)options->model);
    in->flush_every_ms = options->config->collector.flush.every_ms;
    in->archive = archive_queue_of(options->archive, options->index);
    in->keeps_sources = counts_sources(options->model);
    return STATUS_OK;
}

void worker_input_drain(struct worker_input *in)
{
    for (size_t i = 0; i < in->socket_count; i++) {
        in_udp_stop(&in->sockets[i]);
        in_udp_drain(&in->sockets[i], DRAIN_DATAGRAMS);
    }
}

void worker_input_close_sockets(struct worker_input *in)
{
    for (size_t i = 0; i < in->socket_count; i++)
        in_udp_close(&in->sockets[i]);
}

void worker_input_done(struct worker_input *in)
{
    decode_free(in->decode);
    tally_free(in->tally);
    interfaces_free(in->interfaces);
    in_udp_buffers_free(in->buffers);
    free(in->sockets);
    *in = (struct worker_input){0};
}
