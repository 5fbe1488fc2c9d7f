#include "ctl/commands.h"
#include "ctl/nouns.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "proto/scope.h"

#include <string.h>

/* What is alive, what it runs, and what of it a person should look at. */
struct status_report {
    struct session session;
    json_t *redis, *processes, *holds, *warnings;
    json_t *state; /* leader, epoch, alarms, mitigations */
    bool away;     /* a server could not be asked */
};

static void warn(struct status_report *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void warn(struct status_report *r, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return;
    (void)json_array_append_new(r->warnings, show_json_text(text));
    free(text);
}

static void put_server(struct status_report *r, const char *role,
                       const struct config_redis_server *server, const char *why)
{
    json_t *object = json_object();
    (void)json_object_set_new(object, "role", json_string(role));
    (void)json_object_set_new(object, "name", show_json_text(server->name));
    (void)json_object_set_new(object, "address", show_json_text(server->address));
    (void)json_object_set_new(object, "up", json_boolean(why == NULL));
    (void)json_object_set_new(object, "why", why == NULL ? json_null() : show_json_text(why));
    (void)json_array_append_new(r->redis, object);
    if (why == NULL)
        return;
    r->away = true;
    warn(r, "%s Redis %s is away: %s", role, server->name, why);
}

/* --- processes ----------------------------------------------------------------------------------
 */

/* A process writes itself to each telemetry server; the first that has it is enough. */
static bool is_listed(const json_t *processes, const char *kind, const char *name)
{
    size_t i;
    json_t *p;
    json_array_foreach(processes, i, p) if (strcmp(show_string(p, "kind"), kind) == 0 &&
                                            strcmp(show_string(p, "name"), name) == 0) return true;
    return false;
}

static bool add_process(struct status_report *r, struct redis_sync *redis, const char *kind,
                        const char *name, uint64_t now_ms)
{
    char key[KEY_NAME_MAX];
    static const char *const numbers[] = {"epoch", "pid", "offset_ms"};
    if (key_name(key, r->session.prefix, KEY_PROCESS, kind, name) == NULL)
        return true;
    const struct redis_reply *hash = session_ask(&r->session, redis, "HGETALL", key, NULL);
    if (hash == NULL)
        return false;
    if (hash->type != REDIS_ARRAY || hash->count == 0)
        return true;
    json_t *process = noun_plain(hash);
    (void)json_object_set_new(process, "kind", show_json_text(kind));
    (void)json_object_set_new(process, "name", show_json_text(name));
    noun_numbers(process, numbers, sizeof numbers / sizeof numbers[0], false);
    uint64_t epoch_ms = show_u64(process, "epoch");
    (void)json_object_set_new(process, "up_ms",
                              show_json_u64(now_ms > epoch_ms ? now_ms - epoch_ms : 0));
    (void)json_array_append_new(r->processes, process);
    return true;
}

static void look_at_telemetry(struct status_report *r, const struct config_redis_server *server)
{
    struct text why;
    struct names names = {0};
    text_init(&why, 0);
    struct redis_sync *redis = session_connect(&r->session, server, &why);
    put_server(r, "telemetry", server, redis == NULL ? text_str(&why) : NULL);
    text_done(&why);
    if (redis == NULL)
        return;
    uint64_t now_ms = session_now_ms(&r->session, redis);
    bool good = now_ms != 0 && names_scan(&r->session, redis, KEY_PROCESS, &names);
    for (size_t i = 0; good && i < names.count; i++) {
        char *name = strchr(names.items[i], ':');
        if (name == NULL)
            continue;
        *name++ = '\0';
        if (!is_listed(r->processes, names.items[i], name))
            good = add_process(r, redis, names.items[i], name, now_ms);
    }
    r->away = r->away || !good;
    names_done(&names);
    redis_sync_close(redis);
}

static void warn_of_missing(struct status_report *r)
{
    static const char *const kinds[] = {"collector", "policy", "speaker"};
    const struct config *c = r->session.config;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t at, alive = 0;
        json_t *p;
        json_array_foreach(r->processes, at, p) alive +=
            strcmp(show_string(p, "kind"), kinds[i]) == 0;
        if (alive == 0)
            warn(r, "no %s is alive", kinds[i]);
    }
    for (size_t i = 0; i < c->shard_count; i++)
        if (!is_listed(r->processes, "aggregator", c->shards[i].aggregator))
            warn(r, "aggregator %s is not alive: shard %s is blind", c->shards[i].aggregator,
                 c->shards[i].name);
}

/* Counts have their ids by the configuration's contents: processes that run different files do not
 * see each other's counts. */
static void warn_of_differences(struct status_report *r)
{
    size_t i;
    json_t *p;
    const char *version = NULL;
    json_array_foreach(r->processes, i, p)
    {
        const char *config = show_string(p, "config"), *its = show_string(p, "version");
        if (strcmp(config, r->session.config->hash) != 0)
            warn(r, "%s %s RUNS ANOTHER CONFIGURATION: %s, and %s is %s; reload it (SIGHUP)",
                 show_string(p, "kind"), show_string(p, "name"), config, r->session.config->file,
                 r->session.config->hash);
        if (version != NULL && strcmp(version, its) != 0)
            warn(r, "%s %s is of version %s, others are of %s", show_string(p, "kind"),
                 show_string(p, "name"), its, version);
        version = version == NULL ? its : version;
    }
}

/* What processes say of themselves in the registry that a person must know; the words stand around
 * what they say and who says it. */
static const struct {
    const char *field, *before, *between, *after;
} said[] = {
    {"unlisted", "NOT LISTED: ", " refused by ",
     ": their senders are not in `exporters:`; list those that are yours"},
    /* Through its own socket a speaker is held without Redis, so weir:hold does not tell of it. */
    {"holds", "ON HOLD: ", ", by the local socket of ",
     "; nothing of it is announced there until weir resume"},
    /* Nobody withdrew them, and nobody renews or withdraws them any more but policy that writes
     * them again, or their end. */
    {"missing", "STATE LOST: ", " mitigations stand at ",
     " and are not in the state Redis; their routes are kept until their lease or orphan_max ends"},
    /* It stays until that policy starts anew: what was lost beside it nobody has written back. */
    {"written_back", "STATE LOST: the state Redis was empty (", "), and ",
     " has written back what it knew; what had ended before, and the audit, are gone"},
};

static void warn_of_said(struct status_report *r)
{
    for (size_t field = 0; field < sizeof said / sizeof said[0]; field++) {
        size_t i;
        json_t *p;
        json_array_foreach(r->processes, i, p)
        {
            const char *what = show_string(p, said[field].field);
            if (what[0] != '\0')
                warn(r, "%s%s%s%s %s%s", said[field].before, what, said[field].between,
                     show_string(p, "kind"), show_string(p, "name"), said[field].after);
        }
    }
}

/* --- state --------------------------------------------------------------------------------------
 */

static bool put_count(struct status_report *r, const char *name, const char *command,
                      enum key_id id)
{
    char key[KEY_NAME_MAX];
    (void)key_name(key, r->session.prefix, id);
    const struct redis_reply *reply =
        session_ask(&r->session, r->session.state, command, key, NULL);
    if (reply == NULL)
        return false;
    (void)json_object_set_new(r->state, name, json_integer(reply->integer));
    return true;
}

static bool put_leader(struct status_report *r)
{
    char key[KEY_NAME_MAX], name[KEY_NAME_MAX] = "";
    uint64_t epoch = 0;
    (void)key_name(key, r->session.prefix, KEY_LEASE_POLICY);
    const struct redis_reply *reply = session_ask(&r->session, r->session.state, "GET", key, NULL);
    if (reply == NULL)
        return false;
    if (reply->type == REDIS_STRING) {
        (void)snprintf(name, sizeof name, "%s", reply->bytes);
        char *run_id = strrchr(name, ':'); /* "p1:<run id>" */
        if (run_id != NULL)
            *run_id = '\0';
    }
    (void)key_name(key, r->session.prefix, KEY_EPOCH_POLICY);
    reply = session_ask(&r->session, r->session.state, "GET", key, NULL);
    if (reply == NULL)
        return false;
    if (!redis_to_u64(reply, &epoch))
        epoch = 0;
    (void)json_object_set_new(r->state, "leader",
                              name[0] != '\0' ? show_json_text(name) : json_null());
    (void)json_object_set_new(r->state, "epoch", epoch != 0 ? show_json_u64(epoch) : json_null());
    if (name[0] == '\0')
        warn(r, "no policy leads: nothing is decided");
    return true;
}

static bool put_holds(struct status_report *r)
{
    char key[KEY_NAME_MAX];
    (void)key_name(key, r->session.prefix, KEY_HOLD);
    const struct redis_reply *hash =
        session_ask(&r->session, r->session.state, "HGETALL", key, NULL);
    if (hash == NULL)
        return false;
    for (size_t i = 0; hash->type == REDIS_ARRAY && i + 1 < hash->count; i += 2) {
        const struct redis_reply *scope = &hash->items[i], *value = &hash->items[i + 1];
        if (scope->type != REDIS_STRING || value->type != REDIS_STRING)
            continue;
        struct scope known;
        json_t *hold = json_object(), *given = json_loads(value->bytes, 0, NULL);
        const char *who = show_string(given, "who"), *why = show_string(given, "why");
        (void)json_object_set_new(hold, "scope", show_json_text(scope->bytes));
        (void)json_object_set_new(hold, "who", show_json_text(who));
        (void)json_object_set_new(hold, "why", show_json_text(given != NULL ? why : value->bytes));
        (void)json_object_set_new(hold, "at_ms", show_json_time(show_u64(given, "at_ms")));
        (void)json_array_append_new(r->holds, hold);
        const char *is_all = scope_parse(&known, scope->bytes) != STATUS_OK
                                 ? " (which is no scope, so EVERYTHING is on hold)"
                                 : "";
        warn(r, "ON HOLD: %s%s, by %s%s%s; nothing of it is announced until weir resume",
             scope->bytes, is_all, who[0] != '\0' ? who : "?", why[0] != '\0' ? ": " : "", why);
        json_decref(given);
    }
    return true;
}

static void look_at_state(struct status_report *r)
{
    struct text why;
    const struct config_redis_server *server = &r->session.config->redis.state;
    text_init(&why, 0);
    r->session.state = session_connect(&r->session, server, &why);
    put_server(r, "state", server, r->session.state == NULL ? text_str(&why) : NULL);
    text_done(&why);
    if (r->session.state == NULL)
        return;
    bool good = put_leader(r) && put_count(r, "alarms", "ZCARD", KEY_ALARMS_ACTIVE) &&
                put_count(r, "mitigations", "ZCARD", KEY_MITIGATIONS_ACTIVE) && put_holds(r);
    r->away = r->away || !good;
}

/* --- for people ---------------------------------------------------------------------------------
 */

static void print_processes(const json_t *processes)
{
    static const char *const heads[] = {"PROCESS", "NAME", "VERSION", "CONFIGURATION",
                                        ">UP",     ">PID", ">CLOCK"};
    char up[TEXT_QUANTITY_MAX];
    struct grid grid;
    size_t i;
    json_t *p;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(processes, i, p)
    {
        grid_add(&grid, show_string(p, "kind"));
        grid_add(&grid, show_string(p, "name"));
        grid_add(&grid, show_string(p, "version"));
        grid_add(&grid, show_string(p, "config"));
        grid_add(&grid, show_age(1, show_u64(p, "up_ms") + 1, up));
        grid_addf(&grid, "%llu", (unsigned long long)show_u64(p, "pid"));
        grid_addf(&grid, "%+.0f ms", show_number(p, "offset_ms"));
    }
    grid_print(&grid, stdout);
}

static void print_report(const struct status_report *r)
{
    size_t i;
    json_t *item;
    json_array_foreach(r->redis, i, item) show_print(
        stdout, "%-10s %-8s %s %s\n", show_string(item, "role"), show_string(item, "name"),
        show_string(item, "address"), show_truth(item, "up") ? "up" : "AWAY");
    if (json_object_size(r->state) > 0)
        show_print(stdout, "%-10s %s, epoch %llu; %llu alarms active, %llu mitigations stand\n",
                   "leader",
                   json_is_null(show_member(r->state, "leader")) ? "none"
                                                                 : show_string(r->state, "leader"),
                   (unsigned long long)show_u64(r->state, "epoch"),
                   (unsigned long long)show_u64(r->state, "alarms"),
                   (unsigned long long)show_u64(r->state, "mitigations"));
    show_print(stdout, "%-10s %s (%s)%s\n\n", "file", r->session.config->file,
               r->session.config->hash,
               r->session.config->dry_run ? ", dry run: nothing is announced" : "");
    if (json_array_size(r->processes) > 0)
        print_processes(r->processes);
    json_array_foreach(r->warnings, i, item)
        show_print(stdout, "%s! %s\n", i == 0 && json_array_size(r->processes) > 0 ? "\n" : "",
                   json_string_value(item));
    if (r->away)
        show_print(stdout, "is weir running? (weir up, or the redis services)\n");
}

int status_run(const struct command_context *context, int argc, char **argv)
{
    struct status_report r;
    if (!command_options(context, &argc, argv, NULL, 0))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s", argv[1]);
    memset(&r, 0, sizeof r);
    if (!session_open(&r.session, context))
        return EXIT_FAILED;
    r.redis = json_array();
    r.processes = json_array();
    r.holds = json_array();
    r.warnings = json_array();
    r.state = json_object();
    look_at_state(&r);
    for (size_t i = 0; i < r.session.config->redis.telemetry_count; i++)
        look_at_telemetry(&r, &r.session.config->redis.telemetry[i]);
    warn_of_missing(&r);
    warn_of_differences(&r);
    warn_of_said(&r);
    if (context->json) {
        (void)json_object_set(r.state, "redis", r.redis);
        (void)json_object_set(r.state, "processes", r.processes);
        (void)json_object_set(r.state, "holds", r.holds);
        (void)json_object_set(r.state, "warnings", r.warnings);
        (void)json_object_set_new(r.state, "config", show_json_text(r.session.config->hash));
        (void)json_object_set_new(r.state, "dry_run", json_boolean(r.session.config->dry_run));
        (void)show_json(json_incref(r.state));
    } else {
        print_report(&r);
    }
    json_decref(r.state);
    json_decref(r.redis);
    json_decref(r.processes);
    json_decref(r.holds);
    json_decref(r.warnings);
    session_close(&r.session);
    return r.away ? EXIT_FAILED : EXIT_DONE;
}
