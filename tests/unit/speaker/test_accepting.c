#include "speaker/accepting.h"
#include "speaker/out_results.h"
#include "speaker/parts.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A speaker without a loop and with one peer, whose messages the test takes itself. */
static const char yaml[] =
    "dry_run: false\n"
    "networks: {ours: [198.51.100.0/24]}\n"
    "bgp_sessions: [[192.0.2.1, 198.51.100.9]]\n"
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
    "peers: [{name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}]\n"
    "platforms: [{name: edge, peers: [p1], max_rules: 100, widest: [/24, /48]}]\n";

/* Destination 198.51.100.9/32; and before it TCP port 179 from 192.0.2.1 to it. */
static const uint8_t cut[] = {6, 1, 32, 198, 51, 100, 9};
static const uint8_t accept_rule[] = {18, 1, 32, 198, 51,   100, 9, 2,    32, 192,
                                      0,  2, 1,  3,   0x81, 6,   4, 0x81, 179};

struct world {
    struct speaker speaker;
    struct peer peer;
    struct config *config;
    struct mitigation m;
    struct rib_out_batch batch;
    struct clock_fake time;
};

static struct world *world_new(void)
{
    static const char *const names[DESIRED_PEERS_MAX] = {"p1"};
    struct config_errors errors;
    struct world *w = calloc(1, sizeof(*w));
    struct speaker *s = &w->speaker;
    config_errors_init(&errors, "t.yaml");
    cr_assert_eq(config_parse(&w->config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    s->config = w->config;
    s->model = model_new(w->config, &errors);
    cr_assert_not_null(s->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
    w->time = (struct clock_fake){.mono_us = 1000000000, .wall_ms = 1767323045000};
    s->clock = clock_of_fake(&w->time);
    s->rib = rib_new(1000);
    s->parts_scratch = calloc(1, sizeof(*s->parts_scratch));
    struct desired_options options = {.rib = s->rib, .ops = judge_ops(s), .orphan_max_ms = 1000000};
    s->desired = desired_new(&options);
    cr_assert_eq(out_results_new(&s->out_results, s), STATUS_OK);
    w->peer.settings.families = 1U << BGP_FLOW4;
    w->peer.settings.profile = model_profile(s->model, w->config->peers[0].profile.value);
    w->peer.path.message_max = BGP_MESSAGE_MAX;
    snprintf(w->peer.settings.name, sizeof(w->peer.settings.name), "p1");
    rib_out_init(&w->peer.rib_out, s->rib, 100, 0);
    s->peers[0] = &w->peer;
    desired_set_contact(s->desired, speaker_time(s).now_ms);
    desired_set_peers(s->desired, names);
    return w;
}

static void world_free(struct world *w)
{
    struct speaker *s = &w->speaker;
    desired_free(s->desired);
    rib_out_done(&w->peer.rib_out);
    rib_free(s->rib);
    out_results_free(s->out_results);
    model_free(s->model);
    free(s->parts_scratch);
    config_free(w->config);
    free(w);
}

static void apply_long(struct world *w, const char *id, const uint8_t *nlri, size_t len,
                       enum mitigation_state state)
{
    struct mitigation *m = &w->m;
    struct desired_time now = speaker_time(&w->speaker);
    uint64_t revision = m->revision + 1;
    memset(m, 0, sizeof(*m));
    snprintf(m->id, sizeof(m->id), "%s", id);
    snprintf(m->method, sizeof(m->method), "meth");
    m->state = (uint8_t)state;
    m->family = ADDR_IPV4;
    m->epoch = 1;
    m->revision = revision;
    m->created_ms = now.redis_ms;
    m->renewed_ms = now.redis_ms;
    m->nlri_len = (uint16_t)len;
    memcpy(m->nlri, nlri, m->nlri_len);
    m->community_count = nlri == cut ? 1 : 0;
    m->communities[0][0] = 0x80; /* rate 0 */
    m->communities[0][1] = 6;
    cr_assert_eq(desired_apply(w->speaker.desired, m, now), STATUS_OK);
}

static void apply(struct world *w, const char *id, const uint8_t *nlri, enum mitigation_state state)
{
    apply_long(w, id, nlri, nlri[0] + 1U, state);
}

/* The next message, and the first octet of the first route in it. */
static void expect(struct world *w, enum rib_out_kind kind, size_t count, uint8_t first)
{
    struct update_path path = {.local_as = 64500, .ibgp = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    rib_out_next(&w->peer.rib_out, &path, 0, bytes, sizeof(bytes), &w->batch);
    cr_assert_eq(w->batch.kind, kind, "%d", (int)w->batch.kind);
    cr_assert_eq(w->batch.count, count);
    if (count > 0)
        cr_assert_eq(rib_nlri(w->speaker.rib, w->batch.nlri[0]).bytes[0], first);
    for (size_t i = 0; i < count; i++)
        desired_sent(w->speaker.desired, 0, w->batch.nlri[i]);
    rib_out_batch_done(&w->peer.rib_out, &w->batch);
}

static void expect_end(struct world *w)
{
    expect(w, RIB_OUT_NONE, 0, 0);
}

/* The one that cuts was there first; it waits for the one that accepts, and goes behind it. */
Test(accepting, a_rule_that_cuts_goes_behind_the_one_it_needs_and_leaves_with_it)
{
    struct world *w = world_new();
    apply(w, "m-cut", cut, MITIGATION_ANNOUNCING);
    rib_out_up(&w->peer.rib_out, 1U << BGP_FLOW4, 0);
    accepting_apply(&w->speaker);
    cr_assert_eq(desired_refused_count(w->speaker.desired, 0), 1);
    apply(w, "m-accept", accept_rule, MITIGATION_ANNOUNCING);
    accepting_apply(&w->speaker);
    rib_out_down(&w->peer.rib_out);
    rib_out_up(&w->peer.rib_out, 1U << BGP_FLOW4, 0);
    expect(w, RIB_OUT_ANNOUNCE, 1, accept_rule[0]);
    expect(w, RIB_OUT_ANNOUNCE, 1, cut[0]);
    expect_end(w);

    apply(w, "m-accept", accept_rule, MITIGATION_WITHDRAWING);
    accepting_apply(&w->speaker);
    expect(w, RIB_OUT_WITHDRAW, 2, cut[0]);
    expect_end(w);
    world_free(w);
}

Test(accepting, only_a_rule_that_accepts_has_others_judged_anew)
{
    struct world *w = world_new();
    uint8_t other[] = {6, 1, 32, 198, 51, 100, 77};
    apply(w, "m-other", other, MITIGATION_ANNOUNCING);
    cr_assert_eq(w->speaker.accepting_changed, 1, "no community: it accepts");
    accepting_apply(&w->speaker);
    cr_assert_eq(w->speaker.accepting_changed, 0);
    apply(w, "m-cut", cut, MITIGATION_ANNOUNCING);
    cr_assert_eq(w->speaker.accepting_changed, 0);
    world_free(w);
}

/* The rule that would keep the session, with so many ports that it has as many octets. */
static size_t make_long(uint8_t *nlri, size_t octets)
{
    struct wire_writer w = wire_writer_of(nlri, octets);
    wire_put_u16(&w, (uint16_t)(0xf000 + octets - 2));
    wire_put_bytes(&w, accept_rule + 1, 15);
    wire_put_u8(&w, COMPONENT_PORT);
    wire_put_u16(&w, 0x01b3); /* 179 */
    for (uint16_t port = 1000; w.len + 3 <= octets; port = (uint16_t)(port + 2)) {
        wire_put_u8(&w, w.len + 6 > octets ? 0x91 : 0x11);
        wire_put_u16(&w, port);
    }
    cr_assert_eq(w.len, octets);
    return w.len;
}

/* Each of them is within what the router takes; the longer one is in no message. */
Test(accepting, a_rule_that_no_message_holds_lets_none_out)
{
    static const struct {
        size_t octets, messages;
    } cases[] = {{4046, 2}, {4094, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = world_new();
        struct router_profile takes_all = *profile_find("bird");
        uint8_t nlri[NLRI_MAX];
        takes_all.nlri_max = 4095;
        w->peer.settings.profile = &takes_all;
        w->peer.path.message_max = BGP_MESSAGE_MAX + 1; /* so that the profile is as it is */
        size_t len = make_long(nlri, cases[i].octets);
        apply_long(w, "m-accept", nlri, len, MITIGATION_ANNOUNCING);
        apply(w, "m-cut", cut, MITIGATION_ANNOUNCING);
        rib_out_up(&w->peer.rib_out, 1U << BGP_FLOW4, 0);
        accepting_apply(&w->speaker);
        cr_expect_eq(desired_refused_count(w->speaker.desired, 0), 2 - cases[i].messages, "%u",
                     (unsigned)desired_refused_count(w->speaker.desired, 0));
        if (cases[i].messages == 2) {
            expect(w, RIB_OUT_ANNOUNCE, 1, nlri[0]);
            expect(w, RIB_OUT_ANNOUNCE, 1, cut[0]);
        }
        expect_end(w);
        world_free(w);
    }
}
