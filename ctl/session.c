#include "ctl/session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Who asks should know within three seconds that nobody answers; above what a command of ours
     * waits for at the server (request.c). */
    SESSION_TIMEOUT_MS = 2500,
    ASK_ARGS_MAX = 64,
    /* A server that never ends a scan is not asked for ever. */
    SCAN_TURNS_MAX = 100000,
};

struct config *session_config(const struct command_context *context, bool quiet)
{
    const char *path = config_find(context->config);
    struct config_errors errors;
    struct config *config = NULL;
    if (path == NULL) {
        if (!quiet)
            (void)command_failed(context,
                                 "there is no configuration: neither --config, $WEIR_CONFIG, "
                                 "./weir.yaml nor /etc/weir/weir.yaml");
        return NULL;
    }
    config_errors_init(&errors, path);
    if (config_load(&config, path, &errors) != STATUS_OK) {
        if (!quiet)
            (void)command_failed(context, "the configuration cannot be used (see weir check):\n%s",
                                 text_str(&errors.lines));
        config = NULL;
    }
    config_errors_done(&errors);
    return config;
}

bool session_open(struct session *ret_session, const struct command_context *context)
{
    *ret_session = (struct session){.context = context};
    ret_session->config = session_config(context, false);
    if (ret_session->config == NULL)
        return false;
    ret_session->prefix = ret_session->config->redis.prefix;

    struct text why;
    text_init(&why, 0);
    enum status s =
        credentials_read(&ret_session->credentials, ret_session->config, "operator", &why);
    if (s != STATUS_OK)
        (void)command_failed(context, "%s", why.len > 0 ? text_str(&why) : status_text(s));
    text_done(&why);
    if (s != STATUS_OK)
        session_close(ret_session);
    return s == STATUS_OK;
}

void session_close(struct session *session)
{
    redis_sync_close(session->state);
    session->state = NULL;
    credentials_done(&session->credentials);
    config_free(session->config);
    session->config = NULL;
}

struct redis_sync *session_connect(const struct session *session,
                                   const struct config_redis_server *server, struct text *why)
{
    struct redis_options options = {.name = server->name != NULL ? server->name : "state",
                                    .address = server->address,
                                    .user = session->credentials.user,
                                    .password = session->credentials.password,
                                    .timeout_ms = SESSION_TIMEOUT_MS,
                                    .clock = clock_system()};
    struct redis_sync *redis = NULL;
    enum status s = redis_sync_open(&redis, &options, why);
    if (s != STATUS_OK && why->len == 0)
        text_add(why, status_text(s));
    return s == STATUS_OK ? redis : NULL;
}

bool session_state(struct session *session)
{
    struct text why;
    text_init(&why, 0);
    session->state = session_connect(session, &session->config->redis.state, &why);
    if (session->state == NULL)
        (void)command_failed(session->context,
                             "the state Redis server is away: %s\nis weir running? (weir up, or "
                             "the redis service of redis.state.address)",
                             text_str(&why));
    text_done(&why);
    return session->state != NULL;
}

const struct redis_reply *session_ask(const struct session *session, struct redis_sync *redis,
                                      const char *command, ...)
{
    struct redis_arg args[ASK_ARGS_MAX] = {{command, strlen(command)}};
    size_t count = 1;
    va_list rest;
    va_start(rest, command);
    for (const char *arg; (arg = va_arg(rest, const char *)) != NULL && count < ASK_ARGS_MAX;)
        args[count++] = (struct redis_arg){arg, strlen(arg)};
    va_end(rest);
    const struct redis_reply *reply = NULL;
    enum status s = redis_sync_command(redis, args, count, &reply);
    if (s == STATUS_OK)
        return reply;
    const char *error = redis_sync_error(redis);
    (void)command_failed(session->context, "Redis, %s: %s", command,
                         error[0] != '\0' ? error : status_text(s));
    return NULL;
}

uint64_t session_now_ms(const struct session *session, struct redis_sync *redis)
{
    uint64_t seconds = 0, us = 0;
    const struct redis_reply *reply = session_ask(session, redis, "TIME", NULL);
    if (reply == NULL)
        return 0;
    if (reply->type != REDIS_ARRAY || reply->count != 2 ||
        !redis_to_u64(&reply->items[0], &seconds) || !redis_to_u64(&reply->items[1], &us) ||
        seconds == 0) {
        (void)command_failed(session->context, "Redis, TIME: not a time");
        return 0;
    }
    return sat_add_u64(sat_mul_u64(seconds, 1000), us / 1000);
}

/* --- names --------------------------------------------------------------------------------------
 */

bool names_add(struct names *names, const char *name)
{
    if (names->count == NAMES_MAX)
        return false;
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 64 : names->room * 2;
        char **items = realloc(names->items, room * sizeof *items);
        if (items == NULL)
            return false;
        names->items = items;
        names->room = room;
    }
    names->items[names->count] = strdup(name);
    return names->items[names->count] != NULL && names->count++ < NAMES_MAX;
}

void names_done(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct names){0};
}

static int compare_names(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    return strcmp(*a, *b);
}

void names_sort(struct names *names)
{
    size_t kept = 0;
    if (names->count == 0)
        return;
    qsort(names->items, names->count, sizeof *names->items, compare_names);
    for (size_t i = 0; i < names->count; i++) {
        if (kept > 0 && strcmp(names->items[kept - 1], names->items[i]) == 0)
            free(names->items[i]);
        else
            names->items[kept++] = names->items[i];
    }
    names->count = kept;
}

bool names_have(const struct names *names, const char *name)
{
    return names->count > 0 &&
           bsearch(&name, names->items, names->count, sizeof *names->items, compare_names) != NULL;
}

bool names_of_reply(const struct session *session, const struct redis_reply *reply,
                    struct names *ret_names)
{
    *ret_names = (struct names){0};
    if (reply == NULL)
        return false;
    bool good = reply->type == REDIS_ARRAY;
    for (size_t i = 0; good && i < reply->count; i++)
        good = reply->items[i].type == REDIS_STRING && names_add(ret_names, reply->items[i].bytes);
    if (!good) {
        names_done(ret_names);
        (void)command_failed(session->context, "Redis answered with something else than names");
    }
    return good;
}

/* The pattern that SCAN takes; characters with a meaning there are quoted. */
static void scan_pattern(const char *start, char ret_pattern[2 * KEY_NAME_MAX + 2])
{
    size_t len = 0;
    for (; *start != '\0'; start++) {
        if (strchr("*?[]\\^-", *start) != NULL)
            ret_pattern[len++] = '\\';
        ret_pattern[len++] = *start;
    }
    ret_pattern[len++] = '*';
    ret_pattern[len] = '\0';
}

bool names_scan(const struct session *session, struct redis_sync *redis, enum key_id id,
                struct names *ret_names)
{
    char start[KEY_NAME_MAX], pattern[2 * KEY_NAME_MAX + 2], cursor[24] = "0";
    const char *kind = key_info(id)->pattern;
    size_t len = (size_t)snprintf(start, sizeof start, "%s%.*s", session->prefix,
                                  (int)strcspn(kind, "<"), kind);
    *ret_names = (struct names){0};
    if (len >= sizeof start)
        return command_failed(session->context, "redis.prefix is too long") == EXIT_DONE;
    scan_pattern(start, pattern);
    bool good = true;
    for (int turn = 0; good && (turn == 0 || strcmp(cursor, "0") != 0); turn++) {
        const struct redis_reply *reply =
            session_ask(session, redis, "SCAN", cursor, "MATCH", pattern, "COUNT", "1000", NULL);
        good = reply != NULL && reply->type == REDIS_ARRAY && reply->count == 2 &&
               reply->items[0].type == REDIS_STRING && reply->items[1].type == REDIS_ARRAY &&
               turn < SCAN_TURNS_MAX;
        if (reply == NULL)
            break;
        const struct redis_reply *keys = good ? &reply->items[1] : NULL;
        if (good)
            (void)snprintf(cursor, sizeof cursor, "%s", reply->items[0].bytes);
        for (size_t i = 0; good && i < keys->count; i++)
            good = keys->items[i].type == REDIS_STRING &&
                   strncmp(keys->items[i].bytes, start, len) == 0 &&
                   names_add(ret_names, keys->items[i].bytes + len);
        if (!good)
            (void)command_failed(session->context, "Redis, SCAN: an answer that makes no sense");
    }
    if (!good)
        names_done(ret_names);
    names_sort(ret_names);
    return good;
}
