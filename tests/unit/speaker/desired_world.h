#ifndef TESTS_UNIT_SPEAKER_DESIRED_WORLD_H
#define TESTS_UNIT_SPEAKER_DESIRED_WORLD_H

#include "speaker/bgp/rib_out.h"
#include "speaker/desired.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Two peers whose sessions are always up and take everything at once, and a list of what was said.
 */
enum { PEERS = 2 };

/* The peer takes the rule of this id as `count` parts: the rules `first`, `first` + 1 … */
struct world_split {
    char id[ID_TEXT_MAX];
    uint8_t first, count, action;
};

struct world {
    struct rib *rib;
    struct rib_out out[PEERS];
    bool down[PEERS];
    struct desired *desired;
    struct desired_time now;
    char refuse[ID_TEXT_MAX]; /* the judge says no to this id */
    char hold[ID_TEXT_MAX];   /* and this one is held */
    struct world_split splits[PEERS];
    bool deaf;            /* no report finds room */
    size_t judged;        /* how often the judge was asked */
    char why[REASON_MAX]; /* of the last report */
    char log[4096];       /* "m-1@p0:sent m-1@p0:withdrawn …" */
    char ended[256], forgotten[256];
    struct mitigation m; /* scratch; it is large */
};

static inline enum result_kind judge(void *owner, const struct standing *s, size_t peer,
                                     struct desired_parts *ret_parts, char why[REASON_MAX])
{
    struct world *w = owner;
    w->judged++;
    if (s->dry_run)
        return RESULT_DRY_RUN;
    if (strcmp(s->id, w->refuse) == 0) {
        snprintf(why, REASON_MAX, "no");
        return RESULT_REFUSED;
    }
    const struct world_split *split = &w->splits[peer < PEERS ? peer : 0];
    bool is_split = split->count > 0 && strcmp(s->id, split->id) == 0;
    for (uint8_t i = 0; is_split && i < split->count; i++) {
        uint8_t nlri[4] = {3, 1, 8, (uint8_t)(split->first + i)};
        uint8_t community[1][COMMUNITY_LEN] = {{0x80, 0, 0, 0, 0, 0, split->action, 77}};
        struct communities communities = {.at = (const uint8_t(*)[COMMUNITY_LEN])community,
                                          .count = 1};
        cr_assert_eq(rib_hold_nlri(w->rib, BGP_FLOW4, nlri, 4, &ret_parts->at[i].nlri), STATUS_OK);
        cr_assert_eq(rib_hold_attributes(w->rib, &communities, &ret_parts->at[i].attributes),
                     STATUS_OK);
        ret_parts->count++;
    }
    return RESULT_SENT;
}

static inline const char *held(void *owner, const struct standing *s, size_t peer)
{
    struct world *w = owner;
    (void)peer;
    return strcmp(s->id, w->hold) == 0 || strcmp(w->hold, "all") == 0 ? "stop" : NULL;
}

static inline const char *down(void *owner, size_t peer)
{
    struct world *w = owner;
    return peer < PEERS && w->down[peer] ? "down" : NULL;
}

static inline size_t room(void *owner, size_t peer)
{
    struct world *w = owner;
    return peer < PEERS ? rib_out_room(&w->out[peer]) : 0;
}

static inline enum status want(void *owner, size_t peer, uint32_t nlri, uint32_t attributes)
{
    struct world *w = owner;
    return peer < PEERS ? rib_out_want(&w->out[peer], nlri, attributes) : STATUS_OK;
}

static inline uint32_t announced(void *owner, size_t peer, uint32_t nlri)
{
    struct world *w = owner;
    return peer < PEERS ? rib_out_announced(&w->out[peer], nlri) : 0;
}

static inline bool report(void *owner, const struct standing *s, size_t peer, enum result_kind kind,
                          const char *why)
{
    struct world *w = owner;
    size_t len = strlen(w->log);
    if (w->deaf)
        return false;
    snprintf(w->log + len, sizeof(w->log) - len, "%s@p%zu:%s ", s->id, peer,
             result_kind_name(kind));
    cr_assert_not_null(why);
    snprintf(w->why, sizeof(w->why), "%s", why);
    return true;
}

static inline void ended(void *owner, const struct standing *s)
{
    struct world *w = owner;
    size_t len = strlen(w->ended);
    snprintf(w->ended + len, sizeof(w->ended) - len, "%s:%d ", s->id, s->end);
}

static inline void forgotten(void *owner, const char *id)
{
    struct world *w = owner;
    size_t len = strlen(w->forgotten);
    snprintf(w->forgotten + len, sizeof(w->forgotten) - len, "%s ", id);
}

enum { ORPHAN_MAX_MS = 4 * 3600 * 1000 };

static inline struct world *world_new(void)
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
        .ops = {judge, held, down, room, want, announced, report, ended, forgotten, w},
        .orphan_max_ms = ORPHAN_MAX_MS,
    };
    w->desired = desired_new(&options);
    desired_set_contact(w->desired, w->now.now_ms);
    desired_set_peers(w->desired, names);
    return w;
}

static inline void world_free(struct world *w)
{
    desired_free(w->desired);
    for (size_t p = 0; p < PEERS; p++)
        rib_out_done(&w->out[p]);
    cr_assert_eq(rib_nlri_count(w->rib), 0, "a route is still held");
    rib_free(w->rib);
    free(w);
}

/* Lets every message go out and tells so. */
static inline void flush(struct world *w)
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
            rib_out_batch_done(&w->out[p], &batch);
        }
    }
}

static inline struct mitigation *mitigation(struct world *w, const char *id, uint8_t rule,
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

static inline void apply(struct world *w, const struct mitigation *m, enum status want_status)
{
    cr_assert_eq(desired_apply(w->desired, m, w->now), want_status);
    flush(w);
}

static inline void expect_log(struct world *w, const char *want_log)
{
    cr_assert_str_eq(w->log, want_log);
    w->log[0] = '\0';
}

static inline size_t routes(struct world *w, size_t peer)
{
    return w->out[peer].announced[BGP_FLOW4] + w->out[peer].announced[BGP_FLOW6];
}

static inline void pass(struct world *w, int64_t ms, bool contact)
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

#endif
