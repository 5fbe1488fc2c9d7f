#include "common/redis/registry.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum {
    BEAT_MS = 2000,
    RETRY_MS = 100,
    EXTRAS_MAX = 16,
    NUMBER_MAX = 24,
    FIELDS_MAX = 7 + EXTRAS_MAX
};

struct extra {
    char *field, *value;
};

struct registry {
    struct registry_options options;
    char *kind, *name, *config_hash, *version; /* ours */
    char key[KEY_NAME_MAX], epoch[NUMBER_MAX], started[CLOCK_TEXT_MAX], pid[NUMBER_MAX];
    struct extra extras[EXTRAS_MAX];
    size_t extra_count;
    uv_timer_t timer;
    bool written;         /* the key was ours once, so another epoch in it is a twin */
    bool twin;            /* one was seen: the key is not ours to remove */
    unsigned int awaited; /* answers that still come */
    bool is_closing, timer_closed;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

/* --- the end --- */

static void free_registry(struct registry *r)
{
    for (size_t i = 0; i < r->extra_count; i++) {
        free(r->extras[i].field);
        free(r->extras[i].value);
    }
    free(r->kind);
    free(r->name);
    free(r->config_hash);
    free(r->version);
    free(r);
}

static void end_if_done(struct registry *r)
{
    if (!r->timer_closed || r->awaited > 0)
        return;
    void (*on_closed)(void *owner) = r->on_closed;
    void *owner = r->closed_owner;
    free_registry(r);
    if (on_closed != NULL)
        on_closed(owner);
}

static void answer_came(struct registry *r)
{
    assert(r->awaited > 0);
    r->awaited--;
    end_if_done(r);
}

/* --- beats --- */

static void on_epoch(void *owner, enum status status, const struct redis_reply *reply)
{
    struct registry *r = owner;
    bool other =
        status == STATUS_OK && reply->type == REDIS_STRING && strcmp(reply->bytes, r->epoch) != 0;
    /* Before our first beat it is that of a process that has just ended. */
    if (other && r->written && !r->is_closing) {
        r->twin = true;
        if (r->options.on_twin != NULL)
            r->options.on_twin(r->options.owner, reply->bytes);
    }
    answer_came(r);
}

static void on_set(void *owner, enum status status, const struct redis_reply *reply)
{
    struct registry *r = owner;
    (void)reply;
    if (status == STATUS_OK)
        r->written = true;
    answer_came(r);
}

static void on_done(void *owner, enum status status, const struct redis_reply *reply)
{
    (void)status; /* the next beat tries again */
    (void)reply;
    answer_came(owner);
}

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

static bool send_args(struct registry *r, const struct redis_arg *args, size_t count,
                      redis_on_reply on_reply)
{
    if (redis_command(r->options.redis, args, count, on_reply, r) != STATUS_OK)
        return false;
    r->awaited++;
    return true;
}

static void send_fields(struct registry *r)
{
    char offset[NUMBER_MAX];
    uint64_t server_ms = redis_now_ms(r->options.redis);
    int64_t offset_ms = (int64_t)clock_wall_ms(&r->options.clock) - (int64_t)server_ms;
    (void)snprintf(offset, sizeof(offset), "%" PRId64, server_ms > 0 ? offset_ms : 0);
    struct redis_arg args[2 + 2 * FIELDS_MAX] = {
        arg("HSET"),         arg(r->key),  arg("version"),   arg(r->version), arg("config"),
        arg(r->config_hash), arg("epoch"), arg(r->epoch),    arg("started"),  arg(r->started),
        arg("pid"),          arg(r->pid),  arg("offset_ms"), arg(offset),
    };
    size_t n = 14;
    for (size_t i = 0; i < r->extra_count; i++) {
        args[n++] = arg(r->extras[i].field);
        args[n++] = arg(r->extras[i].value);
    }
    (void)send_args(r, args, n, on_set);
}

static void beat(struct registry *r)
{
    char ttl[NUMBER_MAX];
    const struct redis_arg get[] = {arg("HGET"), arg(r->key), arg("epoch")};
    (void)snprintf(ttl, sizeof(ttl), "%d", KEY_PROCESS_TTL_MS);
    const struct redis_arg expire[] = {arg("PEXPIRE"), arg(r->key), arg(ttl)};
    if (!send_args(r, get, 3, on_epoch))
        return;
    send_fields(r);
    (void)send_args(r, expire, 3, on_done);
}

/* While redis is down it is looked at often, so that we are seen as soon as it is back. */
static void on_timer(uv_timer_t *timer)
{
    struct registry *r = timer->data;
    bool is_up = redis_is_up(r->options.redis);
    if (is_up)
        beat(r);
    (void)uv_timer_start(timer, on_timer, is_up ? BEAT_MS : RETRY_MS, 0);
}

/* --- public --- */

/* A copy in place of what is there; out of memory leaves the old one. */
static bool replace(char **text, const char *with)
{
    char *copy = strdup(with);
    if (copy == NULL)
        return false;
    free(*text);
    *text = copy;
    return true;
}

enum status registry_start(struct registry **ret_registry, uv_loop_t *loop,
                           const struct registry_options *options)
{
    struct registry *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->options = *options;
    bool ok = replace(&r->kind, options->kind) && replace(&r->name, options->name) &&
              replace(&r->config_hash, options->config_hash) &&
              replace(&r->version, options->version);
    if (!ok ||
        key_name(r->key, options->prefix, KEY_PROCESS, options->kind, options->name) == NULL) {
        free_registry(r);
        return ok ? STATUS_LIMIT : STATUS_NO_MEMORY;
    }
    (void)snprintf(r->epoch, sizeof(r->epoch), "%" PRIu64, options->epoch);
    (void)snprintf(r->pid, sizeof(r->pid), "%d", (int)getpid());
    (void)clock_format_wall(options->epoch, r->started);
    (void)uv_timer_init(loop, &r->timer); /* cannot fail */
    r->timer.data = r;
    (void)uv_timer_start(&r->timer, on_timer, 0, 0);
    *ret_registry = r;
    return STATUS_OK;
}

void registry_set(struct registry *registry, const char *field, const char *value)
{
    for (size_t i = 0; i < registry->extra_count; i++) {
        if (strcmp(registry->extras[i].field, field) != 0)
            continue;
        (void)replace(&registry->extras[i].value, value);
        return;
    }
    assert(registry->extra_count < EXTRAS_MAX);
    struct extra extra = {0};
    if (replace(&extra.field, field) && replace(&extra.value, value)) {
        registry->extras[registry->extra_count++] = extra;
        return;
    }
    free(extra.field);
}

void registry_set_config(struct registry *registry, const char *config_hash)
{
    (void)replace(&registry->config_hash, config_hash);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct registry *r = handle->data;
    r->timer_closed = true;
    end_if_done(r);
}

void registry_close(struct registry *registry, void (*on_closed)(void *owner), void *owner)
{
    if (registry == NULL || registry->is_closing)
        return;
    registry->is_closing = true;
    registry->on_closed = on_closed;
    registry->closed_owner = owner;
    /* Others see at once that we left, and did not just fall silent. */
    const struct redis_arg remove[] = {arg("DEL"), arg(registry->key)};
    if (registry->written && !registry->twin && redis_is_up(registry->options.redis))
        (void)send_args(registry, remove, 2, on_done);
    uv_close((uv_handle_t *)&registry->timer, on_timer_closed);
}
