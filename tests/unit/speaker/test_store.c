#include "common/redis/reply.h"
#include "speaker/in_jobs_internal.h"
#include "speaker/store.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* What a restart finds in the journal, after a disk that was full and a server whose data was put
 * back. */

enum { NOW_S = 1767323045 };

struct world {
    struct speaker speaker;
    struct config *config;
    struct clock_fake time;
    struct mitigation m;
    struct in_jobs in;
    char folder[64], file[96];
};

static void start(struct world *w)
{
    struct speaker *s = &w->speaker;
    *s = (struct speaker){.config = w->config, .clock = clock_of_fake(&w->time)};
    s->rib = rib_new(1000);
    struct desired_options options = {.rib = s->rib, .ops = judge_ops(s), .orphan_max_ms = 1000000};
    s->desired = desired_new(&options);
    cr_assert_not_null(s->desired);
    cr_assert_eq(store_open(s), STATUS_OK);
    w->in.speaker = s;
}

static void stop(struct world *w)
{
    store_close(&w->speaker);
    desired_free(w->speaker.desired);
    rib_free(w->speaker.rib);
}

static struct world *world_new(void)
{
    struct config_errors errors;
    char yaml[256];
    struct world *w = calloc(1, sizeof(*w));
    cr_assert_not_null(w);
    snprintf(w->folder, sizeof(w->folder), "/tmp/weir-store-XXXXXX");
    cr_assert_not_null(mkdtemp(w->folder));
    snprintf(w->file, sizeof(w->file), "%s/j", w->folder);
    snprintf(yaml, sizeof(yaml),
             "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500, journal: %s}\n", w->file);
    config_errors_init(&errors, "t.yaml");
    cr_assert_eq(config_parse(&w->config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    config_errors_done(&errors);
    w->time = (struct clock_fake){.mono_us = 1000000000, .wall_ms = NOW_S * UINT64_C(1000)};
    start(w);
    return w;
}

static void world_free(struct world *w)
{
    static const char *const names[] = {"", ".lock", ".new"};
    stop(w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", w->file, names[i]);
        (void)unlink(path);
    }
    cr_assert_eq(rmdir(w->folder), 0);
    config_free(w->config);
    free(w);
}

static void restart(struct world *w)
{
    stop(w);
    start(w);
}

/* No file of this process may pass this size: its disk is full. */
static void fill_disk(rlim_t size)
{
    struct rlimit limit = {.rlim_cur = size, .rlim_max = RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static struct hold hold_of(const char *scope, enum hold_source source)
{
    struct hold hold = {.source = (uint8_t)source, .since_ms = 1};
    cr_assert_eq(scope_parse(&hold.scope, scope), STATUS_OK);
    return hold;
}

static void set(struct world *w, const char *scope, enum hold_source source)
{
    struct hold hold = hold_of(scope, source);
    cr_assert_eq(holds_set(&w->speaker.holds, &hold), STATUS_OK);
    cr_assert_eq(store_put_hold(&w->speaker, &hold), STATUS_OK);
}

static bool has_hold(const struct world *w, const char *scope, enum hold_source source)
{
    struct hold hold = hold_of(scope, source);
    for (size_t i = 0; i < w->speaker.holds.count; i++) {
        const struct hold *item = &w->speaker.holds.items[i];
        if (item->source == source && scope_equal(&item->scope, &hold.scope))
            return true;
    }
    return false;
}

/* In the journal, and in memory too where is_known. */
static void put(struct world *w, const char *id, bool is_known)
{
    struct mitigation *m = &w->m;
    struct text pb;
    memset(m, 0, sizeof(*m));
    snprintf(m->id, sizeof(m->id), "%s", id);
    snprintf(m->method, sizeof(m->method), "meth");
    m->state = MITIGATION_ANNOUNCING;
    m->family = ADDR_IPV4;
    m->epoch = 5;
    m->revision = 1;
    m->created_ms = m->renewed_ms = speaker_time(&w->speaker).redis_ms;
    m->nlri_len = 4;
    memcpy(m->nlri, ((uint8_t[]){3, 1, 8, (uint8_t)id[2]}), 4);
    text_init(&pb, 0);
    cr_assert_eq(mitigation_encode(m, &pb), STATUS_OK);
    if (is_known)
        cr_assert_eq(desired_apply(w->speaker.desired, m, speaker_time(&w->speaker)), STATUS_OK);
    store_put_mitigation(&w->speaker, id, pb.at, pb.len);
    store_put_missing(&w->speaker, id, m->created_ms);
    text_done(&pb);
}

Test(store, what_ended_while_the_disk_was_full_is_over_after_it_was_caught_up_with)
{
    struct world *w = world_new();
    struct speaker *s = &w->speaker;
    struct hold ended = hold_of("peer:mx1", HOLD_SOCKET);
    set(w, "peer:mx1", HOLD_SOCKET);
    set(w, "peer:mx1", HOLD_STOPS);
    set(w, "family:ipv6", HOLD_STOPS);
    put(w, "m-1", true);
    put(w, "m-2", false);
    desired_set_missing(s->desired, "m-1", 0);
    fill_disk(1);
    cr_assert_neq(store_drop_holds(s, &ended.scope, 1), STATUS_OK);
    cr_assert(s->journal_failed);
    cr_assert_eq(holds_end(&s->holds, HOLD_SOCKET, &ended.scope, 1), 1);
    cr_assert_eq(holds_end(&s->holds, HOLD_STOPS, &ended.scope, 1), 1);
    uint64_t failures = s->journal_failures;
    store_catch_up(s);
    cr_assert_gt(s->journal_failures, failures, "it is full still");
    fill_disk(RLIM_INFINITY);
    failures = s->journal_failures;
    store_catch_up(s);
    cr_assert_eq(s->journal_failures, failures);
    store_caught_up(s);
    cr_assert_not(s->journal_failed);
    restart(w);
    cr_assert_eq(s->holds.count, 1);
    cr_assert(has_hold(w, "family:ipv6", HOLD_STOPS));
    cr_assert_not_null(desired_find(s->desired, "m-1"));
    cr_assert(desired_find(s->desired, "m-1")->missing);
    cr_assert_null(desired_find(s->desired, "m-2"), "nobody knew it any more");
    world_free(w);
}

Test(store, what_was_withdrawn_while_the_disk_was_full_is_not_announced_by_the_journal)
{
    struct world *w = world_new();
    struct speaker *s = &w->speaker;
    put(w, "m-1", true);
    put(w, "m-2", true);
    store_drop_missing(s, "m-1");
    w->m.state = MITIGATION_WITHDRAWN;
    w->m.revision = 2;
    snprintf(w->m.id, sizeof(w->m.id), "m-1");
    fill_disk(1);
    cr_assert_eq(desired_apply(s->desired, &w->m, speaker_time(s)), STATUS_OK);
    store_put_mitigation(s, "m-1", "?", 1);
    store_write_out(s);
    cr_assert(s->journal_failed);
    fill_disk(RLIM_INFINITY);
    /* Its hash has ended at the server as well, and that of m-2 was lost. */
    for (int i = 0; i < 2; i++)
        cr_assert_eq(in_desired_apply(&w->in, i == 0 ? "m-1" : "m-2", NULL, true),
                     STATUS_NOT_FOUND);
    store_catch_up(s);
    store_caught_up(s);
    restart(w);
    cr_assert_null(desired_find(s->desired, "m-1"));
    cr_assert_not_null(desired_find(s->desired, "m-2"));
    cr_assert(desired_find(s->desired, "m-2")->missing);
    world_free(w);
}

Test(store, of_what_the_state_server_has_again_nothing_says_that_it_is_missing)
{
    struct world *w = world_new();
    put(w, "m-1", true);
    cr_assert(journal_has(w->speaker.journal, "a:m-1"));
    store_put_state(&w->speaker);
    store_catch_up(&w->speaker);
    cr_assert_not(journal_has(w->speaker.journal, "a:m-1"));
    cr_assert(journal_has(w->speaker.journal, "m:m-1"));
    cr_assert(journal_has(w->speaker.journal, "state"));
    world_free(w);
}

static struct redis_reply text_reply(const char *text)
{
    return (struct redis_reply){
        .type = REDIS_STRING, .bytes = (char *)(uintptr_t)text, .len = strlen(text)};
}

static void withdraw_all(struct world *w, const char *scope, uint64_t age_ms)
{
    const struct redis_reply fields[] = {text_reply("verb"), text_reply("withdraw-all"),
                                         text_reply("scope"), text_reply(scope)};
    struct stream_entry entry = {.stream = STREAM_STOPS,
                                 .id = "1-1",
                                 .id_ms = speaker_time(&w->speaker).redis_ms - age_ms,
                                 .fields = fields,
                                 .field_count = sizeof(fields) / sizeof(fields[0])};
    in_stops_take(&w->in, &entry);
}

Test(store, a_withdraw_all_of_the_past_acts_only_where_it_stands_as_a_hold)
{
    struct world *w = world_new();
    struct hold standing = hold_of("peer:mx3", HOLD_REDIS);
    withdraw_all(w, "peer:mx1", 60000);
    cr_assert(has_hold(w, "peer:mx1", HOLD_STOPS), "a minute old is not too old");
    withdraw_all(w, "all", 60001);
    withdraw_all(w, "scope that nobody can read", 60001);
    cr_assert_not(has_hold(w, "all", HOLD_STOPS));
    cr_assert_eq(holds_set(&w->speaker.holds, &standing), STATUS_OK);
    withdraw_all(w, "peer:mx2", 3600000);
    withdraw_all(w, "peer:mx3", 3600000);
    cr_assert_not(has_hold(w, "peer:mx2", HOLD_STOPS));
    cr_assert(has_hold(w, "peer:mx3", HOLD_STOPS));
    restart(w);
    cr_assert_eq(w->speaker.holds.count, 2, "nor after a restart");
    world_free(w);
}
