#include "tests/bench/counting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_A_TICK = 100000 };

#define THRESHOLD                                                                                  \
    "window: 1s, thresholds: [{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: "  \
    "120s}}]"
static const char yaml[] =
    "networks: {ours: [10.0.0.0/8]}\n"
    "policies:\n"
    "  - {name: host, direction: incoming, key: [dst_addr], " THRESHOLD "}\n"
    "  - {name: kind, direction: incoming, key: [dst_addr, protocol], " THRESHOLD "}\n";

void counting_give_up(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

int counting_compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

const struct model *counting_model(void)
{
    struct config_errors errors;
    struct config *config = NULL; /* the model looks at it */
    struct model *model = NULL;
    config_errors_init(&errors, "bench");
    if (config_parse(&config, yaml, strlen(yaml), "bench", &errors) == STATUS_OK)
        model = model_new(config, &errors);
    if (model == NULL)
        counting_give_up(text_str(&errors.lines));
    config_errors_done(&errors);
    return model;
}

void counting_start(struct counting *counting, const struct counting_options *options)
{
    *counting = (struct counting){.source.addr = addr_from_ipv4(options->exporter), .now_ms = 1000};
    counting->decode = decode_new(&(struct decode_limits){0}, 1);
    if (options->tallies)
        counting->tally = tally_new(&(struct tally_options){.model = options->model,
                                                            .max_keys = 1000000,
                                                            .live_workers = options->workers,
                                                            .urgent_share = 0.1,
                                                            .max_rows = 4000,
                                                            .ipv6_host_len = 128,
                                                            .exporters_max = 1000,
                                                            .seed = 1});
    struct recall_options recall = {
        .memory_bytes = 118 << 20, .keep_ms = 600000, .cap = 256, .seed = 1};
    if (counting->decode == NULL || (options->tallies && counting->tally == NULL) ||
        (options->recalls && recall_new(&counting->recall, &recall) != STATUS_OK))
        counting_give_up("no memory");
}

void counting_done(struct counting *counting)
{
    decode_free(counting->decode);
    tally_free(counting->tally);
    recall_free(counting->recall);
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct counting *c = owner;
    c->records++;
    c->octets += flow->bytes;
    if (c->tally != NULL)
        tally_add(c->tally, c->exporter, flow, c->now_ms);
    if (c->recall != NULL)
        recall_add(c->recall, flow, tally_direction(c->tally), false, c->now_ms);
}

static void on_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    struct counting *c = owner;
    (void)slot;
    c->rows += row->samples > 0;
}

void counting_feed(struct counting *c, const uint8_t *bytes, size_t len)
{
    struct decode_sink sink = {.on_record = on_record, .owner = c};
    if (c->tally != NULL)
        c->exporter = tally_exporter(c->tally, &c->source.addr, c->now_ms);
    decode_datagram(c->decode, &c->source, bytes, len, c->now_ms, &sink);
    if (c->tally == NULL || c->records < c->next_tick)
        return;
    c->now_ms += TALLY_TICK_MS;
    c->next_tick = c->records + RECORDS_A_TICK;
    tally_flush(c->tally, TALLY_FLUSH_TICK, c->now_ms, on_row, c);
    if (c->recall == NULL)
        return;
    recall_tick(c->recall, c->now_ms);
    (void)recall_keep(c->recall);
}
