#include "ctl/commands.h"
#include "ctl/load.h"
#include "ctl/obeyed.h"
#include "ctl/request.h"
#include "ctl/show.h"
#include "proto/scope.h"

#include <inttypes.h>
#include <string.h>

/*
 * The way out and the way back: both write weir:hold and weir:stops themselves, so that neither
 * needs policy. Speakers act on either of the two.
 */

struct hold_arguments {
    const char *values[SCOPE_KIND_COUNT];
    const char *reason;
    struct scope scope;
};

static bool read_arguments(const struct command_context *context, int argc, char **argv,
                           struct hold_arguments *ret_arguments)
{
    struct hold_arguments *a = ret_arguments;
    *a = (struct hold_arguments){0};
    const struct command_option options[] = {COMMAND_VALUE("--platform", a->values[SCOPE_PLATFORM]),
                                             COMMAND_VALUE("--peer", a->values[SCOPE_PEER]),
                                             COMMAND_VALUE("--method", a->values[SCOPE_METHOD]),
                                             COMMAND_VALUE("--alarm", a->values[SCOPE_ALARM]),
                                             COMMAND_VALUE("--family", a->values[SCOPE_FAMILY]),
                                             COMMAND_VALUE("--reason", a->reason)};
    if (!command_options(context, &argc, argv, options, sizeof options / sizeof options[0]))
        return false;
    if (argc > 1) {
        (void)command_usage_error(context, "takes no argument: %s", argv[1]);
        return false;
    }
    if (a->reason != NULL && strlen(a->reason) >= REASON_MAX) {
        (void)command_usage_error(context, "--reason: longer than %d octets", REASON_MAX - 1);
        return false;
    }
    return request_scope(context, a->values, &a->scope);
}

/* Collects what there is, for who meant something else. */
static bool is_name(struct text *names, const char *name, const char *wanted)
{
    text_addf(names, " %s", name);
    return strcmp(name, wanted) == 0;
}

/* An alarm that Redis does not have, likewise. */
static void warn_unknown_alarm(const struct session *session, const struct scope *scope)
{
    char key[KEY_NAME_MAX];
    uint64_t is_there = 1;
    if (scope->kind != SCOPE_ALARM)
        return;
    (void)key_name(key, session->prefix, KEY_ALARM, scope->value);
    const struct redis_reply *reply = session_ask(session, session->state, "EXISTS", key, NULL);
    if (reply != NULL && redis_to_u64(reply, &is_there) && is_there == 0)
        (void)command_failed(session->context,
                             "warning: Redis has no alarm %s, so this holds nothing; weir alarms "
                             "lists them",
                             scope->value);
}

/* A name that the configuration does not have is probably a slip; the way out works all the same.
 */
static void warn_unknown(const struct session *session, const struct scope *scope)
{
    const struct config *c = session->config;
    struct text names;
    bool known =
        scope->kind != SCOPE_PEER && scope->kind != SCOPE_PLATFORM && scope->kind != SCOPE_METHOD;
    text_init(&names, 0);
    for (size_t i = 0; scope->kind == SCOPE_PEER && i < c->peer_count; i++)
        known = is_name(&names, c->peers[i].name, scope->value) || known;
    for (size_t i = 0; scope->kind == SCOPE_PLATFORM && i < c->platform_count; i++)
        known = is_name(&names, c->platforms[i].name, scope->value) || known;
    for (size_t i = 0; scope->kind == SCOPE_METHOD && i < c->method_count; i++)
        known = is_name(&names, c->methods[i].name, scope->value) || known;
    if (!known)
        (void)command_failed(session->context,
                             "warning: %s knows no %s called %s, so this holds nothing; it knows%s",
                             c->file, scope_kind_name((enum scope_kind)scope->kind), scope->value,
                             names.len > 0 ? text_str(&names) : " none");
    text_done(&names);
}

/* The entry in weir:stops; part of a transaction. */
static bool queue_stop(const struct session *session, enum stop_verb verb, const char *scope,
                       const char *who, const char *why)
{
    char key[KEY_NAME_MAX], max[16];
    (void)key_name(key, session->prefix, KEY_STOPS);
    (void)snprintf(max, sizeof max, "%d", KEY_REQUESTS_MAX);
    return session_ask(session, session->state, "XADD", key, "MAXLEN", "~", max, "*", "verb",
                       stop_verb_name(verb), "scope", scope, "who", who, "why", why, NULL) != NULL;
}

/* EXEC: nothing was done unless every command in it was. The answers, or NULL, said. */
static const struct redis_reply *execute(const struct session *session, size_t count)
{
    const struct redis_reply *reply = session_ask(session, session->state, "EXEC", NULL);
    if (reply == NULL)
        return NULL;
    bool good = reply->type == REDIS_ARRAY && reply->count == count;
    for (size_t i = 0; good && i < count; i++) {
        if (reply->items[i].type != REDIS_ERROR)
            continue;
        (void)command_failed(session->context, "Redis: %s", reply->items[i].bytes);
        return NULL;
    }
    if (!good)
        (void)command_failed(session->context, "Redis, EXEC: an answer that makes no sense");
    return good ? reply : NULL;
}

/* --- withdraw-all -------------------------------------------------------------------------------
 */

static bool has_string(const json_t *array, const char *value)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) if (strcmp(json_string_value(item), value) == 0) return true;
    return false;
}

static bool platform_has(const struct config *c, const char *platform, const json_t *peers)
{
    for (size_t i = 0; i < c->platform_count; i++) {
        const struct config_platform *p = &c->platforms[i];
        for (size_t j = 0; strcmp(p->name, platform) == 0 && j < p->peer_count; j++)
            if (json_array_size(peers) == 0 || has_string(peers, c->peers[p->peers[j]].name))
                return true;
    }
    return false;
}

/* Does withdraw-all of this scope take routes of this mitigation away? */
static bool scope_hits(const struct config *c, const struct scope *scope, const json_t *m)
{
    const json_t *peers = json_object_get(m, "peers");
    switch ((enum scope_kind)scope->kind) {
    case SCOPE_ALL:
        return true;
    case SCOPE_PLATFORM:
        return platform_has(c, scope->value, peers);
    case SCOPE_PEER:
        return json_array_size(peers) == 0 || has_string(peers, scope->value);
    case SCOPE_METHOD:
        return strcmp(show_string(m, "method"), scope->value) == 0;
    case SCOPE_ALARM:
        return strcmp(show_string(m, "alarm"), scope->value) == 0;
    case SCOPE_FAMILY:
        return strcmp(show_string(m, "family"), scope->value) == 0;
    case SCOPE_KIND_COUNT:
        break;
    }
    return false;
}

struct bared {
    size_t mitigations, dry_runs, alarms, alarms_active;
};

/* What stood when the hold was set, and which active alarms it was for. */
static bool count_bared(struct session *session, const struct scope *scope, struct bared *ret_bared)
{
    char key[KEY_NAME_MAX];
    struct load_list list;
    struct names active, bare = {0};
    size_t i;
    json_t *m;
    (void)key_name(key, session->prefix, KEY_ALARMS_ACTIVE);
    *ret_bared = (struct bared){0};
    if (!load_all(session, &load_mitigations, false, &list))
        return false;
    const struct redis_reply *ids =
        session_ask(session, session->state, "ZRANGE", key, "0", "-1", NULL);
    bool good = names_of_reply(session, ids, &active);
    names_sort(&active);
    ret_bared->alarms_active = active.count;
    json_array_foreach(list.items, i, m)
    {
        const char *alarm = show_string(m, "alarm");
        if (!good || !scope_hits(session->config, scope, m))
            continue;
        if (show_truth(m, "dry_run")) {
            ret_bared->dry_runs++;
            continue;
        }
        ret_bared->mitigations++;
        if (names_have(&active, alarm))
            good = names_add(&bare, alarm);
    }
    names_sort(&bare);
    ret_bared->alarms = bare.count;
    names_done(&bare);
    names_done(&active);
    json_decref(list.items);
    return good;
}

static void copy_id(char ret_id[STREAM_ID_MAX], const struct redis_reply *reply)
{
    (void)snprintf(ret_id, STREAM_ID_MAX, "%s", reply->type == REDIS_STRING ? reply->bytes : "");
}

static bool set_hold(struct session *session, const struct hold_arguments *a,
                     char ret_stop_id[STREAM_ID_MAX])
{
    char hold[KEY_NAME_MAX], scope[SCOPE_TEXT_MAX], who[NAME_MAX_LEN + 1];
    const char *why = a->reason != NULL ? a->reason : "";
    uint64_t now_ms = session_now_ms(session, session->state);
    if (now_ms == 0)
        return false;
    request_who(who);
    (void)scope_format(&a->scope, scope);
    (void)key_name(hold, session->prefix, KEY_HOLD);
    json_t *value = json_object();
    (void)json_object_set_new(value, "who", show_json_text(who));
    (void)json_object_set_new(value, "why", show_json_text(why));
    (void)json_object_set_new(value, "at_ms", show_json_u64(now_ms));
    char *json = json_dumps(value, JSON_COMPACT);
    json_decref(value);
    bool good = json != NULL && session_ask(session, session->state, "MULTI", NULL) != NULL &&
                session_ask(session, session->state, "HSET", hold, scope, json, NULL) != NULL &&
                queue_stop(session, STOP_WITHDRAW_ALL, scope, who, why);
    const struct redis_reply *reply = good ? execute(session, 2) : NULL;
    free(json);
    if (reply != NULL)
        copy_id(ret_stop_id, &reply->items[1]);
    return reply != NULL;
}

static void print_bared(const struct command_context *context, const struct scope *scope,
                        const struct bared *bared, bool counted, const struct obeyed *obeyed)
{
    char text[SCOPE_TEXT_MAX];
    (void)scope_format(scope, text);
    double share =
        bared->alarms_active == 0 ? 0 : (double)bared->alarms / (double)bared->alarms_active;
    if (context->json) {
        json_t *object = json_object();
        (void)json_object_set_new(object, "scope", show_json_text(text));
        (void)json_object_set_new(object, "mitigations",
                                  counted ? show_json_u64(bared->mitigations) : json_null());
        (void)json_object_set_new(object, "dry_runs",
                                  counted ? show_json_u64(bared->dry_runs) : json_null());
        (void)json_object_set_new(object, "alarms_active",
                                  counted ? show_json_u64(bared->alarms_active) : json_null());
        (void)json_object_set_new(object, "alarms_unprotected",
                                  counted ? show_json_u64(bared->alarms) : json_null());
        (void)json_object_set_new(object, "share", counted ? json_real(share) : json_null());
        (void)json_object_set_new(object, "speakers", obeyed_json(obeyed));
        (void)show_json(object);
        return;
    }
    show_print(stdout, "hold on %s is set: its routes go, and nothing new is announced\n", text);
    if (counted)
        show_print(
            stdout,
            "it takes the routes of %zu announced mitigations, and leaves %zu of %zu active alarms "
            "(%.0f%%) unprotected\n",
            bared->mitigations, bared->alarms, bared->alarms_active, share * 100);
    if (counted && bared->dry_runs > 0)
        show_print(stdout, "of %zu dry run%s nothing was announced, and nothing will be\n",
                   bared->dry_runs, bared->dry_runs == 1 ? "" : "s");
    show_print(stdout, "back again: weir resume%s%s%s%s\n", scope->kind == SCOPE_ALL ? "" : " --",
               scope->kind == SCOPE_ALL ? "" : scope_kind_name((enum scope_kind)scope->kind),
               scope->kind == SCOPE_ALL ? "" : " ", scope->value);
}

/* In an emergency nobody looks up what to do next. */
static void say_way_out(const struct session *session, const struct scope *scope)
{
    struct text command;
    text_init(&command, 0);
    text_add(&command, "weir speaker withdraw-all --socket ");
    show_add_shell(&command, session->config->speaker.socket);
    if (scope->kind != SCOPE_ALL) {
        text_addf(&command, " --%s ", scope_kind_name((enum scope_kind)scope->kind));
        show_add_shell(&command, scope->value);
    }
    show_print(stderr, "%s. The way out without Redis, where each speaker runs:\n  %s\n",
               session->state == NULL ? "NOTHING WAS WITHDRAWN"
                                      : "IT IS NOT SURE THAT ANYTHING WAS WITHDRAWN",
               text_str(&command));
    text_done(&command);
}

int withdraw_all_run(const struct command_context *context, int argc, char **argv)
{
    struct hold_arguments a;
    struct session session;
    struct bared bared = {0};
    struct obeyed obeyed = {0};
    char stop_id[STREAM_ID_MAX];
    if (!read_arguments(context, argc, argv, &a))
        return EXIT_USAGE;
    if (!session_open(&session, context))
        return EXIT_FAILED;
    warn_unknown(&session, &a.scope);
    bool good = session_state(&session) && set_hold(&session, &a, stop_id);
    if (!good)
        say_way_out(&session, &a.scope);
    /* Counted afterwards: what is asked for in an emergency does not wait for a reading. */
    bool counted = good && count_bared(&session, &a.scope, &bared);
    if (good)
        warn_unknown_alarm(&session, &a.scope);
    if (good && !context->json)
        print_bared(context, &a.scope, &bared, counted, &obeyed);
    bool known = good && obeyed_wait(&session, stop_id, &obeyed);
    if (good && context->json)
        print_bared(context, &a.scope, &bared, counted, &obeyed);
    good = known && obeyed_say(context, &obeyed, "withdraw-all");
    obeyed_done(&obeyed);
    session_close(&session);
    return good ? EXIT_DONE : EXIT_FAILED;
}

/* --- resume -------------------------------------------------------------------------------------
 */

static bool end_hold(struct session *session, const struct hold_arguments *a, size_t *ret_ended,
                     struct names *ret_left, char ret_stop_id[STREAM_ID_MAX])
{
    char hold[KEY_NAME_MAX], scope[SCOPE_TEXT_MAX], who[NAME_MAX_LEN + 1];
    uint64_t before = 0, after = 0;
    bool all = a->scope.kind == SCOPE_ALL;
    request_who(who);
    (void)scope_format(&a->scope, scope);
    (void)key_name(hold, session->prefix, KEY_HOLD);
    if (session_ask(session, session->state, "MULTI", NULL) == NULL ||
        session_ask(session, session->state, "HLEN", hold, NULL) == NULL ||
        session_ask(session, session->state, all ? "DEL" : "HDEL", hold, all ? NULL : scope,
                    NULL) == NULL ||
        !queue_stop(session, STOP_RESUME, scope, who, a->reason != NULL ? a->reason : "") ||
        session_ask(session, session->state, "HLEN", hold, NULL) == NULL)
        return false;
    const struct redis_reply *reply = execute(session, 4);
    if (reply == NULL || !redis_to_u64(&reply->items[0], &before) ||
        !redis_to_u64(&reply->items[3], &after))
        return false;
    *ret_ended = before > after ? before - after : 0;
    copy_id(ret_stop_id, &reply->items[2]);
    return names_of_reply(session, session_ask(session, session->state, "HKEYS", hold, NULL),
                          ret_left);
}

static void print_ended(const struct command_context *context, const struct scope *scope,
                        size_t ended, const struct names *left, const struct obeyed *obeyed)
{
    char text[SCOPE_TEXT_MAX];
    (void)scope_format(scope, text);
    if (context->json) {
        json_t *object = json_object(), *list = json_array();
        for (size_t i = 0; i < left->count; i++)
            (void)json_array_append_new(list, show_json_text(left->items[i]));
        (void)json_object_set_new(object, "scope", show_json_text(text));
        (void)json_object_set_new(object, "ended", show_json_u64(ended));
        (void)json_object_set_new(object, "holds_left", list);
        (void)json_object_set_new(object, "speakers", obeyed_json(obeyed));
        (void)show_json(object);
        return;
    }
    if (ended == 0)
        show_print(stdout,
                   "no hold on %s stood in Redis; speakers were told to end what they hold by "
                   "themselves\n",
                   text);
    else
        show_print(stdout, "%zu hold%s ended\n", ended, ended == 1 ? "" : "s");
    for (size_t i = 0; i < left->count; i++)
        show_print(stdout, "still on hold: %s\n", left->items[i]);
}

int resume_run(const struct command_context *context, int argc, char **argv)
{
    struct hold_arguments a;
    struct session session;
    struct names left = {0};
    struct obeyed obeyed = {0};
    char stop_id[STREAM_ID_MAX];
    size_t ended = 0;
    if (!read_arguments(context, argc, argv, &a))
        return EXIT_USAGE;
    if (!session_open(&session, context))
        return EXIT_FAILED;
    bool good = session_state(&session) && end_hold(&session, &a, &ended, &left, stop_id);
    if (good && !context->json)
        print_ended(context, &a.scope, ended, &left, &obeyed);
    bool known = good && obeyed_wait(&session, stop_id, &obeyed);
    if (good && context->json)
        print_ended(context, &a.scope, ended, &left, &obeyed);
    good = known && obeyed_say(context, &obeyed, "resume");
    obeyed_done(&obeyed);
    names_done(&left);
    session_close(&session);
    return good ? EXIT_DONE : EXIT_FAILED;
}
