#include "speaker/desired.h"

#include "speaker/bgp/rib_out.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two peers whose sessions are always up and take everything at once, and a list of what was said.
 */
enum { PEERS = 2 };
struct world {
    struct rib *rib;
    struct rib_out out[PEERS];
    bool down[PEERS];
    struct desired *desired;
    struct desired_time now;
    char refuse[ID_TEXT_MAX]; /* the judge says no to this id */
    char hold[ID_TEXT_MAX];   /* and this one is held */
    char log[4096];           /* "m-1@p0:sent m-1@p0:withdrawn …" */
    char ended[256], forgotten[256];
    struct mitigation m; /* scratch; it is large */
};

static enum result_kind judge(void *owner, const struct standing *s, size_t peer,
                              char why[REASON_MAX])
{
    struct world *w = owner;
    (void)peer;
    if (s->dry_run)
        return RESULT_DRY_RUN;
    if (strcmp(s->id, w->refuse) != 0)
        return RESULT_SENT;
    snprintf(why, REASON_MAX, "no");
    return RESULT_REFUSED;
}

static const char *held(void *owner, const struct standing *s, size_t peer)
{
    struct world *w = owner;
    (void)peer;
    return strcmp(s->id, w->hold) == 0 || strcmp(w->hold, "all") == 0 ? "stop" : NULL;
}

static enum status want(void *owner, size_t peer, uint32_t nlri, uint32_t attributes)
{
    struct world *w = owner;
    return peer < PEERS ? rib_out_want(&w->out[peer], nlri, attributes) : STATUS_OK;
}

static uint32_t announced(void *owner, size_t peer, uint32_t nlri)
{
    struct world *w = owner;
    return peer < PEERS ? rib_out_announced(&w->out[peer], nlri) : 0;
}

static void report(void *owner, const struct standing *s, size_t peer, enum result_kind kind,
                   const char *why)
{
    struct world *w = owner;
    size_t len = strlen(w->log);
    snprintf(w->log + len, sizeof(w->log) - len, "%s@p%zu:%s ", s->id, peer,
             result_kind_name(kind));
    cr_assert_not_null(why);
}

static void ended(void *owner, const struct standing *s)
{
    struct world *w = owner;
    size_t len = strlen(w->ended);
    snprintf(w->ended + len, sizeof(w->ended) - len, "%s:%d ", s->id, s->end);
}

static void forgotten(void *owner, const char *id)
{
    struct world *w = owner;
    size_t len = strlen(w->forgotten);
    snprintf(w->forgotten + len, sizeof(w->forgotten) - len, "%s ", id);
}

enum { ORPHAN_MAX_MS = 4 * 3600 * 1000 };

static struct world *world_new(void)
{
    static const char *const names[DESIRED_PEERS_MAX] = {"p0", "p1"};
    struct world *w = calloc(1, sizeof(*w));
    w->now = (struct desired_time){.now_ms = 1000000, .redis_ms = 1700000000000};
    w->rib = rib_new(1000);
    for (size_t p = 0; p < PEERS; p++) {
        rib_out_init(&w->out[p], w->rib, 3, 0);
        rib_out_up(&w->out[p], 3, 0);
    }
    struct desired_options options = {
        .rib = w->rib,
        .ops = {judge, held, want, announced, report, ended, forgotten, w},
        .orphan_max_ms = ORPHAN_MAX_MS,
    };
    w->desired = desired_new(&options);
    desired_set_contact(w->desired, w->now.now_ms);
    desired_set_peers(w->desired, names);
    return w;
}

static void world_free(struct world *w)
{
    desired_free(w->desired);
    for (size_t p = 0; p < PEERS; p++)
        rib_out_done(&w->out[p]);
    cr_assert_eq(rib_nlri_count(w->rib), 0, "a route is still held");
    rib_free(w->rib);
    free(w);
}

/* Lets every message go out and tells so. */
static void flush(struct world *w)
{
    struct update_path path = {.local_as = 1, .ibgp = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct rib_out_batch batch;
    for (size_t p = 0; p < PEERS; p++) {
        while (!w->down[p]) {
            rib_out_next(&w->out[p], &path, 0, bytes, sizeof(bytes), &batch);
            if (batch.kind == RIB_OUT_NONE)
                break;
            for (size_t i = 0; i < batch.count; i++)
                desired_sent(w->desired, p, batch.nlri[i]);
        }
    }
}

static struct mitigation *mitigation(struct world *w, const char *id, uint8_t rule,
                                     uint64_t revision)
{
    struct mitigation *m = &w->m;
    memset(m, 0, sizeof(*m));
    snprintf(m->id, sizeof(m->id), "%s", id);
    snprintf(m->method, sizeof(m->method), "meth");
    m->state = MITIGATION_ANNOUNCING;
    m->family = ADDR_IPV4;
    m->epoch = 5;
    m->revision = revision;
    m->created_ms = w->now.redis_ms;
    m->renewed_ms = w->now.redis_ms;
    m->nlri_len = 4;
    memcpy(m->nlri, ((uint8_t[]){3, 1, 8, rule}), 4);
    m->community_count = 1;
    m->communities[0][0] = 0x80;
    m->communities[0][7] = rule;
    return m;
}

static void apply(struct world *w, const struct mitigation *m, enum status want_status)
{
    cr_assert_eq(desired_apply(w->desired, m, w->now), want_status);
    flush(w);
}

static void expect_log(struct world *w, const char *want_log)
{
    cr_assert_str_eq(w->log, want_log);
    w->log[0] = '\0';
}

static size_t routes(struct world *w, size_t peer)
{
    return w->out[peer].announced[BGP_FLOW4] + w->out[peer].announced[BGP_FLOW6];
}

static void pass(struct world *w, int64_t ms, bool contact)
{
    for (int64_t left = ms; left > 0; left -= 1000) {
        int64_t step = left < 1000 ? left : 1000;
        w->now.now_ms += step;
        w->now.redis_ms += (uint64_t)step;
        if (contact)
            desired_contact(w->desired, w->now.now_ms);
    }
    desired_tick(w->desired, w->now);
    flush(w);
}

Test(desired, a_mitigation_is_announced_and_withdrawn)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    cr_assert_eq(routes(w, 0), 1);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    cr_assert_eq(routes(w, 0), 0);
    cr_assert(desired_find(w->desired, "m-1")->deployed);
    world_free(w);
}

Test(desired, older_words_are_ignored)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 3), STATUS_OK);
    w->log[0] = '\0';
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_EXISTS);
    m = mitigation(w, "m-1", 1, 4);
    m->epoch = 4;
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_EXISTS);
    apply(w, mitigation(w, "m-1", 1, 3), STATUS_EXISTS);
    expect_log(w, "");
    cr_assert_eq(routes(w, 0), 1);
    world_free(w);
}

Test(desired, an_old_announcement_does_not_bring_back_what_was_withdrawn)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_EXISTS);
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired, a_revision_that_changes_nothing_on_the_wire_is_answered_at_once)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    apply(w, mitigation(w, "m-1", 1, 2), STATUS_OK);
    expect_log(w, "m-1@p0:sent m-1@p1:sent ");
    world_free(w);
}

Test(desired, another_rule_under_the_same_id_replaces_the_route)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-1", 2, 2), STATUS_OK);
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_eq(rib_nlri(w->rib, desired_find(w->desired, "m-1")->nlri).bytes[3], 2);
    cr_assert_eq(rib_nlri_count(w->rib), 1);
    world_free(w);
}

Test(desired, only_the_named_peers_get_it)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->peer_count = 2;
    snprintf(m->peers[0], sizeof(m->peers[0]), "p1");
    snprintf(m->peers[1], sizeof(m->peers[1]), "elsewhere");
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p1:sent ");
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired, dry_runs_and_refusals_send_nothing_and_say_so)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->dry_run = true;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:dry-run m-1@p1:dry-run ");
    snprintf(w->refuse, sizeof(w->refuse), "m-2");
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    expect_log(w, "m-2@p0:refused m-2@p1:refused ");
    cr_assert_eq(routes(w, 0), 0);
    m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    world_free(w);
}

Test(desired, a_hold_takes_routes_away_and_resume_brings_them_back)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    w->log[0] = '\0';
    snprintf(w->hold, sizeof(w->hold), "m-1");
    desired_holds_changed(w->desired);
    flush(w);
    expect_log(w, "m-1@p0:held m-1@p1:held ");
    cr_assert_eq(routes(w, 0), 1);
    snprintf(w->hold, sizeof(w->hold), "all");
    desired_holds_changed(w->desired);
    apply(w, mitigation(w, "m-3", 3, 1), STATUS_OK);
    cr_assert_eq(routes(w, 0), 0);
    w->log[0] = '\0';
    w->hold[0] = '\0';
    desired_holds_changed(w->desired);
    flush(w);
    cr_assert_eq(routes(w, 0), 3);
    cr_assert_eq(routes(w, 1), 3);
    world_free(w);
}

Test(desired, of_two_with_one_match_the_later_has_it_until_it_goes)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    apply(w, m, STATUS_OK);
    w->log[0] = '\0';
    w->now.redis_ms += 5;
    m = mitigation(w, "m-2", 1, 1);
    m->communities[0][6] = 9;
    apply(w, m, STATUS_OK);
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_eq(rib_out_announced(&w->out[0], desired_find(w->desired, "m-2")->nlri),
                 desired_find(w->desired, "m-2")->attributes);
    cr_assert_not_null(strstr(w->log, "m-2@p0:sent"));
    cr_assert_not_null(strstr(w->log, "m-1@p0:refused"));
    w->log[0] = '\0';
    m->state = MITIGATION_WITHDRAWING;
    m->revision = 2;
    apply(w, m, STATUS_OK);
    cr_assert_not_null(strstr(w->log, "m-2@p0:withdrawn"));
    cr_assert_not_null(strstr(w->log, "m-1@p0:sent"));
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_eq(rib_out_announced(&w->out[0], desired_find(w->desired, "m-1")->nlri),
                 desired_find(w->desired, "m-1")->attributes);
    world_free(w);
}

Test(desired, until_ends_it_whoever_is_alive)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->until_ms = w->now.redis_ms + 10000;
    apply(w, m, STATUS_OK);
    pass(w, 9999, false);
    cr_assert_eq(routes(w, 0), 1);
    w->log[0] = '\0';
    pass(w, 1, false);
    cr_assert_eq(routes(w, 0), 0);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    cr_assert_str_eq(w->ended, "m-1:2 ");
    world_free(w);
}

Test(desired, a_lease_runs_only_while_there_is_contact)
{
    struct world *w = world_new();
    pass(w, 60000, true);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    apply(w, m, STATUS_OK);
    pass(w, 50000, true);
    pass(w, 3600000, false);
    cr_assert_eq(routes(w, 0), 1, "an hour without contact does not count");
    pass(w, 1000, true);
    cr_assert_eq(routes(w, 0), 1);
    pass(w, 25000, true);
    cr_assert_eq(routes(w, 0), 1, "policy has 30 s to renew after contact is back");
    pass(w, 6000, true);
    cr_assert_eq(routes(w, 0), 0);
    cr_assert_str_eq(w->ended, "m-1:3 ");
    world_free(w);
}

Test(desired, a_renewal_keeps_it)
{
    struct world *w = world_new();
    pass(w, 60000, true);
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->lease_ms = 60000;
    apply(w, m, STATUS_OK);
    for (int i = 0; i < 10; i++) {
        pass(w, 40000, true);
        m = mitigation(w, "m-1", 1, 1);
        m->lease_ms = 60000;
        apply(w, m, STATUS_EXISTS);
        cr_assert_eq(routes(w, 0), 1);
    }
    pass(w, 61000, true);
    cr_assert_eq(routes(w, 0), 0);
    world_free(w);
}

Test(desired, without_contact_everything_goes_at_orphan_max)
{
    struct world *w = world_new();
    pass(w, 10000, true);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    pass(w, ORPHAN_MAX_MS, false);
    cr_assert_eq(routes(w, 0), 1);
    pass(w, 1000, false);
    cr_assert_eq(routes(w, 0), 0);
    cr_assert_str_eq(w->ended, "m-1:4 ");
    w->log[0] = '\0';
    desired_contact(w->desired, w->now.now_ms);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_EXISTS);
    cr_assert_eq(routes(w, 0), 1, "the state server still wants it");
    world_free(w);
}

Test(desired, what_the_state_server_lost_stands_until_orphan_max)
{
    struct world *w = world_new();
    pass(w, 10000, true);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    apply(w, mitigation(w, "m-2", 2, 1), STATUS_OK);
    desired_missing(w->desired, "m-1");
    pass(w, ORPHAN_MAX_MS, true);
    cr_assert_eq(routes(w, 0), 2);
    pass(w, 1000, true);
    cr_assert_eq(routes(w, 0), 1);
    cr_assert_str_eq(w->ended, "m-1:4 ");
    world_free(w);
}

Test(desired, a_peer_that_falls_is_told_and_gets_all_again)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    rib_out_down(&w->out[0]);
    w->down[0] = true;
    desired_peer_down(w->desired, 0, "hold timer expired");
    expect_log(w, "m-1@p0:peer-down ");
    struct mitigation *m = mitigation(w, "m-2", 2, 1);
    apply(w, m, STATUS_OK);
    expect_log(w, "m-2@p1:sent ");
    m->state = MITIGATION_WITHDRAWING;
    m->revision = 2;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-2@p0:withdrawn m-2@p1:withdrawn ");
    w->down[0] = false;
    rib_out_up(&w->out[0], 3, 0);
    flush(w);
    expect_log(w, "m-1@p0:sent ");
    world_free(w);
}

Test(desired, the_budget_of_a_peer_refuses_and_heals)
{
    struct world *w = world_new();
    for (uint8_t i = 1; i <= 4; i++) {
        char id[8];
        snprintf(id, sizeof(id), "m-%u", i);
        apply(w, mitigation(w, id, i, 1), STATUS_OK);
    }
    cr_assert_not_null(strstr(w->log, "m-4@p0:refused"));
    cr_assert_eq(routes(w, 0), 3);
    struct mitigation *m = mitigation(w, "m-1", 1, 2);
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    w->log[0] = '\0';
    pass(w, 1000, true);
    cr_assert_not_null(strstr(w->log, "m-4@p0:sent"));
    cr_assert_eq(routes(w, 0), 3);
    world_free(w);
}

Test(desired, what_has_ended_is_forgotten_after_an_hour)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->state = MITIGATION_WITHDRAWING;
    apply(w, m, STATUS_OK);
    pass(w, 3599000, true);
    cr_assert_eq(desired_count(w->desired), 1);
    pass(w, 2000, true);
    cr_assert_eq(desired_count(w->desired), 0);
    cr_assert_str_eq(w->forgotten, "m-1 ");
    world_free(w);
}

Test(desired, what_is_not_a_mitigation_is_not_taken)
{
    struct world *w = world_new();
    struct mitigation *m = mitigation(w, "m-1", 1, 1);
    m->nlri_len = 3;
    apply(w, m, STATUS_MALFORMED);
    m = mitigation(w, "m-1", 1, 1);
    m->nlri_len = 0;
    apply(w, m, STATUS_MALFORMED);
    m = mitigation(w, "m-1", 1, 1);
    m->family = 5;
    apply(w, m, STATUS_MALFORMED);
    m = mitigation(w, "", 1, 1);
    apply(w, m, STATUS_MALFORMED);
    cr_assert_eq(desired_count(w->desired), 0);
    m = mitigation(w, "m-1", 1, 1);
    m->nlri_len = 0;
    m->state = MITIGATION_WITHDRAWN;
    apply(w, m, STATUS_OK);
    expect_log(w, "m-1@p0:withdrawn m-1@p1:withdrawn ");
    world_free(w);
}

Test(desired, a_new_peer_gets_what_stands_and_a_removed_one_is_left_alone)
{
    static const char *const one[DESIRED_PEERS_MAX] = {"p0"};
    static const char *const two[DESIRED_PEERS_MAX] = {"p0", "p1"};
    struct world *w = world_new();
    desired_set_peers(w->desired, one);
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    expect_log(w, "m-1@p0:sent ");
    desired_set_peers(w->desired, two);
    flush(w);
    expect_log(w, "m-1@p1:sent ");
    world_free(w);
}

Test(desired, an_nlri_that_fits_no_message_is_refused)
{
    struct world *w = world_new();
    apply(w, mitigation(w, "m-1", 1, 1), STATUS_OK);
    w->log[0] = '\0';
    desired_unfit(w->desired, 0, desired_find(w->desired, "m-1")->nlri);
    expect_log(w, "m-1@p0:refused ");
    world_free(w);
}
