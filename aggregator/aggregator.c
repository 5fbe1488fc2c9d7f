#include "aggregator/aggregator.h"

#include "aggregator/metrics.h"
#include "aggregator/plant.h"
#include "common/base/log.h"
#include "common/redis/redis_metrics.h"
#include "common/service/process.h"

enum { METRICS_EVERY_MS = 500 };

struct aggregator {
    struct process *process;
    struct plant *plant; /* NULL: none, or one is closing */
    uint64_t print;      /* of the configuration that it was made of */
    uint64_t epoch;      /* of the last plant */
    bool is_stopping, is_closing;
    struct aggregator_metrics metrics;
    uv_timer_t timer;
};

static enum status make_plant(struct aggregator *a)
{
    const struct config *config = process_config(a->process);
    struct clock clock = process_clock(a->process);
    uint64_t now_ms = clock_wall_ms(&clock);
    /* A new one has a new epoch, as its ticks count from one again. */
    a->epoch = now_ms > a->epoch ? now_ms : a->epoch + 1;
    const struct plant_options options = {.config = config, .epoch = a->epoch, .clock = clock};
    enum status status = plant_print(&a->print, config);
    if (status == STATUS_OK)
        status = plant_new(&a->plant, process_loop(a->process), &options);
    if (status != STATUS_OK)
        log_error("cannot start", "reason=\"%s\"", status_text(status));
    else if (plant_shard_count(a->plant) == 0)
        log_warn("no shard of the configuration names us, there is nothing to do", "name=%s",
                 config->aggregator.name);
    return status;
}

static void on_timer(uv_timer_t *timer)
{
    struct aggregator *a = timer->data;
    if (a->plant != NULL)
        aggregator_metrics_update(&a->metrics, a->plant);
}

static enum status start(void *self, struct process *process)
{
    struct aggregator *a = self;
    a->process = process;
    enum status status = make_plant(a);
    if (status != STATUS_OK)
        return status;
    (void)uv_timer_init(process_loop(process), &a->timer); /* cannot fail */
    a->timer.data = a;
    (void)uv_timer_start(&a->timer, on_timer, METRICS_EVERY_MS, METRICS_EVERY_MS);
    return STATUS_OK;
}

static void on_plant_closed(void *owner)
{
    struct aggregator *a = owner;
    a->is_closing = false;
    if (a->is_stopping)
        process_stopped(a->process);
    else if (make_plant(a) != STATUS_OK)
        process_fail(a->process, "the new configuration cannot be started");
}

static void close_plant(struct aggregator *a)
{
    struct plant *plant = a->plant;
    if (plant == NULL) {
        if (!a->is_closing)
            process_stopped(a->process);
        return;
    }
    aggregator_metrics_update(&a->metrics, plant);
    aggregator_metrics_update(&a->metrics, NULL);
    a->plant = NULL;
    a->is_closing = true;
    plant_close(plant, on_plant_closed, a);
}

static void reload(void *self, const struct config *config)
{
    struct aggregator *a = self;
    uint64_t print = 0;
    if (a->plant == NULL)
        return; /* one is closing, and the next takes this configuration */
    if (plant_print(&print, config) == STATUS_OK && print == a->print) {
        plant_set_config(a->plant, config->hash);
        return;
    }
    log_info("counts or shards changed, reading the streams again", "");
    close_plant(a);
}

static void stop(void *self)
{
    struct aggregator *a = self;
    a->is_stopping = true;
    uv_close((uv_handle_t *)&a->timer, NULL);
    close_plant(a);
}

static bool healthy(void *self, struct text *why)
{
    struct aggregator *a = self;
    if (a->plant != NULL)
        return plant_is_healthy(a->plant, why);
    text_add(why, "taking a new configuration");
    return false;
}

static void declare_metrics(void)
{
    aggregator_metrics_declare();
    redis_metrics_declare();
}

int aggregator_run(int argc, char **argv)
{
    static struct aggregator aggregator;
    const struct process_hooks hooks = {.kind = "aggregator",
                                        .check = model_check,
                                        .declare_metrics = declare_metrics,
                                        .start = start,
                                        .reload = reload,
                                        .stop = stop,
                                        .healthy = healthy,
                                        .self = &aggregator};
    return process_run(argc, argv, &hooks);
}
