#ifndef TESTS_UNIT_COLLECTOR_TALLY_COUNTING_H
#define TESTS_UNIT_COLLECTOR_TALLY_COUNTING_H

#include "collector/tally/tally.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* A tally over a configuration in a few lines, and what leaves it. */
enum { GIVEN_MAX = 20000 };

struct counting {
    struct config *config;
    struct model *model;
    struct tally *tally;
    struct tally_options options;
    uint64_t now_ms;
    size_t given;
    struct delta_row *rows; /* GIVEN_MAX */
};

#define NETWORKS                                                                                   \
    "networks: {customers: [198.51.100.0/24, \"2001:db8:100::/48\"], dns: [198.51.100.64/27]}\n"
#define THRESHOLDS                                                                                 \
    "thresholds: [{severity: critical, any: {bps: 8M, pps: 100k}, clear: {below: 80%, after: "     \
    "120s}}]"

static inline struct model *counting_model(const char *yaml, struct config **ret_config)
{
    struct config_errors errors;
    struct model *model = NULL;
    config_errors_init(&errors, "test");
    if (config_parse(ret_config, yaml, strlen(yaml), "test", &errors) == STATUS_OK)
        model = model_new(*ret_config, &errors);
    cr_assert_not_null(model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    return model;
}

static inline void counting_init(struct counting *c, const char *yaml)
{
    memset(c, 0, sizeof(*c));
    c->model = counting_model(yaml, &c->config);
    c->options = (struct tally_options){.model = c->model,
                                        .max_keys = 10000,
                                        .live_workers = 1,
                                        .urgent_share = 0.1,
                                        .max_rows = 4000,
                                        .ipv6_host_len = 128,
                                        .exporters_max = 100,
                                        .seed = 42};
    c->tally = tally_new(&c->options);
    c->rows = calloc(GIVEN_MAX, sizeof(*c->rows));
    c->now_ms = 1000000;
    cr_assert(c->tally != NULL && c->rows != NULL);
}

static inline void counting_done(struct counting *c)
{
    tally_free(c->tally);
    model_free(c->model);
    config_free(c->config);
    free(c->rows);
}

static inline void counting_on_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    struct counting *c = owner;
    cr_assert_lt(slot, (unsigned int)SLOTS);
    cr_assert_lt(c->given, (size_t)GIVEN_MAX);
    c->rows[c->given++] = *row;
}

static inline size_t counting_flush(struct counting *c, enum tally_flush_kind kind)
{
    c->given = 0;
    return tally_flush(c->tally, kind, c->now_ms, counting_on_row, c);
}

static inline struct tally_exporter *counting_from(struct counting *c, uint32_t exporter)
{
    struct ip_addr addr = addr_from_ipv4(exporter);
    return tally_exporter(c->tally, &addr, c->now_ms);
}

static inline struct flow_record flow_to(uint32_t dst, uint64_t bytes, uint64_t packets)
{
    return (struct flow_record){
        .has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_PROTOCOL | FLOW_SRC_PORT | FLOW_DST_PORT |
               FLOW_BYTES | FLOW_PACKETS,
        .format = FORMAT_NETFLOW9,
        .protocol = 17,
        .src_port = 53,
        .dst_port = 4000,
        .src_addr = addr_from_ipv4(0x0a000001),
        .dst_addr = addr_from_ipv4(dst),
        .sampling_rate = 1,
        .bytes = bytes,
        .packets = packets,
    };
}

enum { EXPORTER = 0xc0000201, CUSTOMER = 0xc6336407 /* 198.51.100.7 */, ELSEWHERE = 0x08080808 };

static inline void counting_add(struct counting *c, const struct flow_record *flow)
{
    struct tally_exporter *exporter = counting_from(c, EXPORTER);
    cr_assert_not_null(exporter);
    tally_add(c->tally, exporter, flow, c->now_ms);
}

#endif
