#ifndef POLICY_ENGINE_WATCH_H
#define POLICY_ENGINE_WATCH_H

#include "common/base/table.h"
#include "proto/alarm.h"
#include "proto/rollup.h"

/*
 * What can be seen: which shards have a fresh tick, and which exporters are still heard. Silence is
 * not peace, so alarms ask here before they clear. Time comes in as a parameter, monotonic.
 */
enum {
    WATCH_SHARDS_MAX = 64,
    WATCH_EXPORTERS_MAX = ROLLUP_EXPORTERS_MAX,
    WATCH_TICK_MAX_AGE_MS = 2000,
    WATCH_SILENT_MIN_MS = 5000
};

struct watch_shard {
    char name[NAME_MAX_LEN + 1];
    uint64_t last_tick_ms; /* 0: none yet */
    bool blind;            /* as its last tick said */
};

struct watch {
    struct watch_shard shards[WATCH_SHARDS_MAX];
    size_t shard_count;
    struct table *exporters;
    uint64_t started_ms; /* when we began to look; 0: not yet */
    uint64_t others_ms;  /* when the silent ones were counted last */
    uint32_t others_silent_permille;
    uint64_t swept_ms; /* when a full table was last walked for what is silent */
};

enum status watch_init(struct watch *watch, uint64_t seed);
void watch_done(struct watch *watch);
void watch_add_shard(struct watch *watch, const char *name);

/* Takes the tick's flags and how long ago each exporter was heard. */
void watch_tick(struct watch *watch, const struct rollup_tick *tick, uint64_t now_ms);

/* The first call says when we began to look: who has just started has heard of nothing, and that is
 * not the shards' silence. */
void watch_begin(struct watch *watch, uint64_t now_ms);

enum watch_sight {
    WATCH_SEEN,
    WATCH_NOT_YET, /* no tick so far, and we have looked for less than 2 s */
    WATCH_BLIND    /* no tick for 2 s, or the last one said so, or an unknown shard */
};
enum watch_sight watch_shard(const struct watch *watch, const char *shard, uint64_t now_ms);

/* How long the exporter has been silent, and its usual gap between datagrams; false: never heard
 * of. */
bool watch_exporter(const struct watch *watch, const struct ip_addr *exporter, uint64_t now_ms,
                    uint64_t *ret_silent_ms, uint64_t *ret_gap_ms);

/* Whether a fifth of the rate or more comes from exporters in whose sequence two senders take
 * turns, one of whom may be forged; the first of them. */
bool watch_contributors_doubtful(const struct watch *watch, const struct alarm *alarm,
                                 uint64_t now_ms, struct ip_addr *ret_first);

typedef uint64_t (*watch_timeout)(const void *owner, const struct ip_addr *exporter);

/*
 * Whether contributors of a fifth of the rate or more are silent for longer than max(5 s, 3 × their
 * usual gap, their active timeout). What came from exporters of small shares, which are not named,
 * is taken as spread evenly over all that are heard: an alarm fed by thirty routers has no
 * contributor at all. timeout_ms gives an exporter's active timeout, the same one for all alarms.
 */
bool watch_contributors_silent(struct watch *watch, const struct alarm *alarm, uint64_t now_ms,
                               watch_timeout timeout_ms, const void *owner);

#endif
