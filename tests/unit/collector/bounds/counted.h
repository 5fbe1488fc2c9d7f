#ifndef TESTS_UNIT_COLLECTOR_BOUNDS_COUNTED_H
#define TESTS_UNIT_COLLECTOR_BOUNDS_COUNTED_H

#include "collector/decode/decode.h"
#include "collector/tally/tally.h"

#include <criterion/criterion.h>
#include <string.h>

/* A decoder and a tally of two counts, as a worker has them. */
static const char counted_yaml[] =
    "networks: {ours: [10.0.0.0/8]}\n"
    "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, thresholds: "
    "[{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: 120s}}]},\n"
    "{name: q, direction: any, key: [protocol], window: 1s, thresholds: "
    "[{severity: critical, any: {bps: 100G}, clear: {below: 80%, after: 120s}}]}]\n";

struct counted {
    struct config *config;
    struct model *model;
    struct decode *decode;
    struct tally *tally;
    struct tally_exporter *sender;
    uint64_t now_ms, records;
    enum decode_trust trust; /* of whom comes next */
};

static inline void counted_init(struct counted *c, struct decode *decode)
{
    struct config_errors errors;
    config_errors_init(&errors, "test");
    memset(c, 0, sizeof(*c));
    if (config_parse(&c->config, counted_yaml, strlen(counted_yaml), "test", &errors) == STATUS_OK)
        c->model = model_new(c->config, &errors);
    cr_assert_not_null(c->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    c->tally = tally_new(&(struct tally_options){.model = c->model,
                                                 .max_keys = 100000,
                                                 .live_workers = 1,
                                                 .urgent_share = 0.1,
                                                 .max_rows = 4000,
                                                 .ipv6_host_len = 128,
                                                 .exporters_max = 100,
                                                 .seed = 1});
    c->decode = decode;
    c->now_ms = 1000;
    cr_assert(c->tally != NULL && c->decode != NULL);
}

static inline void counted_done(struct counted *c)
{
    decode_free(c->decode);
    tally_free(c->tally);
    model_free(c->model);
    config_free(c->config);
}

static inline void counted_on_record(void *owner, const struct flow_record *flow)
{
    struct counted *c = owner;
    c->records++;
    tally_add(c->tally, c->sender, flow, c->now_ms);
}

static inline void counted_on_late(void *owner, const struct flow_record *flow, uint64_t came_ms)
{
    struct counted *c = owner;
    c->records++;
    tally_add(c->tally, c->sender, flow, came_ms);
}

static inline enum decode_reason counted_feed(struct counted *c, const struct ip_addr *from,
                                              const uint8_t *bytes, size_t len)
{
    struct decode_source source = {.addr = *from, .trust = c->trust};
    struct decode_sink sink = {
        .on_record = counted_on_record, .on_late = counted_on_late, .owner = c};
    c->sender = tally_exporter(c->tally, from, c->now_ms);
    cr_assert_not_null(c->sender);
    enum decode_reason reason = decode_datagram(c->decode, &source, bytes, len, c->now_ms, &sink);
    tally_settle(c->tally);
    return reason;
}

#endif
