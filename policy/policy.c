#include "policy/policy_internal.h"

#include "common/redis/redis_metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP_MS = 50, LOG_EVERY_MS = 60000, FLUSH_LIMIT_MS = 1000, TURN_AT_START = 64 };

/* --- start --- */

/* Of either connection to state: who leads needs both. */
static void on_state_up(void *owner)
{
    struct policy *p = owner;
    if (redis_is_up(p->state) && redis_is_up(p->lease_redis))
        lease_on_redis_up(&p->lease);
}

static void on_state_down(void *owner, enum status why)
{
    struct policy *p = owner;
    (void)why;
    lease_on_redis_down(&p->lease);
}

static void on_step(uv_timer_t *timer)
{
    acting_on_time(timer->data);
}

static void on_twin(void *owner, const char *epoch)
{
    struct telemetry *t = owner;
    uint64_t suppressed = 0;
    if (log_limiter_allow(&t->log_limiter, UINT64_MAX, clock_mono_ms(&t->policy->clock),
                          &suppressed))
        log_error("another live policy has our name: each needs its own policy.name",
                  "name=%s its_epoch=%s", t->policy->config->policy.name, epoch);
}

static enum status start_state(struct policy *p)
{
    const struct config *c = p->config;
    struct redis_options options = links_options(p, "state", c->redis.state.address);
    options.on_up = on_state_up;
    options.on_down = on_state_down;
    options.owner = p;
    options.name = "state-lease";
    enum status status = redis_new(&p->lease_redis, p->loop, &options);
    if (status != STATUS_OK)
        return status;
    options.name = "state";
    options.commands_max = COMMANDS_MAX;
    options.output_max_bytes = OUTPUT_MAX_BYTES;
    options.timeout_ms = STATE_TIMEOUT_MS;
    status = redis_new(&p->state, p->loop, &options);
    if (status != STATUS_OK)
        return status;
    struct lease_options lease = {.loop = p->loop,
                                  .redis = p->lease_redis,
                                  .other = p->state,
                                  .prefix = c->redis.prefix,
                                  .name = c->policy.name,
                                  .lease_ms = c->policy.lease_ms,
                                  .clock = p->clock,
                                  .on_lead = acting_on_lead,
                                  .on_lost = acting_on_lost,
                                  .on_emptied = acting_on_emptied,
                                  .owner = p};
    status = lease_start(&p->lease, &lease);
    if (status == STATUS_OK) {
        redis_start(p->lease_redis);
        redis_start(p->state);
    }
    return status;
}

static enum status start_telemetry(struct policy *p)
{
    const struct config *c = p->config;
    for (size_t i = 0; i < c->redis.telemetry_count && i < TELEMETRY_MAX; i++) {
        struct telemetry *t = &p->telemetry[i];
        struct redis_options options =
            links_options(p, c->redis.telemetry[i].name, c->redis.telemetry[i].address);
        t->policy = p;
        p->telemetry_count++;
        log_limiter_init(&t->log_limiter, LOG_EVERY_MS);
        enum status status = redis_new(&t->redis, p->loop, &options);
        if (status != STATUS_OK)
            return status;
        redis_start(t->redis);
        struct registry_options registry = {.redis = t->redis,
                                            .prefix = c->redis.prefix,
                                            .kind = "policy",
                                            .name = c->policy.name,
                                            .config_hash = c->hash,
                                            .version = weir_version(),
                                            .epoch = p->boot_ms,
                                            .clock = p->clock,
                                            .on_twin = on_twin,
                                            .owner = t};
        status = registry_start(&t->registry, p->loop, &registry);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static struct model *make_model(const struct config *config)
{
    struct config_errors errors;
    config_errors_init(&errors, config->file);
    struct model *model = model_new(config, &errors);
    if (model == NULL)
        log_error("the configuration cannot be computed with", "errors=%zu", errors.count);
    config_errors_done(&errors);
    return model;
}

static bool read_credentials(struct policy *p)
{
    struct text why;
    text_init(&why, 0);
    bool ok = credentials_read(&p->credentials, p->config, "policy", &why) == STATUS_OK;
    if (!ok) {
        char value[600];
        log_error("no password for Redis", "reason=%s",
                  log_value(value, sizeof(value), text_str(&why)));
    }
    text_done(&why);
    return ok;
}

static enum status start(void *self, struct process *process)
{
    struct policy *p = self;
    p->process = process;
    p->loop = process_loop(process);
    p->config = process_config(process);
    p->clock = process_clock(process);
    p->boot_ms = clock_wall_ms(&p->clock);
    p->model = make_model(p->config);
    if (p->model == NULL || !read_credentials(p))
        return STATUS_REFUSED;
    p->turn = TURN_AT_START;
    log_limiter_init(&p->log_limiter, LOG_EVERY_MS);
    enum status status = start_state(p);
    if (status == STATUS_OK)
        status = start_telemetry(p);
    if (status == STATUS_OK)
        status = in_requests_start(p);
    if (status == STATUS_OK)
        status = in_rollups_start(p);
    if (status != STATUS_OK) {
        log_error("cannot start", "reason=\"%s\"", status_text(status));
        return status;
    }
    (void)uv_timer_init(p->loop, &p->timer); /* cannot fail */
    p->timer.data = p;
    (void)uv_timer_start(&p->timer, on_step, STEP_MS, STEP_MS);
    return STATUS_OK;
}

/* --- reload --- */

static void reload(void *self, const struct config *config)
{
    struct policy *p = self;
    struct model *model = make_model(config), *old = p->model;
    p->config = config;
    if (model == NULL) {
        /* The old configuration goes away now, and there is nothing to decide with. */
        process_fail(p->process, "out of memory for the new configuration");
        return;
    }
    p->model = model;
    p->lease.options.lease_ms = config->policy.lease_ms;
    if (p->engine != NULL) {
        engine_set_model(p->engine, model, gate_now(p));
        gate_settle(p);
    }
    model_free(old);
    for (size_t i = 0; i < p->telemetry_count; i++)
        registry_set_config(p->telemetry[i].registry, config->hash);
}

/* --- end: what reads and decides, then the connections, then the process --- */

static void on_flushed(void *owner, enum status status, const struct redis_reply *reply)
{
    (void)status;
    (void)reply;
    links_close(owner);
}

static void on_flush_limit(uv_timer_t *timer)
{
    links_close(timer->data);
}

static void stop(void *self)
{
    struct policy *p = self;
    p->is_stopping = true;
    acting_on_lost(p, "stopping");
    (void)uv_timer_start(&p->timer, on_flush_limit, FLUSH_LIMIT_MS, 0);
    if (redis_commandf(p->state, on_flushed, p, "PING") != STATUS_OK)
        links_close(p);
}

/* --- hooks --- */

static bool healthy(void *self, struct text *why)
{
    struct policy *p = self;
    if (!redis_is_up(p->state))
        text_add(why, "state Redis is away");
    else if (!lease_is_held(&p->lease))
        text_add(why, "nobody leads");
    else if (lease_is_valid(&p->lease) && !gate_is_open(p))
        text_add(why, "leads, and does not know yet what stands");
    else
        return true;
    return false;
}

struct policy *policy_new(void)
{
    return calloc(1, sizeof(struct policy));
}

static void declare_metrics(void)
{
    policy_metrics_declare();
    redis_metrics_declare();
}

struct process_hooks policy_hooks(struct policy *policy)
{
    return (struct process_hooks){.kind = "policy",
                                  .check = model_check,
                                  .declare_metrics = declare_metrics,
                                  .start = start,
                                  .reload = reload,
                                  .stop = stop,
                                  .healthy = healthy,
                                  .self = policy};
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    engine_free(policy->engine);
    model_free(policy->model);
    credentials_done(&policy->credentials);
    free(policy);
}
