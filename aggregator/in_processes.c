#include "aggregator/in_processes.h"

#include "common/redis/keys.h"
#include "proto/delta.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_EVERY_MS = 1000 };

struct ask {
    struct in_processes *in;
    char collector[NAME_MAX_LEN + 1];
};

struct in_processes {
    struct in_processes_options options;
    char prefix[KEY_NAME_MAX];
    uv_timer_t timer;
    struct ask asks[IN_PROCESSES_MAX]; /* of one round, each collector once */
    size_t ask_count;
    size_t waiting;
    bool is_closing;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void on_exists(void *owner, enum status status, const struct redis_reply *reply)
{
    struct ask *ask = owner;
    struct in_processes *in = ask->in;
    in->waiting--;
    if (status == STATUS_OK && reply->type == REDIS_INTEGER && !in->is_closing)
        in->options.on_answer(in->options.owner, ask->collector, reply->integer != 0);
}

static void note(void *asker, const char *collector)
{
    struct in_processes *in = asker;
    for (size_t i = 0; i < in->ask_count; i++)
        if (strcmp(in->asks[i].collector, collector) == 0)
            return;
    if (in->ask_count == IN_PROCESSES_MAX)
        return;
    struct ask *ask = &in->asks[in->ask_count++];
    ask->in = in;
    (void)snprintf(ask->collector, sizeof(ask->collector), "%s", collector);
}

static void on_timer(uv_timer_t *timer)
{
    struct in_processes *in = timer->data;
    char name[KEY_NAME_MAX];
    if (in->waiting > 0 || !redis_is_up(in->options.redis))
        return;
    in->ask_count = 0;
    in->options.each_collector(in->options.owner, note, in);
    for (size_t i = 0; i < in->ask_count; i++) {
        if (key_name(name, in->prefix, KEY_PROCESS, "collector", in->asks[i].collector) == NULL)
            continue;
        if (redis_commandf(in->options.redis, on_exists, &in->asks[i], "EXISTS %s", name) !=
            STATUS_OK)
            return;
        in->waiting++;
    }
}

enum status in_processes_start(struct in_processes **ret_in, uv_loop_t *loop,
                               const struct in_processes_options *options)
{
    struct in_processes *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return STATUS_NO_MEMORY;
    in->options = *options;
    (void)snprintf(in->prefix, sizeof(in->prefix), "%s", options->prefix);
    (void)uv_timer_init(loop, &in->timer); /* cannot fail */
    in->timer.data = in;
    (void)uv_timer_start(&in->timer, on_timer, ASK_EVERY_MS, ASK_EVERY_MS);
    *ret_in = in;
    return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct in_processes *in = handle->data;
    in->on_closed(in->closed_owner);
}

void in_processes_close(struct in_processes *in, void (*on_closed)(void *owner), void *owner)
{
    in->is_closing = true;
    in->on_closed = on_closed;
    in->closed_owner = owner;
    uv_close((uv_handle_t *)&in->timer, on_timer_closed);
}

void in_processes_free(struct in_processes *in)
{
    free(in);
}
