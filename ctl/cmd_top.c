#include "common/model/model.h"
#include "ctl/commands.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/terminal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The heaviest keys of each policy's count, from every telemetry server: a key lives on one. */
enum { SHOWN_ONCE = 20, REDRAW_MS = 1000, SERVERS_MAX = 64 };

struct top_run {
    struct session session;
    struct model *model;
    struct redis_sync *servers[SERVERS_MAX];
    const char *policy; /* only this one; NULL: all */
    struct text away;   /* servers that did not answer this time, and why */
};

/* A network stands in a key as the hash of its contents; its name says more. */
static json_t *named_key(const struct model *model, const char *key)
{
    static const char label[] = "dst_network=";
    const char *at = strstr(key, label), *name = NULL;
    char *end = NULL;
    if (at != NULL) {
        uint64_t id = strtoull(at + sizeof label - 1, &end, 16);
        name = model_network_name(model, id);
    }
    if (name == NULL)
        return show_json_text(key);
    struct text text;
    text_init(&text, 0);
    text_add_bytes(&text, key, (size_t)(at - key));
    text_addf(&text, "%s%s%s", label, name, end);
    json_t *value = show_json_text(text_str(&text));
    text_done(&text);
    return value;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static struct redis_sync *server_at(struct top_run *run, size_t i)
{
    const struct config_redis_server *server = &run->session.config->redis.telemetry[i];
    if (run->servers[i] == NULL) {
        struct text why;
        text_init(&why, 0);
        run->servers[i] = session_connect(&run->session, server, &why);
        if (run->servers[i] == NULL)
            text_addf(&run->away, "telemetry Redis %s is away: %s\n", server->name, text_str(&why));
        text_done(&why);
    }
    return run->servers[i];
}

/* The strongest of the count's thresholds in bits a second: what the share is of. */
static double lowest_bps(const struct model_count *count)
{
    double lowest = 0;
    for (size_t i = 0; i < count->window_count; i++)
        if (count->windows[i].lowest_bytes > 0 && count->windows[i].lowest_bytes < 1e300 &&
            (lowest == 0 || count->windows[i].lowest_bytes < lowest))
            lowest = count->windows[i].lowest_bytes;
    return lowest * 8;
}

static void read_server(struct top_run *run, size_t i, const struct model_count *count,
                        json_t *keys)
{
    char id[20], key[KEY_NAME_MAX];
    const struct redis_reply *reply;
    struct redis_sync *redis = server_at(run, i);
    if (redis == NULL)
        return;
    (void)snprintf(id, sizeof id, "%016" PRIx64, count->id);
    (void)key_name(key, run->session.prefix, KEY_TOP, id);
    if (redis_sync_commandf(redis, &reply, "ZREVRANGE %s 0 99 WITHSCORES", key) != STATUS_OK) {
        text_addf(&run->away, "telemetry Redis %s: %s\n",
                  run->session.config->redis.telemetry[i].name, redis_sync_error(redis));
        return;
    }
    double limit = lowest_bps(count);
    for (size_t at = 0; reply->type == REDIS_ARRAY && at + 1 < reply->count; at += 2) {
        const struct redis_reply *member = &reply->items[at], *score = &reply->items[at + 1];
        if (member->type != REDIS_STRING || score->type != REDIS_STRING)
            continue;
        double bps = strtod(score->bytes, NULL) * 8;
        json_t *item = json_object();
        (void)json_object_set_new(item, "key", named_key(run->model, member->bytes));
        (void)json_object_set_new(item, "bps", show_json_number(bps));
        (void)json_object_set_new(item, "share_of_threshold",
                                  limit > 0 ? show_json_number(bps / limit) : json_null());
        (void)json_array_append_new(keys, item);
    }
}

static int heaviest_first(const void *left, const void *right)
{
    json_t *const *a = left, *const *b = right;
    double x = show_number(*a, "bps"), y = show_number(*b, "bps");
    return (x < y) - (x > y);
}

static void sort_keys(json_t *keys)
{
    size_t count = json_array_size(keys);
    json_t **items = calloc(count > 0 ? count : 1, sizeof *items);
    if (items == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        items[i] = json_incref(json_array_get(keys, i));
    qsort(items, count, sizeof *items, heaviest_first);
    (void)json_array_clear(keys);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(keys, items[i]);
    free(items);
}

/* [{"policy", "count", "label", "keys": [{"key", "bps", "share_of_threshold"}]}] */
static json_t *read_all(struct top_run *run)
{
    const struct config *c = run->session.config;
    json_t *list = json_array();
    text_clear(&run->away);
    for (size_t i = 0; i < c->policy_count; i++) {
        const struct model_count *count = &run->model->counts[run->model->policy_count[i]];
        char id[20];
        if (run->policy != NULL && strcmp(run->policy, c->policies[i].name) != 0)
            continue;
        json_t *object = json_object(), *keys = json_array();
        for (size_t s = 0; s < c->redis.telemetry_count && s < SERVERS_MAX; s++)
            read_server(run, s, count, keys);
        sort_keys(keys);
        (void)snprintf(id, sizeof id, "%016" PRIx64, count->id);
        (void)json_object_set_new(object, "policy", show_json_text(c->policies[i].name));
        (void)json_object_set_new(object, "count", json_string(id));
        (void)json_object_set_new(object, "label", show_json_text(count->label));
        (void)json_object_set_new(object, "keys", keys);
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* --- showing ------------------------------------------------------------------------------------
 */

static void format_policy(const json_t *policy, size_t rows, struct text *out)
{
    size_t i;
    json_t *item;
    json_t *keys = json_object_get(policy, "keys");
    struct text line;
    text_init(&line, 0);
    text_addf(&line, "%s: %s", show_string(policy, "policy"), show_string(policy, "label"));
    show_add_safe(out, text_str(&line));
    text_add(out, "\n");
    json_array_foreach(keys, i, item)
    {
        char rate[TEXT_QUANTITY_MAX], share[32] = "";
        if (i >= rows)
            break;
        if (json_is_number(show_member(item, "share_of_threshold")))
            (void)snprintf(share, sizeof share, "%.1f%%",
                           show_number(item, "share_of_threshold") * 100);
        text_clear(&line);
        text_addf(&line, "  %12s  %8s  %s", text_format_bit_rate(show_number(item, "bps"), rate),
                  share, show_string(item, "key"));
        show_add_safe(out, text_str(&line));
        text_add(out, "\n");
    }
    if (json_array_size(keys) == 0)
        text_add(out, "  nothing counted\n");
    text_done(&line);
}

static void format_all(const json_t *list, size_t rows, struct text *out)
{
    size_t i;
    json_t *policy;
    json_array_foreach(list, i, policy) format_policy(policy, rows, out);
}

static int show_once(struct top_run *run)
{
    json_t *list = read_all(run);
    if (run->session.context->json) {
        (void)show_json(json_incref(list));
    } else {
        struct text out;
        text_init(&out, 0);
        format_all(list, SHOWN_ONCE, &out);
        (void)fputs(text_str(&out), stdout);
        if (json_array_size(list) == 0 && run->away.len == 0)
            show_print(stdout, "nothing is counted: %s has no policies\n",
                       run->session.config->file);
        text_done(&out);
    }
    json_decref(list);
    if (run->away.len == 0)
        return EXIT_DONE;
    return command_failed(run->session.context, "%s", text_str(&run->away));
}

static int show_live(struct top_run *run)
{
    struct terminal terminal;
    struct text out;
    if (!terminal_open(&terminal))
        return show_once(run);
    text_init(&out, 0);
    do {
        unsigned int rows, columns;
        json_t *list = read_all(run);
        size_t policies = json_array_size(list);
        terminal_size(&rows, &columns);
        text_clear(&out);
        text_add(&out, "  bits a second, of the lowest threshold, key (q ends)\n");
        /* A head a policy, one line above, one for what is away. */
        size_t left = rows > policies + 2 ? rows - policies - 2 : 1;
        format_all(list, policies > 0 ? left / policies : 0, &out);
        show_add_safe(&out, text_str(&run->away));
        terminal_draw(text_str(&out));
        json_decref(list);
    } while (terminal_wait(REDRAW_MS));
    terminal_close(&terminal);
    text_done(&out);
    return EXIT_DONE;
}

static bool policy_exists(const struct top_run *run)
{
    const struct config *c = run->session.config;
    for (size_t i = 0; run->policy != NULL && i < c->policy_count; i++)
        if (strcmp(c->policies[i].name, run->policy) == 0)
            return true;
    return run->policy == NULL;
}

static bool open_model(struct top_run *run)
{
    struct config_errors errors;
    config_errors_init(&errors, run->session.config->file);
    run->model = model_new(run->session.config, &errors);
    if (run->model == NULL)
        (void)command_failed(run->session.context,
                             "the configuration cannot be used (see weir check):\n%s",
                             text_str(&errors.lines));
    config_errors_done(&errors);
    return run->model != NULL;
}

int top_run(const struct command_context *context, int argc, char **argv)
{
    struct top_run run = {0};
    bool once = false;
    int result = EXIT_FAILED;
    const struct command_option options[] = {COMMAND_VALUE("--policy", run.policy),
                                             COMMAND_FLAG("--once", once)};
    if (!command_options(context, &argc, argv, options, 2))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s", argv[1]);
    text_init(&run.away, 0);
    if (!session_open(&run.session, context))
        return EXIT_FAILED;
    if (!policy_exists(&run))
        (void)command_failed(context, "%s has no policy %s", run.session.config->file, run.policy);
    else if (open_model(&run))
        result = once || context->json || !terminal_is_there() ? show_once(&run) : show_live(&run);
    for (size_t i = 0; i < SERVERS_MAX; i++)
        redis_sync_close(run.servers[i]);
    model_free(run.model);
    session_close(&run.session);
    text_done(&run.away);
    return result;
}
