#include "policy/engine/engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Very many victims at once: what the engine does in one call, and what it writes, stay bounded. */

enum { VICTIMS = 600, RULES_MAX = 6 };

static const char yaml[] =
    "dry_run: false\n"
    "networks: {ours: [\"2001:db8::/32\"]}\n"
    "exporters: [{address: 192.0.2.1, name: r1}]\n"
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
    "peers: [{name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}]\n"
    "platforms: [{name: edge, peers: [p1], max_rules: 6, widest: [/24, /48]}]\n"
    "policies:\n"
    "  - name: host\n"
    "    direction: incoming\n"
    "    key: [dst_addr]\n"
    "    window: 1s\n"
    "    thresholds:\n"
    "      - {severity: critical, any: {bps: 100M}, clear: {below: 80%, after: 61s}, "
    "mitigate: [{method: limit}]}\n"
    "methods: [{name: limit, match: {destination: infer}, action: {rate_limit: 10Mbps}}]\n";

struct bench {
    struct config *config;
    struct model *model;
    struct engine *engine;
    struct engine_now now;
    uint64_t sequence;
    char ids[4 * VICTIMS][ID_TEXT_MAX]; /* of first writes */
    size_t id_count, alarms, refusals, announcements, writes;
};

static struct bench *b;

static void on_write(void *owner, const struct engine_write *w)
{
    (void)owner;
    uint64_t revision = w->alarm != NULL ? w->alarm->revision : w->mitigation->revision;
    const char *id = w->alarm != NULL ? w->alarm->id : w->mitigation->id;
    b->writes++;
    if (revision == 1) {
        cr_assert_lt(b->id_count, (size_t)4 * VICTIMS);
        (void)snprintf(b->ids[b->id_count++], ID_TEXT_MAX, "%s", id);
    }
    b->alarms += revision == 1 && w->alarm != NULL;
    b->refusals += w->mitigation != NULL && w->mitigation->state == MITIGATION_REFUSED;
    b->announcements += w->announces;
}

static void setup(void)
{
    struct config_errors errors;
    struct engine_options options = {.seed = 7, .epoch = 42, .on_write = on_write};
    b = calloc(1, sizeof(*b));
    cr_assert_not_null(b);
    config_errors_init(&errors, "t.yaml");
    cr_assert_eq(config_parse(&b->config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    b->model = model_new(b->config, &errors);
    cr_assert_not_null(b->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    b->now = (struct engine_now){.mono_ms = 1000000, .state_ms = 1767323045000};
    b->engine = engine_new(b->model, &options);
    cr_assert_not_null(b->engine);
}

static void teardown(void)
{
    engine_free(b->engine);
    model_free(b->model);
    config_free(b->config);
    free(b);
}

TestSuite(many, .init = setup, .fini = teardown);

/* All victims over the threshold, in parts of that many. */
static void tick(uint32_t parts)
{
    size_t a_part = VICTIMS / parts;
    struct rollup_count count = {
        .id = b->model->counts[0].id, .windows_ms = {1000}, .window_count = 1};
    struct rollup_row *rows = calloc(a_part, sizeof(*rows));
    cr_assert_not_null(rows);
    b->sequence++;
    for (uint32_t part = 0; part < parts; part++) {
        struct rollup_tick t = {.schema = ROLLUP_SCHEMA,
                                .shard = "s0",
                                .epoch = 1,
                                .sequence = b->sequence,
                                .part = part,
                                .parts = parts,
                                .counts = &count,
                                .count_count = 1,
                                .rows = rows,
                                .row_count = a_part};
        memset(rows, 0, a_part * sizeof(*rows));
        for (size_t i = 0; i < a_part; i++) {
            size_t n = part * a_part + i;
            struct ip_addr victim = {
                .family = ADDR_IPV6,
                .octets = {0x20, 0x01, 0x0d, 0xb8, [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n}};
            key_add_addr(&rows[i].key, DIM_DST_ADDR, &victim);
            rows[i].rates[0].bytes = 1e9;
        }
        engine_tick(b->engine, &t, b->now);
    }
    free(rows);
}

static void pass(uint64_t ms)
{
    b->now.mono_ms += ms;
    b->now.state_ms += ms;
    engine_time(b->engine, b->now);
}

static int compare_ids(const void *a, const void *c)
{
    return strcmp(a, c);
}

Test(many, one_call_raises_no_more_alarms_than_its_turn)
{
    engine_set_turn(b->engine, 100);
    tick(1);
    cr_expect_eq(b->alarms, 100);
    tick(1);
    cr_expect_eq(b->alarms, 200);
    engine_set_turn(b->engine, 0); /* the least */
    tick(1);
    cr_expect_eq(b->alarms, 200 + ENGINE_TURN_MIN);
    engine_set_turn(b->engine, 100000); /* the most */
    tick(1);
    cr_expect_eq(b->alarms, 200 + ENGINE_TURN_MIN + ENGINE_TURN_MAX);
    tick(1);
    cr_expect_eq(b->alarms, VICTIMS);
}

Test(many, ids_of_one_millisecond_are_all_different)
{
    for (int i = 0; i < 4; i++)
        tick(1);
    cr_assert_eq(b->alarms, VICTIMS);
    qsort(b->ids, b->id_count, sizeof(b->ids[0]), compare_ids);
    for (size_t i = 1; i < b->id_count; i++)
        cr_assert_str_neq(b->ids[i - 1], b->ids[i]);
}

Test(many, a_refusal_is_recorded_once_however_often_it_is_tried)
{
    for (int i = 0; i < 4; i++)
        tick(1);
    cr_assert_leq(b->announcements, (size_t)RULES_MAX);
    cr_expect_eq(b->refusals + b->announcements, VICTIMS);
    size_t refusals = b->refusals;
    for (int s = 0; s < 30; s++) {
        pass(1000);
        tick(1);
    }
    cr_expect_eq(b->refusals, refusals);
}

Test(many, what_is_shown_of_many_alarms_is_written_less_often)
{
    for (int i = 0; i < 4; i++)
        tick(1);
    size_t before = b->writes;
    for (int s = 0; s < 100; s++) {
        pass(100);
        tick(1);
    }
    /* Ten seconds; each alarm every 1.2 s. */
    cr_expect_leq(b->writes - before, (size_t)VICTIMS * 9);
    cr_expect_geq(b->writes - before, (size_t)VICTIMS * 7);
}

Test(many, a_part_that_comes_twice_does_not_make_a_tick_whole)
{
    for (int i = 0; i < 4; i++)
        tick(2);
    cr_assert_eq(b->alarms, VICTIMS);
    struct rollup_tick t = {.schema = ROLLUP_SCHEMA,
                            .shard = "s0",
                            .epoch = 1,
                            .sequence = ++b->sequence,
                            .part = 0,
                            .parts = 2};
    struct engine_counts counts;
    engine_tick(b->engine, &t, b->now);
    engine_tick(b->engine, &t, b->now);
    engine_count(b->engine, b->now, &counts);
    cr_expect_eq(counts.alarms[SEVERITY_CRITICAL][ALARM_ACTIVE], VICTIMS);
    t.part = 1;
    engine_tick(b->engine, &t, b->now);
    engine_count(b->engine, b->now, &counts);
    cr_expect_eq(counts.alarms[SEVERITY_CRITICAL][ALARM_CLEARING], VICTIMS);
}
