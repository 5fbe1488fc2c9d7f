#include "policy/engine/watch.h"

#include <stdio.h>
#include <string.h>

enum {
    SILENT_SHARE_PERMILLE = 200,
    DOUBTFUL_SHARE_PERMILLE = 200,
    TWO_SENDERS_MS = 5000, /* ticks come once a second at least */
    /* The same datagram comes with the ticks of several shards, each with its own small delay. */
    JITTER_MS = 100,
    SWEEP_EVERY_MS = 1000, /* a full table is walked no more often */
    /* Who has been silent for this long is not expected any more. */
    FORGET_MS = 600000,
    NOBODY_MS = 60000, /* as long as an exporter's usual active timeout: nobody is heard at all */
};

struct heard {
    uint64_t last_ms;        /* monotonic: when its last datagram reached a collector */
    uint64_t gap_ms;         /* moving average of the gaps between what was heard */
    uint64_t two_senders_ms; /* a tick said last that it has them; 0: none did */
};

enum status watch_init(struct watch *watch, uint64_t seed)
{
    memset(watch, 0, sizeof(*watch));
    struct table_options options = {.entry_size = sizeof(struct heard),
                                    .key_max = sizeof(struct ip_addr),
                                    .max = WATCH_EXPORTERS_MAX,
                                    .seed = seed};
    watch->exporters = table_new(&options);
    return watch->exporters != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void watch_done(struct watch *watch)
{
    table_free(watch->exporters);
    watch->exporters = NULL;
}

static struct watch_shard *find_shard(const struct watch *watch, const char *name)
{
    for (size_t i = 0; i < watch->shard_count; i++) {
        if (strcmp(watch->shards[i].name, name) == 0)
            return (struct watch_shard *)(uintptr_t)&watch->shards[i];
    }
    return NULL;
}

void watch_add_shard(struct watch *watch, const char *name)
{
    if (find_shard(watch, name) != NULL || watch->shard_count == WATCH_SHARDS_MAX)
        return;
    struct watch_shard *shard = &watch->shards[watch->shard_count++];
    (void)snprintf(shard->name, sizeof(shard->name), "%s", name);
}

void watch_begin(struct watch *watch, uint64_t now_ms)
{
    if (watch->started_ms == 0)
        watch->started_ms = now_ms;
}

/* The table is full: the half of the time span that was silent for longest gives its places. */
static void sweep(struct watch *watch, uint64_t now_ms)
{
    uint64_t oldest_ms = now_ms;
    size_t cursor = 0;
    if (watch->swept_ms != 0 && now_ms - watch->swept_ms < SWEEP_EVERY_MS)
        return;
    watch->swept_ms = now_ms;
    for (const struct heard *h = table_next(watch->exporters, &cursor); h != NULL;
         h = table_next(watch->exporters, &cursor))
        oldest_ms = h->last_ms < oldest_ms ? h->last_ms : oldest_ms;
    uint64_t until_ms = oldest_ms + (now_ms - oldest_ms) / 2;
    cursor = 0;
    for (struct heard *h = table_next(watch->exporters, &cursor); h != NULL;
         h = table_next(watch->exporters, &cursor)) {
        if (h->last_ms <= until_ms)
            table_remove_entry(watch->exporters, h);
    }
}

static void hear(struct watch *watch, const struct rollup_exporter *from, uint64_t heard_ms,
                 uint64_t now_ms)
{
    const struct ip_addr *exporter = &from->addr;
    bool is_new = false;
    if (table_count(watch->exporters) == WATCH_EXPORTERS_MAX &&
        table_find(watch->exporters, exporter, sizeof(*exporter)) == NULL)
        sweep(watch, now_ms);
    struct heard *h = table_insert(watch->exporters, exporter, sizeof(*exporter), &is_new);
    if (h == NULL)
        return;
    if (from->two_senders)
        h->two_senders_ms = now_ms;
    if (is_new) {
        h->last_ms = heard_ms;
    } else if (heard_ms > h->last_ms && heard_ms - h->last_ms > JITTER_MS) {
        uint64_t gap_ms = heard_ms - h->last_ms;
        h->gap_ms = h->gap_ms == 0 ? gap_ms : (h->gap_ms * 7 + gap_ms) / 8;
        h->last_ms = heard_ms;
    }
}

void watch_tick(struct watch *watch, const struct rollup_tick *tick, uint64_t now_ms)
{
    watch_begin(watch, now_ms);
    struct watch_shard *shard = find_shard(watch, tick->shard);
    if (shard != NULL) {
        shard->last_tick_ms = now_ms;
        shard->blind = tick->blind;
    }
    for (size_t i = 0; i < tick->exporter_count; i++) {
        uint64_t age_ms = tick->exporters[i].heard_age_ms;
        hear(watch, &tick->exporters[i], age_ms < now_ms ? now_ms - age_ms : 0, now_ms);
    }
}

enum watch_sight watch_shard(const struct watch *watch, const char *name, uint64_t now_ms)
{
    const struct watch_shard *shard = find_shard(watch, name);
    if (shard == NULL || shard->blind)
        return WATCH_BLIND;
    bool is_heard = shard->last_tick_ms != 0;
    uint64_t since_ms = is_heard ? shard->last_tick_ms : watch->started_ms;
    if (now_ms - since_ms > WATCH_TICK_MAX_AGE_MS)
        return WATCH_BLIND;
    return is_heard ? WATCH_SEEN : WATCH_NOT_YET;
}

bool watch_exporter(const struct watch *watch, const struct ip_addr *exporter, uint64_t now_ms,
                    uint64_t *ret_silent_ms, uint64_t *ret_gap_ms)
{
    const struct heard *h = table_find(watch->exporters, exporter, sizeof(*exporter));
    if (h == NULL)
        return false;
    *ret_silent_ms = now_ms > h->last_ms ? now_ms - h->last_ms : 0;
    *ret_gap_ms = h->gap_ms;
    return true;
}

static bool is_silent(uint64_t silent_ms, uint64_t gap_ms, uint64_t allowed_ms)
{
    allowed_ms = allowed_ms > 3 * gap_ms ? allowed_ms : 3 * gap_ms;
    return silent_ms > (allowed_ms > WATCH_SILENT_MIN_MS ? allowed_ms : WATCH_SILENT_MIN_MS);
}

/* How many of those that were heard of late are silent, in permille; walked once a turn. */
static uint32_t others_silent(struct watch *watch, uint64_t now_ms, watch_timeout timeout_ms,
                              const void *owner)
{
    size_t cursor = 0, known = 0, silent = 0;
    if (watch->others_ms == now_ms)
        return watch->others_silent_permille;
    for (const struct heard *h = table_next(watch->exporters, &cursor); h != NULL;
         h = table_next(watch->exporters, &cursor)) {
        struct ip_addr exporter;
        size_t len = 0;
        uint64_t silent_ms = now_ms > h->last_ms ? now_ms - h->last_ms : 0;
        if (silent_ms > FORGET_MS)
            continue;
        memcpy(&exporter, table_key(h, &len), sizeof(exporter));
        known++;
        silent += is_silent(silent_ms, h->gap_ms, timeout_ms(owner, &exporter));
    }
    watch->others_ms = now_ms;
    watch->others_silent_permille = known != 0
                                        ? (uint32_t)(silent * 1000 / known)
                                        : (now_ms - watch->started_ms > NOBODY_MS ? 1000 : 0);
    return watch->others_silent_permille;
}

bool watch_contributors_silent(struct watch *watch, const struct alarm *alarm, uint64_t now_ms,
                               watch_timeout timeout_ms, const void *owner)
{
    uint32_t silent_permille = 0, rest_permille = 1000;
    for (size_t i = 0; i < alarm->contributor_count; i++) {
        const struct alarm_contributor *c = &alarm->contributors[i];
        uint64_t silent_ms = 0, gap_ms = 0;
        if (!watch_exporter(watch, &c->exporter, now_ms, &silent_ms, &gap_ms))
            silent_ms = now_ms - watch->started_ms;
        gap_ms = gap_ms > c->usual_gap_ms ? gap_ms : c->usual_gap_ms;
        if (is_silent(silent_ms, gap_ms, timeout_ms(owner, &c->exporter)))
            silent_permille += c->share_permille;
        rest_permille -= c->share_permille < rest_permille ? c->share_permille : rest_permille;
    }
    if (silent_permille < SILENT_SHARE_PERMILLE &&
        silent_permille + rest_permille >= SILENT_SHARE_PERMILLE)
        silent_permille += rest_permille * others_silent(watch, now_ms, timeout_ms, owner) / 1000;
    return silent_permille >= SILENT_SHARE_PERMILLE;
}

bool watch_contributors_doubtful(const struct watch *watch, const struct alarm *alarm,
                                 uint64_t now_ms, struct ip_addr *ret_first)
{
    uint32_t permille = 0;
    for (size_t i = 0; i < alarm->contributor_count; i++) {
        const struct alarm_contributor *c = &alarm->contributors[i];
        const struct heard *h = table_find(watch->exporters, &c->exporter, sizeof(c->exporter));
        if (h == NULL || h->two_senders_ms == 0 || now_ms - h->two_senders_ms > TWO_SENDERS_MS)
            continue;
        if (permille == 0)
            *ret_first = c->exporter;
        permille += c->share_permille;
    }
    return permille >= DOUBTFUL_SHARE_PERMILLE;
}
