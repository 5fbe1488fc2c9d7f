#include "aggregator/shard.h"

#include "common/base/hash.h"
#include "common/base/log.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SWEEP_EVERY_MS = 20, /* a bit of a walk */
    SWEEP_CYCLE_MS = 1000,
    SWEEP_TURNS = SWEEP_CYCLE_MS / SWEEP_EVERY_MS,
    SWEEP_LEAST = 256, /* keys a bit */
    TWIN_SHOWN_MS = 60000,
    LOG_EVERY_MS = 60000,
};

/* Sources of limited log lines. */
enum { SAY_TWIN = 1, SAY_MALFORMED, SAY_REFUSED, SAY_LOST };

struct shard {
    struct shard_options options;
    char name[NAME_MAX_LEN + 1];
    struct window *window;
    struct out_rollups *out;
    struct pace pace;
    struct shard_figures figures; /* what the window does not count itself */
    uv_timer_t publish, sweep;
    uint64_t newest_id_ms; /* of the stream: time is at least this */
    uint64_t swept_ms;     /* when the walk began that is under way */
    bool is_sweeping;
    bool is_replaying, is_closing;
    uint64_t twin_ms; /* mono, of the last batch of a second process; 0: none */
    struct log_limiter log_limiter;
    unsigned int timers_open;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static uint64_t mono_ms(const struct shard *s)
{
    return clock_mono_ms(&s->options.clock);
}

/* The telemetry server's time; 0 as long as nothing is known of it. */
static uint64_t server_ms(const struct shard *s)
{
    uint64_t now_ms = redis_now_ms(s->options.redis);
    return now_ms > s->newest_id_ms ? now_ms : s->newest_id_ms;
}

static bool may_say(struct shard *s, uint64_t source)
{
    uint64_t suppressed;
    return log_limiter_allow(&s->log_limiter, source, mono_ms(s), &suppressed);
}

/* --- out ---------------------------------------------------------------------------------------
 */

static void on_publish(uv_timer_t *timer);

static void publish(struct shard *s)
{
    struct rollup_tick tick;
    uint64_t now_ms = server_ms(s);
    if (s->is_replaying || s->is_closing || now_ms == 0)
        return;
    if (!out_rollups_is_ready(s->out)) {
        s->figures.superseded++;
        pace_ticked(&s->pace, mono_ms(s), s->pace.rows);
    } else if (window_tick(s->window, now_ms, &tick) == STATUS_OK) {
        s->figures.blinds = tick.blind_count;
        if (out_rollups_tick(s->out, &tick) == STATUS_OK) {
            s->figures.ticks++;
            s->figures.rows += tick.row_count;
            s->figures.truncated += tick.truncated;
        } else {
            s->figures.superseded++;
        }
        pace_ticked(&s->pace, mono_ms(s), tick.row_count);
    } else {
        s->figures.superseded++; /* out of memory: the next one may do */
        pace_ticked(&s->pace, mono_ms(s), s->pace.rows);
    }
}

/* Publishes if it is time, and comes back when it is again. */
static void pace(struct shard *s)
{
    if (s->is_replaying || s->is_closing)
        return;
    if (pace_wait_ms(&s->pace, mono_ms(s)) == 0)
        publish(s);
    uint64_t wait_ms = pace_wait_ms(&s->pace, mono_ms(s));
    (void)uv_timer_start(&s->publish, on_publish, wait_ms > 0 ? wait_ms : PACE_GAP_MS, 0);
}

static void on_publish(uv_timer_t *timer)
{
    pace(timer->data);
}

static void on_top(void *owner, uint64_t count_id, const struct top_item *items, size_t count)
{
    struct shard *s = owner;
    if (!s->is_replaying)
        out_rollups_top(s->out, count_id, items, count);
}

static void on_sweep(uv_timer_t *timer)
{
    struct shard *s = timer->data;
    uint64_t now_ms = server_ms(s);
    if (now_ms == 0 || s->is_replaying)
        return;
    if (!s->is_sweeping && mono_ms(s) < s->swept_ms + SWEEP_CYCLE_MS)
        return;
    if (!s->is_sweeping) {
        s->swept_ms = mono_ms(s);
        out_rollups_keep(s->out);
    }
    s->is_sweeping = window_sweep(
        s->window, now_ms, SWEEP_LEAST + 2 * window_keys(s->window) / SWEEP_TURNS, on_top, s);
}

static void on_refused(void *owner, const char *error)
{
    struct shard *s = owner;
    char value[300];
    if (may_say(s, SAY_REFUSED))
        log_error("telemetry redis refuses what we write", "shard=%s reason=%s", s->name,
                  log_value(value, sizeof(value), error));
}

/* --- in ----------------------------------------------------------------------------------------
 */

void shard_batch(struct shard *s, const struct delta_batch *batch, uint64_t id_ms, uint64_t age_ms)
{
    uint64_t now_ms = redis_now_ms(s->options.redis);
    char collector[2 * NAME_MAX_LEN];
    if (now_ms == 0)
        now_ms = id_ms; /* the other connection is not up yet, and this one's ids are time too */
    /* While the stream is read again after a start, what has no time must not all become of now. */
    bool has_no_time = s->is_replaying && window_is_future(id_ms, now_ms);
    enum window_verdict verdict = has_no_time
                                      ? window_skip(s->window, batch, now_ms)
                                      : window_merge(s->window, batch, id_ms, age_ms, now_ms);
    if (id_ms > s->newest_id_ms && id_ms <= now_ms)
        s->newest_id_ms = id_ms;
    if (verdict != WINDOW_TWIN)
        return;
    s->twin_ms = mono_ms(s);
    if (may_say(s, SAY_TWIN))
        log_error("two live collectors have one name, the older one is not counted",
                  "shard=%s collector=%s epoch=%llu", s->name,
                  log_value(collector, sizeof(collector), batch->collector),
                  (unsigned long long)batch->epoch);
}

void shard_malformed(struct shard *s, enum status why)
{
    s->figures.malformed++;
    if (may_say(s, SAY_MALFORMED))
        log_warn("a delta batch cannot be read", "shard=%s reason=\"%s\"", s->name,
                 status_text(why));
}

void shard_end(struct shard *s, bool caught_up)
{
    if (s->is_replaying && caught_up) {
        s->is_replaying = false;
        log_info("stream read to its end", "shard=%s batches=%llu keys=%zu", s->name,
                 (unsigned long long)window_stats(s->window)->batches, window_keys(s->window));
    }
    pace_input(&s->pace, window_has_hot(s->window));
    pace(s);
}

void shard_lost(struct shard *s)
{
    if (may_say(s, SAY_LOST))
        log_warn("entries of the delta stream are gone unread", "shard=%s", s->name);
    window_lost(s->window, server_ms(s));
}

void shard_pin(struct shard *s, const struct window_pin *pins, size_t count)
{
    window_pin(s->window, pins, count);
    pace_input(&s->pace, true);
    pace(s);
}

void shard_registered(struct shard *s, const char *collector, bool registered)
{
    window_registered(s->window, collector, registered, server_ms(s));
}

struct window *shard_window(struct shard *s)
{
    return s->window;
}

bool shard_is_replaying(const struct shard *s)
{
    return s->is_replaying;
}

bool shard_is_healthy(const struct shard *s, struct text *why)
{
    if (s->is_replaying)
        text_add_itemf(why, "shard %s is still read from its stream", s->name);
    bool twin = s->twin_ms != 0 && mono_ms(s) < s->twin_ms + TWIN_SHOWN_MS;
    if (twin)
        text_add_itemf(why, "shard %s: two live collectors have one name", s->name);
    return !s->is_replaying && !twin;
}

void shard_read(const struct shard *s, struct shard_figures *ret_figures)
{
    uint64_t now_ms = server_ms(s);
    *ret_figures = s->figures;
    ret_figures->stats = *window_stats(s->window);
    ret_figures->keys = window_keys(s->window);
    ret_figures->lag_ms = now_ms > 0 ? window_lag_ms(s->window, now_ms) : 0;
}

/* --- life --------------------------------------------------------------------------------------
 */

static void start_timers(struct shard *s, uv_loop_t *loop)
{
    (void)uv_timer_init(loop, &s->publish); /* cannot fail */
    (void)uv_timer_init(loop, &s->sweep);
    s->publish.data = s->sweep.data = s;
    s->timers_open = 2;
    (void)uv_timer_start(&s->sweep, on_sweep, SWEEP_EVERY_MS, SWEEP_EVERY_MS);
}

enum status shard_new(struct shard **ret_shard, uv_loop_t *loop,
                      const struct shard_options *options)
{
    struct shard *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return STATUS_NO_MEMORY;
    s->options = *options;
    s->is_replaying = true;
    (void)snprintf(s->name, sizeof(s->name), "%s", options->name);
    log_limiter_init(&s->log_limiter, LOG_EVERY_MS);
    const struct window_options window = {.shard = options->name,
                                          .aggregator = options->aggregator,
                                          .epoch = options->epoch,
                                          .slots = options->slots,
                                          .counts = options->counts->items,
                                          .count_count = options->counts->count,
                                          .quota = options->quota,
                                          .seed = hash_random_seed()};
    const struct out_rollups_options out = {.redis = options->redis,
                                            .prefix = options->prefix,
                                            .shard = options->name,
                                            .stream_bytes = options->stream_bytes,
                                            .on_refused = on_refused,
                                            .owner = s};
    enum status status = window_new(&s->window, &window);
    if (status == STATUS_OK)
        status = out_rollups_new(&s->out, &out);
    if (status != STATUS_OK) {
        shard_free(s);
        return status;
    }
    start_timers(s, loop);
    *ret_shard = s;
    return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct shard *s = handle->data;
    assert(s->timers_open > 0);
    if (--s->timers_open == 0)
        s->on_closed(s->closed_owner);
}

void shard_close(struct shard *s, void (*on_closed)(void *owner), void *owner)
{
    s->is_closing = true;
    s->on_closed = on_closed;
    s->closed_owner = owner;
    uv_close((uv_handle_t *)&s->publish, on_timer_closed);
    uv_close((uv_handle_t *)&s->sweep, on_timer_closed);
}

void shard_free(struct shard *s)
{
    if (s == NULL)
        return;
    out_rollups_free(s->out);
    window_free(s->window);
    free(s);
}
