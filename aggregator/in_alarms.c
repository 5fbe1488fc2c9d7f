#include "aggregator/in_alarms.h"

#include "common/base/hash.h"
#include "common/base/table.h"
#include "common/redis/keys.h"
#include "proto/alarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ASK_EVERY_MS = 1000,
    /* Hashes asked for at one time; the rest follows a second later. */
    ASK_MAX = 500,
};

/* One alarm of the active set, under its id. */
struct known_alarm {
    struct window_pin pin;
    uint32_t round; /* of the last answer that named it */
    bool has_pin;   /* its hash was read */
};

struct in_alarms {
    struct in_alarms_options options;
    char prefix[KEY_NAME_MAX];
    uv_timer_t timer;
    struct table *known;
    uint32_t round;
    bool waiting; /* for the active set */
    bool changed; /* since on_pins was last called */
    unsigned int hashes_waiting;
    struct window_pin *pins;
    bool is_closing;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

/* What comes back with an alarm's hash. */
struct hash_ask {
    struct in_alarms *in;
    char id[ID_TEXT_MAX];
};

static void give_pins(struct in_alarms *in)
{
    size_t cursor = 0, count = 0;
    const struct known_alarm *alarm;
    if (!in->changed || in->hashes_waiting > 0 || in->is_closing)
        return;
    while ((alarm = table_next(in->known, &cursor)) != NULL)
        if (alarm->has_pin)
            in->pins[count++] = alarm->pin;
    in->changed = false;
    in->options.on_pins(in->options.owner, in->pins, count);
}

static bool pin_of(const struct redis_reply *pb, struct window_pin *ret_pin)
{
    static struct alarm alarm; /* large; the loop has one thread */
    if (pb->type != REDIS_STRING ||
        alarm_decode(&alarm, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK)
        return false;
    *ret_pin = (struct window_pin){alarm.count_id, alarm.key};
    alarm_done(&alarm);
    return true;
}

static void on_hash(void *owner, enum status status, const struct redis_reply *reply)
{
    struct hash_ask *ask = owner;
    struct in_alarms *in = ask->in;
    struct known_alarm *alarm = table_find(in->known, ask->id, strlen(ask->id));
    in->hashes_waiting--;
    if (status == STATUS_OK && alarm != NULL && pin_of(reply, &alarm->pin)) {
        alarm->has_pin = true;
        in->changed = true;
    }
    free(ask);
    give_pins(in);
}

static void ask_hash(struct in_alarms *in, const char *id)
{
    char name[KEY_NAME_MAX];
    struct hash_ask *ask = calloc(1, sizeof(*ask));
    if (ask == NULL || key_name(name, in->prefix, KEY_ALARM, id) == NULL) {
        free(ask);
        return;
    }
    ask->in = in;
    (void)snprintf(ask->id, sizeof(ask->id), "%s", id);
    if (redis_commandf(in->options.redis, on_hash, ask, "HGET %s pb", name) == STATUS_OK)
        in->hashes_waiting++;
    else
        free(ask);
}

/* Those that the active set does not name any more. */
static void forget_ended(struct in_alarms *in)
{
    size_t cursor = 0;
    struct known_alarm *alarm;
    while ((alarm = table_next(in->known, &cursor)) != NULL) {
        if (alarm->round == in->round)
            continue;
        table_remove_entry(in->known, alarm);
        in->changed = true;
    }
}

static void on_active(void *owner, enum status status, const struct redis_reply *reply)
{
    struct in_alarms *in = owner;
    size_t asked = 0;
    in->waiting = false;
    if (status != STATUS_OK || reply->type != REDIS_ARRAY || in->is_closing)
        return;
    in->round++;
    for (size_t i = 0; i < reply->count; i++) {
        const struct redis_reply *id = &reply->items[i];
        bool is_new;
        if (id->type != REDIS_STRING || id->len == 0 || id->len >= ID_TEXT_MAX ||
            strlen(id->bytes) != id->len)
            continue;
        struct known_alarm *alarm = table_insert(in->known, id->bytes, id->len, &is_new);
        if (alarm == NULL)
            break;
        alarm->round = in->round;
        if (!alarm->has_pin && asked++ < ASK_MAX)
            ask_hash(in, id->bytes);
    }
    forget_ended(in);
    give_pins(in);
}

static void on_timer(uv_timer_t *timer)
{
    struct in_alarms *in = timer->data;
    char name[KEY_NAME_MAX];
    if (in->waiting || in->hashes_waiting > 0 || !redis_is_up(in->options.redis) ||
        key_name(name, in->prefix, KEY_ALARMS_ACTIVE) == NULL)
        return;
    in->waiting = redis_commandf(in->options.redis, on_active, in, "ZRANGE %s 0 %d", name,
                                 IN_ALARMS_MAX - 1) == STATUS_OK;
}

enum status in_alarms_start(struct in_alarms **ret_in, uv_loop_t *loop,
                            const struct in_alarms_options *options)
{
    const struct table_options table = {.entry_size = sizeof(struct known_alarm),
                                        .key_max = ID_TEXT_MAX,
                                        .max = 2 * IN_ALARMS_MAX, /* old ones go after new came */
                                        .seed = hash_random_seed()};
    struct in_alarms *in = calloc(1, sizeof(*in));
    if (in == NULL)
        return STATUS_NO_MEMORY;
    in->options = *options;
    (void)snprintf(in->prefix, sizeof(in->prefix), "%s", options->prefix);
    in->known = table_new(&table);
    in->pins = calloc(table.max, sizeof(*in->pins));
    if (in->known == NULL || in->pins == NULL) {
        in_alarms_free(in);
        return STATUS_NO_MEMORY;
    }
    (void)uv_timer_init(loop, &in->timer); /* cannot fail */
    in->timer.data = in;
    (void)uv_timer_start(&in->timer, on_timer, 0, ASK_EVERY_MS);
    *ret_in = in;
    return STATUS_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct in_alarms *in = handle->data;
    in->on_closed(in->closed_owner);
}

void in_alarms_close(struct in_alarms *in, void (*on_closed)(void *owner), void *owner)
{
    in->is_closing = true;
    in->on_closed = on_closed;
    in->closed_owner = owner;
    uv_close((uv_handle_t *)&in->timer, on_timer_closed);
}

void in_alarms_free(struct in_alarms *in)
{
    if (in == NULL)
        return;
    table_free(in->known);
    free(in->pins);
    free(in);
}
