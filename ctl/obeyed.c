#include "ctl/obeyed.h"

#include "ctl/request.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

/* A speaker reads weir:stops at once; what takes longer than this is not reached. */
enum { WAIT_MS = 3000, LOOK_EVERY_MS = 50 };

static bool is_before(const char *a, const char *b)
{
    uint64_t of_a[2] = {0}, of_b[2] = {0};
    (void)sscanf(a, "%" SCNu64 "-%" SCNu64, &of_a[0], &of_a[1]);
    (void)sscanf(b, "%" SCNu64 "-%" SCNu64, &of_b[0], &of_b[1]);
    return of_a[0] != of_b[0] ? of_a[0] < of_b[0] : of_a[1] < of_b[1];
}

static void start_anew(struct obeyed *obeyed)
{
    names_done(&obeyed->by);
    names_done(&obeyed->not_by);
    *obeyed = (struct obeyed){0};
}

static bool look(const struct session *session, const char *stop_id, struct obeyed *obeyed)
{
    char key[KEY_NAME_MAX];
    (void)key_name(key, session->prefix, KEY_SPEAKERS);
    const struct redis_reply *hash = session_ask(session, session->state, "HGETALL", key, NULL);
    if (hash == NULL)
        return false;
    start_anew(obeyed);
    for (size_t i = 0; hash->type == REDIS_ARRAY && i + 1 < hash->count; i += 2) {
        const struct redis_reply *name = &hash->items[i], *id = &hash->items[i + 1];
        if (name->type != REDIS_STRING || id->type != REDIS_STRING)
            continue;
        if (!names_add(is_before(id->bytes, stop_id) ? &obeyed->not_by : &obeyed->by, name->bytes))
            return false;
    }
    names_sort(&obeyed->by);
    names_sort(&obeyed->not_by);
    return true;
}

bool obeyed_wait(const struct session *session, const char *stop_id, struct obeyed *ret_obeyed)
{
    static const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    *ret_obeyed = (struct obeyed){0};
    for (int waited_ms = 0;; waited_ms += LOOK_EVERY_MS) {
        if (!look(session, stop_id, ret_obeyed))
            return false;
        if (ret_obeyed->not_by.count == 0 || waited_ms >= WAIT_MS)
            return true;
        (void)nanosleep(&pause, NULL);
    }
}

void obeyed_done(struct obeyed *obeyed)
{
    start_anew(obeyed);
}

bool obeyed_say(const struct command_context *context, const struct obeyed *obeyed,
                const char *command)
{
    bool is_known = obeyed->by.count + obeyed->not_by.count > 0;
    if (!is_known)
        (void)command_failed(context,
                             "no speaker is known to state Redis, so NOBODY HAS OBEYED; one that "
                             "comes finds it there.\n  Where a speaker runs: weir speaker %s",
                             command);
    for (size_t i = 0; i < obeyed->not_by.count; i++)
        (void)command_failed(context,
                             "the speaker %s has NOT OBEYED within %d s: it does not run, or does "
                             "not reach state Redis.\n  Where it runs: weir speaker %s; if it is "
                             "gone for good: weir speaker forget %s",
                             obeyed->not_by.items[i], WAIT_MS / 1000, command,
                             obeyed->not_by.items[i]);
    for (size_t i = 0; i < obeyed->by.count && !context->json; i++)
        show_print(stdout, "%s%s%s", i == 0 ? "obeyed by " : ", ", obeyed->by.items[i],
                   i + 1 == obeyed->by.count ? "\n" : "");
    return is_known && obeyed->not_by.count == 0;
}

json_t *obeyed_json(const struct obeyed *obeyed)
{
    json_t *object = json_object();
    for (size_t i = 0; i < obeyed->by.count; i++)
        (void)json_object_set_new(object, obeyed->by.items[i], json_true());
    for (size_t i = 0; i < obeyed->not_by.count; i++)
        (void)json_object_set_new(object, obeyed->not_by.items[i], json_false());
    return object;
}

/* --- forget -------------------------------------------------------------------------------------
 */

/* A process says every second that it is there, at each telemetry server. */
static bool is_alive(const struct session *session, const char *speaker)
{
    const struct config *config = session->config;
    bool alive = false;
    for (size_t i = 0; i < config->redis.telemetry_count && !alive; i++) {
        char key[KEY_NAME_MAX];
        struct text why;
        uint64_t there = 0;
        text_init(&why, 0);
        struct redis_sync *redis = session_connect(session, &config->redis.telemetry[i], &why);
        text_done(&why);
        if (redis == NULL)
            continue; /* it may be away as well as the speaker */
        (void)key_name(key, session->prefix, KEY_PROCESS, "speaker", speaker);
        const struct redis_reply *reply = session_ask(session, redis, "EXISTS", key, NULL);
        alive = reply != NULL && redis_to_u64(reply, &there) && there > 0;
        redis_sync_close(redis);
    }
    return alive;
}

static bool forget_peers(const struct session *session, const char *speaker)
{
    struct names peers = {0};
    size_t len = strlen(speaker);
    bool good = names_scan(session, session->state, KEY_PEER, &peers);
    for (size_t i = 0; good && i < peers.count; i++) {
        char key[KEY_NAME_MAX];
        if (strncmp(peers.items[i], speaker, len) != 0 || peers.items[i][len] != ':')
            continue;
        (void)key_name(key, session->prefix, KEY_PEER, speaker, peers.items[i] + len + 1);
        good = session_ask(session, session->state, "DEL", key, NULL) != NULL;
    }
    names_done(&peers);
    return good;
}

int forget_run(const struct command_context *context, const char *speaker)
{
    struct session session;
    struct request request;
    char key[KEY_NAME_MAX];
    uint64_t was_known = 0;
    if (!session_open(&session, context))
        return EXIT_FAILED;
    bool good = session_state(&session);
    if (good && is_alive(&session, speaker)) {
        (void)command_failed(context, "the speaker %s is alive: stop it first, or it comes back",
                             speaker);
        good = false;
    }
    (void)key_name(key, session.prefix, KEY_SPEAKERS);
    const struct redis_reply *reply =
        good ? session_ask(&session, session.state, "HDEL", key, speaker, NULL) : NULL;
    good = reply != NULL && redis_to_u64(reply, &was_known) && forget_peers(&session, speaker);
    session_close(&session);
    if (!good)
        return EXIT_FAILED;
    if (was_known == 0)
        (void)command_failed(context, "warning: no speaker %s is known", speaker);
    request_begin(&request, "forget-speaker");
    return request_add(context, &request, "speaker", speaker) ? request_send(context, &request)
                                                              : EXIT_USAGE;
}
