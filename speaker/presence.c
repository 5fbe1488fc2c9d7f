#include "speaker/presence.h"

#include "common/base/log.h"
#include "common/redis/registry.h"
#include "common/service/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct presence *presence;
    struct redis *redis;
    struct registry *registry;
};

struct presence {
    struct speaker *speaker;
    size_t count, open;
    char peers[48], holds[512], missing[24]; /* as they were said last */
    void (*on_closed)(void *owner);
    struct place places[];
};

static void on_twin(void *owner, const char *epoch)
{
    const struct presence *presence = owner;
    log_error("another speaker of this name is alive", "name=%s epoch=%s",
              presence->speaker->config->speaker.name, epoch);
}

static enum status open_place(struct presence *presence, struct place *place,
                              const struct config_redis_server *server,
                              const struct credentials *credentials)
{
    const struct speaker *speaker = presence->speaker;
    const struct config *config = speaker->config;
    struct redis_options redis = {.name = server->name,
                                  .address = server->address,
                                  .user = credentials->user,
                                  .password = credentials->password,
                                  .clock = speaker->clock,
                                  .owner = presence};
    place->presence = presence;
    enum status status = redis_new(&place->redis, speaker->loop, &redis);
    if (status != STATUS_OK)
        return status;
    presence->open++;
    redis_start(place->redis);
    struct registry_options registry = {.redis = place->redis,
                                        .prefix = config->redis.prefix,
                                        .kind = "speaker",
                                        .name = config->speaker.name,
                                        .config_hash = config->hash,
                                        .version = weir_version(),
                                        .epoch = clock_wall_ms(&speaker->clock),
                                        .clock = speaker->clock,
                                        .on_twin = on_twin,
                                        .owner = presence};
    return registry_start(&place->registry, speaker->loop, &registry);
}

enum status presence_open(struct speaker *speaker)
{
    const struct config *config = speaker->config;
    size_t count = config->redis.telemetry_count;
    struct presence *presence = calloc(1, sizeof(*presence) + count * sizeof(struct place));
    struct credentials credentials = {0};
    struct text why;
    if (presence == NULL)
        return STATUS_NO_MEMORY;
    presence->speaker = speaker;
    speaker->presence = presence;
    text_init(&why, 0);
    enum status status = credentials_read(&credentials, config, "speaker", &why);
    if (status != STATUS_OK)
        log_error("no credentials for the telemetry servers", "reason=\"%s\"", text_str(&why));
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status =
            open_place(presence, &presence->places[i], &config->redis.telemetry[i], &credentials);
        presence->count++;
    }
    credentials_done(&credentials);
    text_done(&why);
    return status;
}

static void say(struct presence *presence, const char *field, char *last, size_t size,
                const char *text)
{
    if (strcmp(text, last) == 0)
        return;
    size_t len = strnlen(text, size - 1); /* as much as the registry shows */
    memcpy(last, text, len);
    last[len] = '\0';
    for (size_t i = 0; i < presence->count; i++)
        registry_set(presence->places[i].registry, field, last);
}

/* What people held through the local socket stands nowhere in Redis, so nobody else can say it. */
static void say_holds(struct presence *presence, const struct holds *holds)
{
    char text[sizeof(presence->holds)] = "", scope[SCOPE_TEXT_MAX];
    size_t len = 0;
    for (size_t i = 0; i < holds->count && len < sizeof(text); i++) {
        if (holds->items[i].source == HOLD_SOCKET)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? ", " : "",
                                    scope_format(&holds->items[i].scope, scope));
    }
    say(presence, "holds", presence->holds, sizeof(presence->holds), text);
}

void presence_update(struct speaker *speaker)
{
    struct presence *presence = speaker->presence;
    size_t all = 0, up = 0;
    char text[sizeof(presence->peers)];
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        all += speaker->peers[i] != NULL ? 1 : 0;
        up += speaker->peers[i] != NULL && peer_is_up(speaker->peers[i]) ? 1 : 0;
    }
    (void)snprintf(text, sizeof(text), "%zu of %zu up", up, all);
    say(presence, "peers", presence->peers, sizeof(presence->peers), text);
    say_holds(presence, &speaker->holds);
    text[0] = '\0';
    if (speaker->missing > 0)
        (void)snprintf(text, sizeof(text), "%zu", speaker->missing);
    say(presence, "missing", presence->missing, sizeof(presence->missing), text);
}

void presence_set_config(struct speaker *speaker)
{
    for (size_t i = 0; i < speaker->presence->count; i++)
        registry_set_config(speaker->presence->places[i].registry, speaker->config->hash);
}

static void finish(struct presence *presence)
{
    struct speaker *speaker = presence->speaker;
    void (*on_closed)(void *) = presence->on_closed;
    free(presence);
    speaker->presence = NULL;
    on_closed(speaker);
}

static void on_redis_closed(void *owner)
{
    struct place *place = owner;
    if (--place->presence->open == 0)
        finish(place->presence);
}

static void on_registry_closed(void *owner)
{
    struct place *place = owner;
    redis_close(place->redis, on_redis_closed, place);
}

void presence_close(struct speaker *speaker, void (*on_closed)(void *owner))
{
    struct presence *presence = speaker->presence;
    if (presence == NULL) {
        on_closed(speaker);
        return;
    }
    presence->on_closed = on_closed;
    if (presence->count == 0)
        finish(presence);
    else
        for (size_t i = 0, count = presence->count; i < count; i++)
            registry_close(presence->places[i].registry, on_registry_closed, &presence->places[i]);
}
