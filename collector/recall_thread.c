#include "collector/recall_thread.h"

#include "collector/in_recall.h"
#include "collector/out_recall.h"
#include "collector/recall/answer.h"
#include "common/base/hash.h"
#include "common/base/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEEP_EVERY_MS = 100,
    TELL_EVERY_MS = 1000,
    COPY_WAIT_MS = 15,  /* of the 40 that an answer may take */
    OUTPUT_WAIT_MS = 5, /* while Redis takes answers slowly */
};

struct recall_thread {
    struct recall_line *lines;
    struct recall_counters *told;
    struct recall_view *views; /* one a worker */
    uint32_t workers;
    struct clock clock;
    char collector[NAME_MAX_LEN + 1];
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t wake;       /* a worker has copied, or the end */
    uv_timer_t keep, wait; /* wait: for the workers' copies, or the next request's turn */
    struct redis *redis;
    struct in_recall *in;
    struct out_recall *out;
    struct recall_answer *answer;
    uint64_t told_ms;
    uint64_t of_ms; /* the moment that is answered for */
    bool is_asking, closing;
    atomic_bool stop_asked;
};

#define COUNTER(id, of_name, of_help)                                                              \
    static struct metric_family id = {                                                             \
        .name = "weir_collector_recall_" of_name, .help = of_help, .type = METRIC_COUNTER}
COUNTER(records, "records_total", "Records offered to recall: of our networks, and counted");
COUNTER(kept, "kept_total", "Of those, the ones that went into a chunk");
COUNTER(late_seals, "late_seals_total", "Times a chunk could not be sealed after its second");
COUNTER(lost_chunks, "lost_chunks_total", "Chunks that went early since answers held others");
COUNTER(open_missing, "open_missing_total",
        "Answers without the second being filled: its worker gave no copy of it in time");
static struct metric_family memory = {.name = "weir_collector_recall_memory_bytes",
                                      .help = "Memory set aside for recall, used or not yet",
                                      .type = METRIC_GAUGE};

void recall_thread_declare(void)
{
    static struct metric_family *const all[] = {&records,     &kept,         &late_seals,
                                                &lost_chunks, &open_missing, &memory};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
    in_recall_declare();
    out_recall_declare();
}

static uint64_t mono_ms(const struct recall_thread *t)
{
    return clock_mono_ms(&t->clock);
}

/* --- answers --- */

static bool keep_all(struct recall_thread *t)
{
    bool is_asked = false;
    for (uint32_t i = 0; i < t->workers; i++) {
        while (recall_keep(t->lines[i].recall))
            ;
        is_asked |= recall_is_asked(t->lines[i].recall);
    }
    return !is_asked;
}

static void answer(struct recall_thread *t, const struct recall_request *request, uint64_t came_ms)
{
    struct recall_plan plan = {0};
    for (uint32_t i = 0; i < t->workers; i++) {
        recall_view_take(t->lines[i].recall, &t->views[i]);
        recall_plan_add(&plan, t->answer, &t->views[i], request, t->of_ms);
    }
    for (uint32_t i = 0; i < t->workers; i++) {
        struct recall_reply reply;
        recall_answer(t->answer, &plan, &t->views[i], request, t->of_ms, &reply);
        recall_view_give(&t->views[i]);
        metric_add(metric_of(&open_missing), reply.open_missing ? 1 : 0);
        memcpy(reply.collector, t->collector, sizeof(reply.collector));
        reply.worker = i;
        reply.workers = t->workers;
        out_recall_send(t->out, &reply, mono_ms(t) - came_ms);
    }
}

static void on_next(uv_timer_t *timer);

/* One request, with what there is. The next has its own turn of the loop, so that chunks are taken
 * in time and answers leave, however many requests there are. */
static void answer_next(struct recall_thread *t)
{
    uint64_t came_ms;
    t->is_asking = false;
    const struct recall_request *request = in_recall_take(t->in, &came_ms);
    if (request != NULL)
        answer(t, request, came_ms);
    if (in_recall_waits(t->in))
        uv_timer_start(&t->wait, on_next, 0, 0);
}

static void on_copies_late(uv_timer_t *timer)
{
    struct recall_thread *t = timer->data;
    (void)keep_all(t);
    answer_next(t);
}

static void begin_next(struct recall_thread *t)
{
    if (redis_output_bytes(t->redis) > OUT_RECALL_BYTES / 2) {
        uv_timer_start(&t->wait, on_next, OUTPUT_WAIT_MS, 0);
        return;
    }
    uint64_t now_ms = mono_ms(t); /* the same for all, so that their copies are of one moment */
    for (uint32_t i = 0; i < t->workers; i++)
        t->of_ms = recall_line_ask(&t->lines[i], now_ms);
    t->is_asking = !keep_all(t);
    if (t->is_asking)
        uv_timer_start(&t->wait, on_copies_late, COPY_WAIT_MS, 0);
    else
        answer_next(t); /* of the last copies, which are young enough */
}

static void on_next(uv_timer_t *timer)
{
    begin_next(timer->data);
}

static void on_request(void *owner)
{
    struct recall_thread *t = owner;
    if (!uv_is_active((uv_handle_t *)&t->wait))
        begin_next(t); /* else it has its turn after those that wait */
}

/* --- ticks --- */

static void tell(struct recall_thread *t)
{
    uint64_t bytes = RECALL_SHARED_BYTES;
    for (uint32_t i = 0; i < t->workers; i++) {
        struct recall_counters now, *before = &t->told[i];
        recall_counters(t->lines[i].recall, &now);
        metric_add(metric_of(&records), now.records - before->records);
        metric_add(metric_of(&kept), now.kept - before->kept);
        metric_add(metric_of(&late_seals), now.late_seals - before->late_seals);
        metric_add(metric_of(&lost_chunks), now.lost_chunks - before->lost_chunks);
        bytes += now.memory_bytes;
        *before = now;
    }
    metric_set(metric_of(&memory), (double)bytes);
}

static void on_keep(uv_timer_t *timer)
{
    struct recall_thread *t = timer->data;
    (void)keep_all(t);
    if (mono_ms(t) - t->told_ms < TELL_EVERY_MS)
        return;
    t->told_ms = mono_ms(t);
    tell(t);
    if (redis_is_up(t->redis))
        out_recall_keep(t->out);
}

/* --- life --- */

static void on_redis_closed(void *owner)
{
    struct recall_thread *t = owner;
    t->redis = NULL;
}

static void on_in_closed(void *owner)
{
    (void)owner; /* the loop's end is what is waited for */
}

static void close_handles(struct recall_thread *t)
{
    if (t->closing)
        return;
    t->closing = true;
    for (uint32_t i = 0; i < t->workers; i++)
        recall_line_leave(&t->lines[i], &t->lines[i].keeper);
    uv_close((uv_handle_t *)&t->wake, NULL);
    uv_close((uv_handle_t *)&t->keep, NULL);
    uv_close((uv_handle_t *)&t->wait, NULL);
    if (t->in != NULL)
        in_recall_close(t->in, on_in_closed, t);
    if (t->redis != NULL)
        redis_close(t->redis, on_redis_closed, t);
}

static void on_wake(uv_async_t *wake)
{
    struct recall_thread *t = wake->data;
    if (atomic_load(&t->stop_asked))
        close_handles(t);
    else if (t->is_asking && keep_all(t)) {
        uv_timer_stop(&t->wait);
        answer_next(t);
    }
}

static void run(void *arg)
{
    struct recall_thread *t = arg;
    (void)pthread_setname_np(pthread_self(), "recall");
    uv_run(&t->loop, UV_RUN_DEFAULT);
}

static void thread_free(struct recall_thread *t)
{
    int left = uv_loop_close(&t->loop);
    assert(left == 0);
    in_recall_free(t->in);
    out_recall_free(t->out);
    recall_answer_free(t->answer);
    free(t->told);
    free(t->views);
    free(t);
}

static enum status open_redis(struct recall_thread *t, const struct recall_thread_options *options)
{
    const struct config *config = options->config;
    struct redis_options connection = {.name = config->redis.telemetry[0].name,
                                       .address = config->redis.telemetry[0].address,
                                       .user = options->credentials->user,
                                       .password = options->credentials->password,
                                       .output_max_bytes = OUT_RECALL_BYTES,
                                       .reply_max_bytes = IN_RECALL_REPLY_BYTES,
                                       .clock = options->clock};
    enum status status = redis_new(&t->redis, &t->loop, &connection);
    if (status == STATUS_OK)
        status = out_recall_new(&t->out, t->redis, config->redis.prefix);
    if (status == STATUS_OK)
        status = in_recall_new(&t->in, &t->loop,
                               &(struct in_recall_options){.connection = connection,
                                                           .prefix = config->redis.prefix,
                                                           .redis = t->redis,
                                                           .on_request = on_request,
                                                           .owner = t});
    if (status == STATUS_OK)
        redis_start(t->redis);
    return status;
}

static enum status thread_new(struct recall_thread **ret_thread,
                              const struct recall_thread_options *options)
{
    struct recall_thread *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return STATUS_NO_MEMORY;
    t->lines = options->lines;
    t->workers = options->workers;
    t->clock = options->clock;
    (void)snprintf(t->collector, sizeof(t->collector), "%s", options->config->collector.name);
    atomic_init(&t->stop_asked, false);
    if (uv_loop_init(&t->loop) != 0 || uv_async_init(&t->loop, &t->wake, on_wake) != 0) {
        free(t);
        return STATUS_IO; /* at start and for want of descriptors: the process ends */
    }
    uv_timer_init(&t->loop, &t->keep);
    uv_timer_init(&t->loop, &t->wait);
    t->wake.data = t->keep.data = t->wait.data = t;
    *ret_thread = t;
    return STATUS_OK;
}

enum status recall_thread_start(struct recall_thread **ret_thread,
                                const struct recall_thread_options *options)
{
    struct recall_thread *t;
    enum status status = thread_new(&t, options);
    if (status != STATUS_OK)
        return status;
    t->told = calloc(options->workers, sizeof(*t->told));
    t->views = calloc(options->workers, sizeof(*t->views));
    t->answer = recall_answer_new(hash_random_seed());
    bool made = t->told != NULL && t->views != NULL && t->answer != NULL;
    status = made ? open_redis(t, options) : STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < t->workers; i++)
        recall_line_join(&t->lines[i], &t->lines[i].keeper, &t->wake);
    uv_timer_start(&t->keep, on_keep, KEEP_EVERY_MS, KEEP_EVERY_MS);
    if (status == STATUS_OK && uv_thread_create(&t->thread, run, t) != 0)
        status = STATUS_IO;
    if (status != STATUS_OK) {
        close_handles(t);
        uv_run(&t->loop, UV_RUN_DEFAULT);
        thread_free(t);
        return status;
    }
    *ret_thread = t;
    return STATUS_OK;
}

void recall_thread_stop(struct recall_thread *thread)
{
    if (thread == NULL)
        return;
    atomic_store(&thread->stop_asked, true);
    uv_async_send(&thread->wake);
    uv_thread_join(&thread->thread);
    thread_free(thread);
}
