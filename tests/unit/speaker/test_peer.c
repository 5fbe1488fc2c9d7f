#include "speaker/peer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* A peer without connections: sessions are put into the state that a test is about. */
struct world {
    struct rib *rib;
    struct peer peer;
    struct peer_settings settings;
    struct clock_fake time;
    unsigned int downs;
};

static void ignore(void *owner, struct peer *peer)
{
    (void)owner;
    (void)peer;
}

static void on_down(void *owner, struct peer *peer, const char *why)
{
    struct world *w = owner;
    (void)peer;
    (void)why;
    w->downs++;
}

static void on_notification(void *owner, struct peer *peer, const struct bgp_error *error,
                            bool sent)
{
    (void)owner;
    (void)peer;
    (void)error;
    (void)sent;
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof(*w));
    w->rib = rib_new(100);
    w->time = (struct clock_fake){.mono_us = 1000000000, .wall_ms = 1767323045000};
    w->settings = (struct peer_settings){.local_as = 64500,
                                         .remote_as = 64500,
                                         .families = 1U << BGP_FLOW4,
                                         .accepts = true,
                                         .hold_s = 30,
                                         .restart_s = 60,
                                         .connect_retry_ms = 5000,
                                         .max_routes = 10};
    snprintf(w->settings.name, sizeof(w->settings.name), "p1");
    struct peer_options options = {.rib = w->rib,
                                   .clock = clock_of_fake(&w->time),
                                   .events = {.on_up = ignore,
                                              .on_down = on_down,
                                              .on_changed = ignore,
                                              .on_writable = ignore,
                                              .on_notification = on_notification,
                                              .owner = w}};
    peer_init(&w->peer, &w->settings, &options);
    return w;
}

static void world_free(struct world *w)
{
    peer_done(&w->peer);
    rib_free(w->rib);
    free(w);
}

/* As after its OPEN and the peer's. */
static void established(struct world *w, struct session *s, bool graceful)
{
    s->state = FSM_ESTABLISHED;
    s->told_restart_s = w->settings.restart_s;
    s->negotiated.graceful = graceful;
    w->peer.established = s;
    w->peer.running = true;
}

static unsigned int downs_at(uint16_t told_s, bool graceful, uint16_t now_s)
{
    struct world *w = world_new();
    w->settings.restart_s = told_s;
    peer_set(&w->peer, &w->settings);
    established(w, &w->peer.in, graceful);
    w->settings.restart_s = now_s;
    peer_set(&w->peer, &w->settings);
    cr_expect_eq(w->peer.in.options.open.graceful.restart_s, now_s);
    cr_expect_eq(w->peer.in.options.open.graceful.offered, now_s != 0);
    cr_expect_eq(w->peer.out.options.open.graceful.restart_s, now_s);
    cr_expect_eq(w->peer.in.state == FSM_ESTABLISHED, w->downs == 0);
    unsigned int downs = w->downs;
    world_free(w);
    return downs;
}

Test(peer, a_shorter_restart_time_ends_only_sessions_that_were_told_a_longer_one)
{
    cr_expect_eq(downs_at(60, true, 30), 1);
    cr_expect_eq(downs_at(60, true, 0), 1);
    cr_expect_eq(downs_at(60, false, 30), 0, "the peer keeps nothing");
    cr_expect_eq(downs_at(60, true, 60), 0);
    cr_expect_eq(downs_at(60, true, 120), 0);
    cr_expect_eq(downs_at(0, false, 120), 0);
}

Test(peer, what_counts_is_what_the_peer_was_told)
{
    struct world *w = world_new();
    established(w, &w->peer.in, true);
    w->settings.restart_s = 120;
    peer_set(&w->peer, &w->settings);
    w->settings.restart_s = 60;
    peer_set(&w->peer, &w->settings);
    cr_expect_eq(w->downs, 0);
    w->settings.restart_s = 59;
    peer_set(&w->peer, &w->settings);
    cr_expect_eq(w->downs, 1);
    world_free(w);
}

Test(peer, an_open_that_is_under_way_is_said_again)
{
    struct world *w = world_new();
    w->peer.in.state = FSM_OPENSENT;
    w->peer.in.told_restart_s = 60;
    w->settings.restart_s = 30;
    peer_set(&w->peer, &w->settings);
    cr_expect_eq(w->peer.in.state, FSM_IDLE);
    world_free(w);
}

Test(peer, another_connect_retry_ends_no_session_and_counts_at_once)
{
    struct world *w = world_new();
    uint64_t now = clock_mono_ms(&w->peer.options.clock);
    established(w, &w->peer.in, true);
    w->peer.out.retry_at = w->peer.start_at = now + 4000;
    w->settings.connect_retry_ms = 1000;
    peer_set(&w->peer, &w->settings);
    cr_expect_eq(w->downs, 0);
    cr_expect_eq(w->peer.out.options.connect_retry_ms, 1000);
    cr_expect_eq(w->peer.out.retry_at, now + 1000);
    cr_expect_eq(w->peer.start_at, now + 1000);
    world_free(w);
}

Test(peer, what_the_open_says_beside_needs_a_new_session)
{
    struct world *w = world_new();
    established(w, &w->peer.in, true);
    w->settings.hold_s = 90;
    peer_set(&w->peer, &w->settings);
    cr_expect_eq(w->downs, 1);
    world_free(w);
}

/* --- damping ------------------------------------------------------------------------------------
 */

static void falls(struct session *s, unsigned int times)
{
    for (unsigned int i = 0; i < times; i++)
        s->options.events.on_state(s->options.events.owner, "in vain", true);
}

Test(peer, sessions_that_we_open_in_vain_keep_nobody_from_connecting_to_us)
{
    struct world *w = world_new();
    uint64_t now = clock_mono_ms(&w->peer.options.clock);
    falls(&w->peer.out, 10);
    cr_expect(damping_keeps_us(&w->peer.dialling, now + 80000));
    cr_expect_not(damping_keeps_peer(&w->peer.answering, now));
    falls(&w->peer.in, 1);
    cr_expect_not(damping_keeps_peer(&w->peer.answering, now));
    falls(&w->peer.in, DAMPING_FREE_FALLS - 1);
    cr_expect(damping_keeps_peer(&w->peer.answering, now));
    world_free(w);
}

Test(peer, an_established_session_that_falls_counts_both_ways_and_is_forgotten_after_one_that_stood)
{
    struct world *w = world_new();
    uint64_t now = clock_mono_ms(&w->peer.options.clock);
    for (int i = 0; i < DAMPING_FREE_FALLS; i++) {
        w->peer.established_at = now;
        established(w, &w->peer.in, true);
        w->peer.in.options.events.on_down(&w->peer);
        falls(&w->peer.in, 1);
    }
    cr_expect(damping_keeps_us(&w->peer.dialling, now));
    cr_expect(damping_keeps_peer(&w->peer.answering, now));
    w->peer.established_at = now - DAMPING_STABLE_MS;
    established(w, &w->peer.in, true);
    w->peer.in.options.events.on_down(&w->peer);
    falls(&w->peer.in, 1);
    cr_expect_not(damping_keeps_peer(&w->peer.answering, now));
    cr_expect_not(damping_keeps_us(&w->peer.dialling, now + 250));
    world_free(w);
}

Test(peer, an_end_without_penalty_does_not_shorten_the_wait_of_one_that_flaps)
{
    struct world *w = world_new();
    uint64_t now = clock_mono_ms(&w->peer.options.clock);
    falls(&w->peer.out, 10);
    w->peer.in.options.events.on_state(&w->peer, "left", false);
    cr_expect(damping_keeps_us(&w->peer.dialling, now + 80000));
    world_free(w);
}

/* How long a message may be in a session where the peer agreed to it or not; 0: no session any
 * more, once the profile is another one. */
static size_t longest(const char *profile, bool agreed, const char *then)
{
    struct world *w = world_new();
    w->settings.profile = profile_find(profile);
    peer_set(&w->peer, &w->settings);
    w->peer.in.negotiated.extended = agreed;
    w->peer.in.options.events.on_up(w->peer.in.options.events.owner);
    established(w, &w->peer.in, false);
    size_t max = w->peer.path.message_max;
    if (then != NULL) {
        w->settings.profile = profile_find(then);
        peer_set(&w->peer, &w->settings);
        max = w->downs > 0 ? 0 : max;
    }
    world_free(w);
    return max;
}

Test(peer, long_messages_go_where_both_and_the_profile_say_so)
{
    cr_expect_eq(longest("bird", true, NULL), BGP_EXTENDED_MAX);
    cr_expect_eq(longest("bird", false, NULL), BGP_MESSAGE_MAX);
    cr_expect_eq(longest("generic", true, NULL), BGP_MESSAGE_MAX);
    cr_expect_eq(longest("frr", true, NULL), BGP_MESSAGE_MAX);
}

Test(peer, a_profile_that_takes_other_messages_needs_a_new_session)
{
    cr_expect_eq(longest("bird", true, "frr"), 0);
    cr_expect_eq(longest("frr", true, "bird"), 0);
    cr_expect_eq(longest("bird", false, "frr"), BGP_MESSAGE_MAX);
    cr_expect_eq(longest("bird", true, "exabgp"), BGP_EXTENDED_MAX);
}
