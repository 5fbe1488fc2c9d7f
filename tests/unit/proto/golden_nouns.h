#ifndef TESTS_UNIT_PROTO_GOLDEN_NOUNS_H
#define TESTS_UNIT_PROTO_GOLDEN_NOUNS_H

#include "tests/unit/proto/state_nouns.h"

#include <criterion/criterion.h>

/* One noun of each kind with every field set to a value of its own: what the golden files hold. */

static inline struct ip_addr golden_addr(const char *text)
{
    struct ip_addr addr = {0};
    cr_assert_eq(addr_parse(&addr, text), STATUS_OK);
    return addr;
}

static inline struct flow_key golden_key(const char *dst_addr, uint64_t protocol)
{
    struct flow_key key = {0};
    struct ip_addr addr = golden_addr(dst_addr);
    key_add_addr(&key, DIM_DST_ADDR, &addr);
    key_add_number(&key, DIM_PROTOCOL, protocol);
    return key;
}

static struct delta_exporter golden_delta_exporters[2];
static struct delta_row golden_delta_rows[3];

static inline void golden_delta_batch(struct delta_batch *ret_batch)
{
    golden_delta_exporters[0] = (struct delta_exporter){golden_addr("192.0.2.1"), 15, 1000, true};
    golden_delta_exporters[1] = (struct delta_exporter){golden_addr("2001:db8::1"), 800, 7, false};
    golden_delta_rows[0] = (struct delta_row){.count = 0,
                                              .exporter = 0,
                                              .bytes = 1500000,
                                              .packets = 1000,
                                              .flows = 20,
                                              .samples = 10,
                                              .var_bytes = 2.25e9,
                                              .var_packets = 1000.5,
                                              .var_flows = 380.25,
                                              .duration_ms = 0,
                                              .age_ticks = 0,
                                              .key = golden_key("198.51.100.7", 17)};
    golden_delta_rows[1] = (struct delta_row){.count = 1,
                                              .exporter = 1,
                                              .bytes = UINT64_MAX,
                                              .packets = 1ULL << 40,
                                              .flows = 300,
                                              .samples = 301,
                                              .var_bytes = 0,
                                              .var_packets = 0,
                                              .var_flows = 0,
                                              .duration_ms = 60000,
                                              .age_ticks = 3,
                                              .key = golden_key("2001:db8:100::7", 6)};
    golden_delta_rows[2] =
        (struct delta_row){.count = 1, .exporter = 0, .bytes = 64, .packets = 1, .samples = 1};
    memset(ret_batch, 0, sizeof(*ret_batch));
    ret_batch->schema = DELTA_SCHEMA;
    (void)snprintf(ret_batch->collector, sizeof(ret_batch->collector), "c1");
    ret_batch->epoch = 1767323045678;
    ret_batch->worker = 2;
    ret_batch->workers = 4;
    (void)snprintf(ret_batch->shard, sizeof(ret_batch->shard), "s0");
    ret_batch->sequence = 123456789;
    ret_batch->interval_ms = 100;
    ret_batch->age_ms = 12;
    ret_batch->residual_bytes = 5000;
    ret_batch->residual_packets = 50;
    ret_batch->counts[0] = 0x9969ce7e83c6e6bfU;
    ret_batch->counts[1] = 0x1f8e202777fa40c7U;
    ret_batch->count_count = 2;
    ret_batch->exporters = golden_delta_exporters;
    ret_batch->exporter_count = 2;
    ret_batch->rows = golden_delta_rows;
    ret_batch->row_count = 3;
}

static struct rollup_blind golden_blinds[1];
static struct rollup_count golden_rollup_counts[2];
static struct rollup_exporter golden_rollup_exporters[2];
static struct rollup_row golden_rollup_rows[2];

static inline void golden_rollup_tick(struct rollup_tick *ret_tick)
{
    golden_blinds[0] = (struct rollup_blind){.contributor = "c1/3", .since_ms = 2500};
    golden_rollup_counts[0] = (struct rollup_count){.id = 0x9969ce7e83c6e6bfU,
                                                    .windows_ms = {1000, 10000},
                                                    .window_count = 2,
                                                    .floor_bytes = 1e6,
                                                    .floor_packets = 5000,
                                                    .floor_flows = 100};
    golden_rollup_counts[1] = (struct rollup_count){.id = 0x1f8e202777fa40c7U,
                                                    .windows_ms = {60000},
                                                    .window_count = 1,
                                                    .floor_bytes = 2e6,
                                                    .floor_packets = 6000,
                                                    .floor_flows = 200};
    golden_rollup_exporters[0] = (struct rollup_exporter){golden_addr("192.0.2.1"), 15, true};
    golden_rollup_exporters[1] = (struct rollup_exporter){golden_addr("2001:db8::1"), 800, false};
    golden_rollup_rows[0] = (struct rollup_row){
        .count = 0,
        .key = golden_key("198.51.100.7", 17),
        .samples = 4242,
        .rates = {{1.25e8, 250000, 10, 3e12, 4e6, 99.5}, {1.5e7, 30000, 1.5, 5e11, 6e5, 14.25}},
        .contributors = {{0, 900}, {1, 100}},
        .contributor_count = 2};
    golden_rollup_rows[1] = (struct rollup_row){.count = 1,
                                                .key = golden_key("2001:db8:100::7", 6),
                                                .samples = 7,
                                                .rates = {{2.5e6, 7000, 300, 1.5, 2.5, 0.75}},
                                                .contributors = {{1, 1000}},
                                                .contributor_count = 1};
    *ret_tick = (struct rollup_tick){.schema = ROLLUP_SCHEMA,
                                     .shard = "s0",
                                     .aggregator = "a1",
                                     .epoch = 1767323040000,
                                     .sequence = 99,
                                     .covers_until_ms = 1767323045700,
                                     .part = 1,
                                     .parts = 3,
                                     .truncated = true,
                                     .truncated_ratio = 0.125,
                                     .blind = true,
                                     .blinds = golden_blinds,
                                     .blind_count = 1,
                                     .counts = golden_rollup_counts,
                                     .count_count = 2,
                                     .exporters = golden_rollup_exporters,
                                     .exporter_count = 2,
                                     .rows = golden_rollup_rows,
                                     .row_count = 2};
}

static inline void golden_alarm(struct alarm *ret_alarm)
{
    struct alarm *a = ret_alarm;
    memset(a, 0, sizeof(*a));
    (void)snprintf(a->id, sizeof(a->id), "a-1767323045678-3f2a");
    (void)snprintf(a->policy, sizeof(a->policy), "customer-host");
    a->count_id = 0x9969ce7e83c6e6bfU;
    a->key = golden_key("198.51.100.7", 17);
    (void)snprintf(a->key_text, sizeof(a->key_text), "dst_addr=198.51.100.7 protocol=17");
    a->state = ALARM_FROZEN;
    a->frozen_from = ALARM_ACTIVE;
    a->severity = 3;
    a->threshold = 1;
    (void)snprintf(a->threshold_text, sizeof(a->threshold_text), "bps 1.00 Gbps");
    a->window_ms = 1000;
    a->at_crossing = (struct alarm_rates){1.1e9, 91000, 11, 1.05e9, 1.15e9};
    a->now = (struct alarm_rates){1.2e9, 92000, 12, 1.1e9, 1.3e9};
    a->peak = (struct alarm_rates){1.5e9, 95000, 15, 1.4e9, 1.6e9};
    a->times = (struct alarm_times){1767323045001, 1767323045002, 1767323045003, 1767323045004,
                                    1767323045005, 1767323045006, 1767323045007};
    a->contributors[0].exporter = golden_addr("192.0.2.1");
    a->contributors[0].share_permille = 625;
    a->contributors[0].usual_gap_ms = 1000;
    a->contributors[1].exporter = golden_addr("2001:db8::1");
    a->contributors[1].share_permille = 375;
    a->contributors[1].usual_gap_ms = 2000;
    a->contributor_count = 2;
    (void)snprintf(a->mitigations[0], ID_TEXT_MAX, "m-1767323045100-0001");
    (void)snprintf(a->mitigations[1], ID_TEXT_MAX, "m-1767323045200-0002");
    a->mitigation_count = 2;
    a->reactivations = 4;
    a->acknowledged = true;
    a->suppressed = true;
    a->stopped_by_person = true;
    (void)snprintf(a->not_mitigated, sizeof(a->not_mitigated), "protected");
    a->revision = 17;
}

static inline void golden_mitigation(struct mitigation *ret_m)
{
    static const uint8_t nlri[] = {0x09, 0x01, 0x20, 198, 51, 100, 7, 0x03, 0x81, 0x11};
    static const uint8_t community[8] = {0x80, 0x06, 0, 0, 0x49, 0x98, 0x96, 0x80};
    static const uint8_t community6[20] = {0, 0x0c, 0x20, 1, 0x0d, 0xb8, [19] = 1};
    struct mitigation *m = ret_m;
    memset(m, 0, sizeof(*m));
    (void)snprintf(m->id, sizeof(m->id), "m-1767323045100-0001");
    (void)snprintf(m->alarm, sizeof(m->alarm), "a-1767323045678-3f2a");
    (void)snprintf(m->policy, sizeof(m->policy), "customer-host");
    (void)snprintf(m->method, sizeof(m->method), "rate-limit-host");
    m->origin = ORIGIN_API;
    (void)snprintf(m->who, sizeof(m->who), "operator");
    (void)snprintf(m->reason, sizeof(m->reason), "flood on the resolver");
    m->state = MITIGATION_WITHDRAWING;
    m->dry_run = true;
    m->family = 4;
    (void)snprintf(m->rule, sizeof(m->rule),
                   "match destination 198.51.100.7/32 protocol =17 then rate-limit 10Mbps");
    memcpy(m->nlri, nlri, sizeof(nlri));
    m->nlri_len = sizeof(nlri);
    memcpy(m->communities[0], community, sizeof(community));
    m->community_count = 1;
    (void)snprintf(m->peers[0], sizeof(m->peers[0]), "mx1");
    (void)snprintf(m->peers[1], sizeof(m->peers[1]), "asr9k-2");
    m->peer_count = 2;
    m->epoch = 1767323000000;
    m->revision = 5;
    m->created_ms = 1767323045101;
    m->announced_ms = 1767323045102;
    m->active_ms = 1767323045103;
    m->withdraw_asked_ms = 1767323045104;
    m->ended_ms = 1767323045105;
    m->until_ms = 1767323045106;
    m->renewed_ms = 1767323045107;
    m->lease_ms = 900000;
    m->withdraw_after_ms = 120000;
    m->withdraw_manual = true;
    m->crossed_ms = 1767323045001;
    m->decided_ms = 1767323045090;
    (void)snprintf(m->why_ended, sizeof(m->why_ended), "alarm ended");
    memcpy(m->communities6[0], community6, sizeof(community6));
    m->community6_count = 1;
    m->route = ROUTE_DIVERT;
    memcpy(m->next_hop, (const uint8_t[]){192, 0, 2, 100}, 4);
    m->next_hop_len = 4;
    memcpy(m->standard[0], (const uint8_t[]){0xfb, 0xf4, 0, 200}, COMMUNITY_STANDARD_LEN);
    m->standard_count = 1;
    memcpy(m->large[0], (const uint8_t[]){0, 0, 0xfb, 0xf4, 0, 0, 0, 1, 0, 0, 0, 2},
           COMMUNITY_LARGE_LEN);
    m->large_count = 1;
}

static inline void golden_job(struct job *ret_job)
{
    memset(ret_job, 0, sizeof(*ret_job));
    ret_job->verb = JOB_WITHDRAW;
    (void)snprintf(ret_job->mitigation, sizeof(ret_job->mitigation), "m-1767323045100-0001");
    ret_job->epoch = 1767323000000;
    ret_job->revision = 5;
    ret_job->crossed_ms = 1767323045001;
    ret_job->tick_ms = 1767323045050;
    ret_job->decided_ms = 1767323045090;
    ret_job->written_ms = 1767323045091;
}

static inline void golden_job_result(struct job_result *ret_result)
{
    struct job_result *r = ret_result;
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->speaker, sizeof(r->speaker), "sp1");
    (void)snprintf(r->peer, sizeof(r->peer), "mx1");
    (void)snprintf(r->mitigation, sizeof(r->mitigation), "m-1767323045100-0001");
    r->revision = 5;
    r->kind = RESULT_HELD;
    r->verb = JOB_WITHDRAW;
    (void)snprintf(r->reason, sizeof(r->reason), "announcements are on hold");
    r->at_ms = 1767323045094;
    r->since_crossed_us = 93456;
}

static inline void golden_request(struct request *ret_request)
{
    struct request *r = ret_request;
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->id, sizeof(r->id), "r-1767323045300-00aa");
    r->expires_at_ms = 1767323055300;
    (void)snprintf(r->who, sizeof(r->who), "operator");
    (void)snprintf(r->verb, sizeof(r->verb), "mitigate");
    (void)snprintf(r->args[0].name, sizeof(r->args[0].name), "method");
    (void)snprintf(r->args[0].value, sizeof(r->args[0].value), "rate-limit-host");
    (void)snprintf(r->args[1].name, sizeof(r->args[1].name), "destination");
    (void)snprintf(r->args[1].value, sizeof(r->args[1].value), "198.51.100.7/32");
    r->arg_count = 2;
}

static inline void golden_reply(struct reply *ret_reply)
{
    memset(ret_reply, 0, sizeof(*ret_reply));
    (void)snprintf(ret_reply->id, sizeof(ret_reply->id), "r-1767323045300-00aa");
    ret_reply->ok = true;
    (void)snprintf(ret_reply->text, sizeof(ret_reply->text), "proposed, dry run");
    (void)snprintf(ret_reply->ids[0], ID_TEXT_MAX, "m-1767323045100-0001");
    ret_reply->id_count = 1;
}

static inline void golden_recall_request(struct recall_request *ret_request)
{
    struct recall_request *r = ret_request;
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->id, sizeof(r->id), "q-1767323045020-0b0b");
    r->expires_at_ms = 1767323045070;
    r->now_ms = 5000;
    r->before_ms = 300000;
    r->gap_ms = 2000;
    r->tuples = 1024;
    (void)prefix_parse(&r->targets[0].prefix, "198.51.100.7");
    r->targets[1].side = RECALL_SOURCE;
    (void)prefix_parse(&r->targets[1].prefix, "2001:db8:100::/48");
    r->target_count = 2;
}

static struct recall_tuple golden_tuples[2];

static inline void golden_recall_reply(struct recall_reply *ret_reply)
{
    struct recall_reply *r = ret_reply;
    memset(r, 0, sizeof(*r));
    (void)snprintf(r->id, sizeof(r->id), "q-1767323045020-0b0b");
    (void)snprintf(r->collector, sizeof(r->collector), "c1");
    r->worker = 2;
    r->covers_now_ms = 4900;
    r->covers_before_ms = 299000;
    r->open_missing = true;
    r->workers = 3;
    memset(golden_tuples, 0, sizeof(golden_tuples));
    struct recall_tuple *t = &golden_tuples[0];
    t->kind = (struct recall_kind){.known = 0x1f,
                                   .folded = 0x200,
                                   .input_if = 501,
                                   .src_port = 53,
                                   .dst_port = 33000,
                                   .tcp_flags = 0x12,
                                   .length = 1376,
                                   .target = 1,
                                   .before = 1,
                                   .protocol = 17,
                                   .fragment = 2,
                                   .ip_version = 4,
                                   .tos = 0x28,
                                   .peer_family = ADDR_IPV4,
                                   .peer_len = 24,
                                   .peer = {192, 0, 2}};
    t->bytes = (struct estimate){1.5e6, 1e6, 2.5e9};
    t->packets = (struct estimate){1000.5, 500, 2500};
    t->connections = (struct estimate){12.5, 2, 6.25};
    t->flows = 40;
    t->peers = 7.5;
    t->samples = 12;
    golden_tuples[1].samples = 1;
    r->totals[0] = (struct recall_total){.target = 1, .before = 1, .peers = 20.5, .one = 32768};
    r->total_count = 1;
    r->tuples = golden_tuples;
    r->tuple_count = 2;
}

#endif
