#ifndef TESTS_UNIT_POLICY_ENGINE_SUPPORT_H
#define TESTS_UNIT_POLICY_ENGINE_SUPPORT_H

#include "policy/engine/engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An engine driven by ticks and time, without a clock and without Redis; what it writes is noted.
 */

#define HEAD "dry_run: false\n" PEERS
#define PEERS                                                                                      \
    "networks: {ours: [198.51.100.0/24, \"2001:db8::/32\"]}\n"                                     \
    "protected: [198.51.100.10/32]\n"                                                              \
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"                            \
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"                                \
    "peers:\n"                                                                                     \
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"                       \
    "  - {name: p2, address: 192.0.2.2, remote_as: 64500, profile: gobgp}\n"                       \
    "platforms: [{name: edge, peers: [p1, p2], max_rules: 6, widest: [/24, /48]}]\n"
#define POLICY(extra)                                                                              \
    "policies:\n"                                                                                  \
    "  - name: host\n"                                                                             \
    "    direction: incoming\n"                                                                    \
    "    where: {protocol: [udp]}\n"                                                               \
    "    key: [dst_addr]\n"                                                                        \
    "    window: 1s\n"                                                                             \
    "    thresholds:\n"                                                                            \
    "      - {severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 5s}, "              \
    "mitigate: [{method: limit}]" extra "}\n"                                                      \
    "methods: [{name: limit, match: {destination: infer, protocol: [udp]}, "                       \
    "action: {rate_limit: 10Mbps}, withdraw_after: 5s}]\n"

enum { WRITES_MAX = 400 };

struct seen {
    bool is_alarm, ended, has_job, announces;
    uint8_t state, verb;
    uint64_t revision, until_ms;
    char id[ID_TEXT_MAX], what[64], why[REASON_MAX], rule[200], not_mitigated[96];
    bool dry_run;
};

struct bench {
    struct config *config;
    struct model *model;
    struct engine *engine;
    struct engine_now now;
    struct seen seen[WRITES_MAX];
    size_t count, refusals;
    uint64_t sequence;
    bool truncated;          /* what the ticks do not name is not known */
    bool two_senders;        /* in the exporter's sequence */
    uint16_t share_permille; /* of the exporter; 0: all */
    double pps;              /* 0: packets of 1000 octets */
    struct alarm alarm;      /* as last written */
    struct mitigation mitigation;
};

static inline void on_write(void *owner, const struct engine_write *w)
{
    struct bench *b = owner;
    cr_assert_lt(b->count, WRITES_MAX);
    struct seen *s = &b->seen[b->count++];
    *s = (struct seen){.is_alarm = w->alarm != NULL,
                       .ended = w->standing == ENGINE_ENDED,
                       .has_job = w->job != NULL,
                       .announces = w->announces};
    (void)snprintf(s->what, sizeof(s->what), "%s", w->what != NULL ? w->what : "");
    (void)snprintf(s->why, sizeof(s->why), "%.200s", w->why != NULL ? w->why : "");
    if (w->alarm != NULL) {
        s->state = w->alarm->state;
        s->revision = w->alarm->revision;
        (void)snprintf(s->id, sizeof(s->id), "%s", w->alarm->id);
        (void)snprintf(s->not_mitigated, sizeof(s->not_mitigated), "%s", w->alarm->not_mitigated);
        b->alarm = *w->alarm;
        memset(&b->alarm.unknown, 0, sizeof(b->alarm.unknown));
        return;
    }
    s->state = w->mitigation->state;
    s->revision = w->mitigation->revision;
    s->until_ms = w->mitigation->until_ms;
    s->dry_run = w->mitigation->dry_run;
    (void)snprintf(s->id, sizeof(s->id), "%s", w->mitigation->id);
    (void)snprintf(s->rule, sizeof(s->rule), "%.190s", w->mitigation->rule);
    b->mitigation = *w->mitigation;
    memset(&b->mitigation.unknown, 0, sizeof(b->mitigation.unknown));
    if (w->job != NULL) {
        s->verb = w->job->verb;
        cr_assert_eq(w->job->revision, w->mitigation->revision);
        cr_assert_str_eq(w->job->mitigation, w->mitigation->id);
    }
}

static inline void on_refusal(void *owner, enum guard_invariant invariant)
{
    struct bench *b = owner;
    cr_assert_lt((int)invariant, (int)GUARD_COUNT);
    b->refusals++;
}

static inline void make_engine(struct bench *b)
{
    struct engine_options options = {
        .seed = 7, .epoch = 42, .on_write = on_write, .on_refusal = on_refusal, .owner = b};
    b->engine = engine_new(b->model, &options);
    cr_assert_not_null(b->engine);
}

static inline struct bench *setup(const char *yaml)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct config_errors errors;
    config_errors_init(&errors, "t.yaml");
    cr_assert_eq(config_parse(&b->config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    b->model = model_new(b->config, &errors);
    cr_assert_not_null(b->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    b->now = (struct engine_now){.mono_ms = 1000000, .state_ms = 1767323045000};
    make_engine(b);
    return b;
}

static inline void teardown(struct bench *b)
{
    engine_free(b->engine);
    model_free(b->model);
    config_free(b->config);
    free(b);
}

/* A whole tick of shard s0 with one row, or none for a rate of 0; the exporter was just heard. */
static inline void tick(struct bench *b, const char *victim, double bps, bool blind,
                        uint32_t heard_age_ms)
{
    static struct rollup_row row;
    struct ip_addr addr;
    struct rollup_count count = {
        .id = b->model->counts[0].id, .windows_ms = {1000}, .window_count = 1};
    struct rollup_exporter exporter = {.heard_age_ms = heard_age_ms, .two_senders = b->two_senders};
    cr_assert_eq(addr_parse(&exporter.addr, "192.0.2.1"), STATUS_OK);
    cr_assert_eq(addr_parse(&addr, victim), STATUS_OK);
    memset(&row, 0, sizeof(row));
    key_add_addr(&row.key, DIM_DST_ADDR, &addr);
    row.rates[0] = (struct rollup_rates){
        .bytes = bps / 8, .packets = b->pps > 0 ? b->pps : bps / 8000, .flows = 1};
    row.samples = 100;
    row.contributors[0] = (struct rollup_contributor){
        .exporter = 0, .share_permille = b->share_permille > 0 ? b->share_permille : 1000};
    row.contributor_count = 1;
    struct rollup_tick t = {.schema = ROLLUP_SCHEMA,
                            .shard = "s0",
                            .aggregator = "a1",
                            .epoch = 1,
                            .sequence = ++b->sequence,
                            .parts = 1,
                            .blind = blind,
                            .truncated = b->truncated,
                            .counts = &count,
                            .count_count = 1,
                            .exporters = &exporter,
                            .exporter_count = 1,
                            .rows = &row,
                            .row_count = bps > 0 ? 1 : 0};
    engine_tick(b->engine, &t, b->now);
    engine_time(b->engine, b->now);
}

static inline void pass(struct bench *b, uint64_t ms)
{
    b->now.mono_ms += ms;
    b->now.state_ms += ms;
}

/* Ticks every 100 ms for that long. */
static inline void run(struct bench *b, const char *victim, double bps, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += 100) {
        pass(b, 100);
        tick(b, victim, bps, false, 0);
    }
}

static inline void answer(struct bench *b, const char *peer, enum result_kind kind,
                          enum job_verb verb)
{
    struct job_result r = {.speaker = "sp1", .kind = (uint8_t)kind, .verb = (uint8_t)verb};
    (void)snprintf(r.peer, sizeof(r.peer), "%s", peer);
    (void)snprintf(r.mitigation, sizeof(r.mitigation), "%s", b->mitigation.id);
    r.revision = b->mitigation.revision;
    engine_result(b->engine, &r, b->now);
}

static inline bool mitigation_stands(const struct bench *b)
{
    return b->mitigation.state == MITIGATION_ANNOUNCING || b->mitigation.state == MITIGATION_ACTIVE;
}

static inline const struct seen *find(const struct bench *b, const char *what)
{
    for (size_t i = b->count; i-- > 0;) {
        if (strcmp(b->seen[i].what, what) == 0)
            return &b->seen[i];
    }
    return NULL;
}

static inline size_t count_of(const struct bench *b, const char *what)
{
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++)
        count += strcmp(b->seen[i].what, what) == 0;
    return count;
}

/* Within a second: name, value, name, value … NULL. */
static inline const struct reply *ask_by(struct bench *b, const char *who, const char *verb,
                                         const char *const *args)
{
    static struct request request;
    static struct reply reply;
    request = (struct request){.expires_at_ms = b->now.state_ms + 1000};
    (void)snprintf(request.who, sizeof(request.who), "%s", who);
    (void)snprintf(request.verb, sizeof(request.verb), "%s", verb);
    for (; *args != NULL; args += 2) {
        (void)snprintf(request.args[request.arg_count].name, sizeof(request.args[0].name), "%s",
                       args[0]);
        (void)snprintf(request.args[request.arg_count++].value, sizeof(request.args[0].value), "%s",
                       args[1]);
    }
    engine_request(b->engine, &request, &reply, b->now);
    return &reply;
}

static inline const struct reply *ask(struct bench *b, const char *verb, const char *const *args)
{
    return ask_by(b, "ann", verb, args);
}

#define VICTIM "198.51.100.45"

#endif
