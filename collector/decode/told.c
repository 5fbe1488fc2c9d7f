#include "collector/decode/told.h"

#include <assert.h>
#include <stdlib.h>

enum {
    WAYS = 8, /* places that a flow may have */
    FORGET_MS = 3600000,
    /* An update that belongs to a teardown comes with it; its id may be another flow's later. */
    BRIEF_MS = 5000
};

/* An exporter, while it is known. */
struct holder {
    uint32_t generation; /* grows when it is forgotten: its flows need not be walked over */
    uint32_t count;      /* of its flows, those that are old too */
    uint32_t next_free;
    uint8_t trust;
};

struct told {
    uint64_t set_count; /* of WAYS each */
    struct holder *holders;
    uint32_t free_first; /* a holder's number, from 1 on; 0: none */
    struct told_flow flows[];
};

_Static_assert(sizeof(struct told_flow) == 96, "docs/bounds.md says so");

struct told *told_new(const struct decode_limits *limits)
{
    size_t sets = ((size_t)limits->flow_totals + WAYS - 1) / WAYS;
    struct told *told = calloc(1, sizeof(*told) + sets * WAYS * sizeof(told->flows[0]));
    if (told == NULL)
        return NULL;
    told->set_count = sets;
    told->holders = calloc((size_t)limits->exporters + 1, sizeof(*told->holders));
    if (told->holders == NULL) {
        told_free(told);
        return NULL;
    }
    for (uint32_t i = limits->exporters; i > 0; i--) {
        told->holders[i].next_free = told->free_first;
        told->free_first = i;
    }
    return told;
}

void told_free(struct told *told)
{
    if (told == NULL)
        return;
    free(told->holders);
    free(told);
}

/* There are as many holders as there may be exporters. */
static struct holder *holder_of(struct told *told, struct decode_exporter *exporter)
{
    if (exporter->told_holder == 0) {
        assert(told->free_first != 0);
        exporter->told_holder = told->free_first;
        told->free_first = told->holders[told->free_first].next_free;
    }
    struct holder *holder = &told->holders[exporter->told_holder];
    holder->trust = exporter->trust;
    return holder;
}

void told_leave(struct told *told, struct decode_exporter *exporter)
{
    if (told == NULL || exporter->told_holder == 0)
        return;
    struct holder *holder = &told->holders[exporter->told_holder];
    holder->generation = (holder->generation + 1) & ((1U << 30) - 1);
    holder->count = 0;
    holder->next_free = told->free_first;
    told->free_first = exporter->told_holder;
    exporter->told_holder = 0;
}

static bool is_held(const struct told *told, const struct told_flow *flow)
{
    return flow->flow != 0 && told->holders[flow->holder].generation == flow->generation;
}

static bool is_old(const struct told_flow *flow, uint64_t now_ms)
{
    uint64_t keep_ms = flow->is_over && flow->is_brief ? BRIEF_MS : FORGET_MS;
    return now_ms - flow->came_ms > keep_ms;
}

/* The more it stands for, the sooner it goes. */
struct weight {
    bool may_go, is_over;
    uint8_t distrust;
    uint32_t count;
    uint64_t age_ms;
};

static struct weight weight_of(const struct told *told, const struct told_flow *flow,
                               const struct holder *newcomer, bool is_over, uint64_t now_ms)
{
    const struct holder *holder = &told->holders[flow->holder];
    return (struct weight){.may_go =
                               holder->trust <= newcomer->trust && (flow->is_over || !is_over),
                           .is_over = flow->is_over,
                           .distrust = (uint8_t)(DECODE_TRUSTS - holder->trust),
                           .count = holder->count,
                           .age_ms = now_ms - flow->came_ms};
}

static bool goes_before(const struct weight *a, const struct weight *b)
{
    if (a->is_over != b->is_over)
        return a->is_over;
    if (a->distrust != b->distrust)
        return a->distrust > b->distrust;
    if (a->count != b->count)
        return a->count > b->count;
    return a->age_ms > b->age_ms;
}

/* Of a full set, the one that makes room; NULL: none does. */
static struct told_flow *victim_of(const struct told *told, struct told_flow *set,
                                   const struct holder *newcomer, bool is_over, uint64_t now_ms)
{
    struct told_flow *victim = NULL;
    struct weight most = {0};
    for (size_t i = 0; i < WAYS; i++) {
        struct weight weight = weight_of(told, &set[i], newcomer, is_over, now_ms);
        if (weight.may_go && (victim == NULL || goes_before(&weight, &most))) {
            victim = &set[i];
            most = weight;
        }
    }
    return victim;
}

struct told_flow *told_enter(struct told *told, struct decode_exporter *exporter, uint64_t flow,
                             bool is_over, uint64_t now_ms, bool *ret_new, bool *ret_gone)
{
    struct holder *holder = holder_of(told, exporter);
    struct told_flow *set = &told->flows[((flow >> 32) * told->set_count >> 32) * WAYS];
    struct told_flow *place = NULL;

    *ret_new = *ret_gone = false;
    for (size_t i = 0; i < WAYS; i++) {
        bool counts = is_held(told, &set[i]) && !is_old(&set[i], now_ms);
        if (counts && set[i].flow == flow)
            return &set[i];
        if (!counts && place == NULL)
            place = &set[i];
    }
    if (place == NULL) {
        *ret_gone = true;
        place = victim_of(told, set, holder, is_over, now_ms);
    }
    if (place == NULL)
        return NULL;
    if (is_held(told, place))
        told->holders[place->holder].count--;
    holder->count++;
    *place = (struct told_flow){.flow = flow,
                                .holder = exporter->told_holder,
                                .generation = holder->generation & ((1U << 30) - 1)};
    *ret_new = true;
    return place;
}
