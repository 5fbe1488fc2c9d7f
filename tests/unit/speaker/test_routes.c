#include "speaker/out_results.h"
#include "speaker/parts.h"
#include "speaker/speaker.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A speaker without a loop and with two peers: blackholes, and what differs for one of them. */
static const char yaml[] =
    "dry_run: false\n"
    "networks: {ours: [198.51.100.0/24]}\n"
    "infrastructure: [198.51.100.1/32]\n"
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 2s}]\n"
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
    "peers:\n"
    "  - {name: p1, address: 192.0.2.1, remote_as: 64500, families: [ipv4-unicast]}\n"
    "  - {name: up, address: 192.0.2.65, remote_as: 64496, families: [ipv4-unicast]}\n"
    "  - {name: flow, address: 192.0.2.3, remote_as: 64500}\n"
    "methods: [{name: rtbh, blackhole: {ipv4: {next_hop: 192.0.2.100},\n"
    "  peers: {up: {communities: [\"64496:666\"], no_export: false}}}}]\n";

enum { ROUTE_PEERS = 3 };

struct world {
    struct speaker speaker;
    struct peer peers[ROUTE_PEERS];
    struct config *config;
    struct mitigation m;
    struct rib_out_batch batch;
    struct clock_fake time;
};

static struct world *world_new(void)
{
    static const char *const names[DESIRED_PEERS_MAX] = {"p1", "up", "flow"};
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
    for (size_t i = 0; i < ROUTE_PEERS; i++) {
        struct peer *peer = &w->peers[i];
        peer->options.number = i;
        peer->path.message_max = BGP_MESSAGE_MAX;
        peer->settings.families = i < 2 ? 1U << BGP_UNICAST4 : 1U << BGP_FLOW4;
        peer->settings.profile = model_profile(s->model, w->config->peers[i].profile.value);
        snprintf(peer->settings.name, sizeof(peer->settings.name), "%s", names[i]);
        snprintf(peer->settings.configured, sizeof(peer->settings.configured), "%s", names[i]);
        rib_out_init(&peer->rib_out, s->rib, 100, 0);
        rib_out_up(&peer->rib_out, peer->settings.families, 0);
        s->peers[i] = peer;
    }
    desired_set_contact(s->desired, speaker_time(s).now_ms);
    desired_set_peers(s->desired, names);
    return w;
}

static void world_free(struct world *w)
{
    struct speaker *s = &w->speaker;
    desired_free(s->desired);
    for (size_t i = 0; i < ROUTE_PEERS; i++)
        rib_out_done(&w->peers[i].rib_out);
    cr_expect_eq(rib_nlri_count(s->rib), 0, "somebody still holds a route");
    rib_free(s->rib);
    out_results_free(s->out_results);
    model_free(s->model);
    free(s->parts_scratch);
    config_free(w->config);
    free(w);
}

static enum status apply(struct world *w, uint8_t host, enum mitigation_state state)
{
    static const uint8_t hop[] = {192, 0, 2, 100}, blackhole[] = {0xff, 0xff, 2, 0x9a};
    struct mitigation *m = &w->m;
    struct desired_time now = speaker_time(&w->speaker);
    uint64_t revision = m->revision + 1;
    memset(m, 0, sizeof(*m));
    snprintf(m->id, sizeof(m->id), "m-%u", host);
    snprintf(m->method, sizeof(m->method), "rtbh");
    m->state = (uint8_t)state;
    m->family = ADDR_IPV4;
    m->epoch = 1;
    m->revision = revision;
    m->created_ms = m->renewed_ms = now.redis_ms;
    m->route = ROUTE_BLACKHOLE;
    m->nlri_len = 5;
    memcpy(m->nlri, (const uint8_t[]){32, 198, 51, 100, host}, 5);
    memcpy(m->next_hop, hop, sizeof(hop));
    m->next_hop_len = sizeof(hop);
    memcpy(m->standard[0], blackhole, sizeof(blackhole));
    m->standard_count = 1;
    return desired_apply(w->speaker.desired, m, now);
}

/* The next message of a peer, and the octets of its COMMUNITIES. */
static void expect(struct world *w, size_t peer, enum rib_out_kind kind, const uint8_t *communities,
                   size_t len)
{
    struct update_path path = {
        .local_as = 64500, .ibgp = true, .no_export = true, .local_preference = 100};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct rib_out *out = &w->peers[peer].rib_out;
    rib_out_next(out, &path, 0, bytes, sizeof(bytes), &w->batch);
    cr_assert_eq(w->batch.kind, kind, "%s: %d", w->peers[peer].settings.name, (int)w->batch.kind);
    if (len > 0)
        cr_expect_not_null(memmem(bytes, w->batch.len, communities, len), "%s",
                           w->peers[peer].settings.name);
    for (size_t i = 0; i < w->batch.count; i++)
        desired_sent(w->speaker.desired, peer, w->batch.nlri[i]);
    rib_out_batch_done(out, &w->batch);
}

Test(routes, a_blackhole_goes_to_those_of_its_family_as_the_method_says_for_each)
{
    static const uint8_t of_all[] = {0xc0, 8, 8, 0xff, 0xff, 2, 0x9a, 0xff, 0xff, 0xff, 1},
                         of_up[] = {0xc0, 8, 4, 0xfb, 0xf0, 2, 0x9a};
    struct world *w = world_new();
    cr_assert_eq(apply(w, 45, MITIGATION_ANNOUNCING), STATUS_OK);
    expect(w, 0, RIB_OUT_ANNOUNCE, of_all, sizeof(of_all));
    expect(w, 1, RIB_OUT_ANNOUNCE, of_up, sizeof(of_up));
    expect(w, 2, RIB_OUT_NONE, NULL, 0);
    const struct standing *s = desired_find(w->speaker.desired, "m-45");
    cr_expect_eq(s->reported[0], RESULT_SENT + 1);
    cr_expect_eq(s->reported[1], RESULT_SENT + 1);
    cr_expect_eq(s->reported[2], RESULT_REFUSED + 1);
    desired_rejudge(w->speaker.desired, 1);
    expect(w, 1, RIB_OUT_NONE, NULL, 0);
    cr_assert_eq(apply(w, 45, MITIGATION_WITHDRAWING), STATUS_OK);
    expect(w, 0, RIB_OUT_WITHDRAW, NULL, 0);
    expect(w, 1, RIB_OUT_WITHDRAW, NULL, 0);
    cr_expect_eq(s->reported[1], RESULT_WITHDRAWN + 1);
    world_free(w);
}

Test(routes, the_guard_judges_the_octets_once_more)
{
    struct world *w = world_new();
    cr_assert_eq(apply(w, 1, MITIGATION_ANNOUNCING), STATUS_OK);
    for (size_t peer = 0; peer < ROUTE_PEERS; peer++)
        expect(w, peer, RIB_OUT_NONE, NULL, 0);
    const struct standing *s = desired_find(w->speaker.desired, "m-1");
    cr_expect_eq(s->reported[0], RESULT_REFUSED + 1, "a router is not blackholed");
    world_free(w);
}

Test(routes, what_is_no_prefix_is_not_taken)
{
    struct world *w = world_new();
    cr_assert_eq(apply(w, 45, MITIGATION_ANNOUNCING), STATUS_OK);
    w->m.nlri[0] = 33;
    w->m.revision++;
    cr_expect_eq(desired_apply(w->speaker.desired, &w->m, speaker_time(&w->speaker)),
                 STATUS_MALFORMED);
    w->m.nlri[0] = 32;
    w->m.route = ROUTE_FLOWSPEC;
    cr_expect_eq(desired_apply(w->speaker.desired, &w->m, speaker_time(&w->speaker)),
                 STATUS_MALFORMED, "an older speaker does not take it for a rule");
    world_free(w);
}

Test(routes, pass_for_no_accept_rule)
{
    struct world *w = world_new();
    cr_assert_eq(apply(w, 45, MITIGATION_ANNOUNCING), STATUS_OK);
    const struct standing *s = desired_find(w->speaker.desired, "m-45");
    cr_expect_not(rib_is_guarding(w->speaker.rib, s->whole.attributes));
    world_free(w);
}
