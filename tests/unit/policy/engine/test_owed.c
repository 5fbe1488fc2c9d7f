#include "policy/engine/engine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is written for each peer of each mitigation goes in turns, and all of it goes. */

enum { MITIGATIONS = 200, PEERS = 50, TURN = 64, TURNS_MAX = 10000 };

static const char yaml[] =
    "networks: {ours: [\"2001:db8::/32\"]}\n"
    "exporters: [{address: 192.0.2.1, name: r1}]\n"
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500}\n"
    "peers: [{name: p1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}]\n";

struct bench {
    struct config *config;
    struct model *model;
    struct engine *engine;
    struct engine_now now;
    size_t turn, most;                       /* writes of this turn; the most of one */
    size_t forgotten, written_back, results; /* in all */
    uint64_t revisions[MITIGATIONS];
    bool peers_first;
};

static struct bench *b;

static void on_write(void *owner, const struct engine_write *w)
{
    (void)owner;
    unsigned int number = 0;
    bool is_back = w->what != NULL && strcmp(w->what, "written back") == 0;
    cr_assert_not_null(w->mitigation);
    cr_assert_eq(sscanf(w->mitigation->id, "m-%u", &number), 1);
    cr_assert_gt(w->mitigation->revision, b->revisions[number]);
    b->revisions[number] = w->mitigation->revision;
    if (w->peer_field == NULL && !is_back)
        return;
    b->turn++;
    b->most = b->turn > b->most ? b->turn : b->most;
    b->written_back += is_back ? 1 : 0;
    if (w->peer_field == NULL)
        return;
    bool is_forgotten = strcmp(w->peer_value, "forgotten") == 0;
    b->forgotten += is_forgotten ? 1 : 0;
    b->results += is_forgotten ? 0 : 1;
    b->peers_first = b->peers_first || (!is_forgotten && b->written_back < MITIGATIONS);
}

static void restore_one(unsigned int number)
{
    struct mitigation *m = calloc(1, sizeof(*m));
    cr_assert_not_null(m);
    (void)snprintf(m->id, sizeof(m->id), "m-%u", number);
    m->state = MITIGATION_ACTIVE;
    m->origin = ORIGIN_PERSON;
    m->revision = 1;
    m->created_ms = b->now.state_ms;
    m->until_ms = b->now.state_ms + 3600000;
    cr_assert_eq(engine_restore_mitigation(b->engine, m, b->now), STATUS_OK);
    free(m);
    for (unsigned int peer = 0; peer < 2 * PEERS; peer++) {
        char field[64], id[32];
        (void)snprintf(id, sizeof(id), "m-%u", number);
        (void)snprintf(field, sizeof(field), "peer:sp%u/p%u", 1 + peer % 2, peer / 2);
        engine_restore_peer(b->engine, id, field, "sent");
    }
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
    engine_set_turn(b->engine, TURN);
    for (unsigned int i = 0; i < MITIGATIONS; i++)
        restore_one(i);
}

static void teardown(void)
{
    engine_free(b->engine);
    model_free(b->model);
    config_free(b->config);
    free(b);
}

TestSuite(owed, .init = setup, .fini = teardown);

static void pass_turn(void)
{
    b->turn = 0;
    b->now.mono_ms += 50;
    b->now.state_ms += 50;
    engine_time(b->engine, b->now);
}

static void forget(const char *speaker, struct reply *ret_reply)
{
    struct request request = {.expires_at_ms = b->now.state_ms + 1000,
                              .who = "ann",
                              .verb = "forget-speaker",
                              .arg_count = 1};
    (void)snprintf(request.args[0].name, sizeof(request.args[0].name), "speaker");
    (void)snprintf(request.args[0].value, sizeof(request.args[0].value), "%s", speaker);
    engine_request(b->engine, &request, ret_reply, b->now);
}

Test(owed, a_speaker_of_very_many_routes_is_forgotten_in_turns)
{
    struct reply reply;
    size_t turns = 0;
    pass_turn();
    forget("sp2", &reply);
    cr_assert(reply.ok, "%s", reply.text);
    cr_assert_not_null(strstr(reply.text, "200 mitigations"), "%s", reply.text);
    cr_assert_eq(b->forgotten, TURN, "%zu", b->forgotten);
    for (; b->forgotten < MITIGATIONS * PEERS && turns < TURNS_MAX; turns++)
        pass_turn();
    cr_assert_eq(turns, MITIGATIONS * PEERS / TURN, "%zu", turns);
    cr_assert_leq(b->most, TURN, "%zu", b->most);
    for (int i = 0; i < 10; i++)
        pass_turn();
    cr_assert_eq(b->forgotten, MITIGATIONS * PEERS, "the other speaker's stand");
    forget("sp2", &reply);
    cr_assert_not_null(strstr(reply.text, "0 mitigations"), "%s", reply.text);
}

Test(owed, many_speakers_are_forgotten_one_after_the_other_and_too_many_are_refused)
{
    struct reply reply;
    pass_turn();
    for (int i = 0; i < 8; i++) {
        forget(i % 2 == 0 ? "sp1" : "sp2", &reply);
        cr_assert(reply.ok, "%s", reply.text);
    }
    forget("sp1", &reply);
    cr_assert_not(reply.ok);
    cr_assert_not_null(strstr(reply.text, "in a moment"), "%s", reply.text);
    for (int i = 0; i < TURNS_MAX && b->forgotten < 2 * MITIGATIONS * PEERS; i++)
        pass_turn();
    cr_assert_eq(b->forgotten, 2 * MITIGATIONS * PEERS);
    cr_assert_leq(b->most, TURN, "%zu", b->most);
    pass_turn();
    forget("sp1", &reply);
    cr_assert(reply.ok, "%s", reply.text);
}

Test(owed, very_much_is_written_back_in_turns_and_mitigations_before_what_peers_were_sent)
{
    size_t turns = 0;
    pass_turn();
    b->turn = 0;
    engine_write_back(b->engine, 43, b->now);
    for (; b->results < 2 * MITIGATIONS * PEERS && turns < TURNS_MAX; turns++)
        pass_turn();
    for (int i = 0; i < 10; i++)
        pass_turn();
    cr_assert_eq(b->written_back, MITIGATIONS);
    cr_assert_eq(b->results, 2 * MITIGATIONS * PEERS);
    cr_assert_leq(b->most, TURN, "%zu", b->most);
    cr_assert_not(b->peers_first);
}
