#include "ctl/load.h"

#include "ctl/show.h"

#include <stdlib.h>

const struct load_kind load_alarms = {
    KEY_ALARM, KEY_ALARMS_ACTIVE, "alarm", "no alarm is active", "times.crossed_ms", noun_alarm_of};
const struct load_kind load_mitigations = {KEY_MITIGATION,     KEY_MITIGATIONS_ACTIVE,
                                           "mitigation",       "no mitigation stands",
                                           "times.created_ms", noun_mitigation_of};

struct sortable {
    uint64_t at;
    size_t index;
    json_t *item;
};

static int newest_first(const void *left, const void *right)
{
    const struct sortable *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? 1 : -1;
    return (a->index > b->index) - (a->index < b->index);
}

void load_sort(json_t *array, const char *path)
{
    size_t count = json_array_size(array);
    struct sortable *items = calloc(count > 0 ? count : 1, sizeof *items);
    if (items == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        items[i].item = json_incref(json_array_get(array, i));
        items[i].index = i;
        items[i].at = show_u64(items[i].item, path);
    }
    qsort(items, count, sizeof *items, newest_first);
    (void)json_array_clear(array);
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, items[i].item);
    free(items);
}

static const struct redis_reply *read_hash(const struct session *session,
                                           const struct load_kind *kind, const char *id)
{
    char key[KEY_NAME_MAX];
    if (key_name(key, session->prefix, kind->hash, id) == NULL) {
        (void)command_failed(session->context, "%.40s…: no id is that long", id);
        return NULL;
    }
    return session_ask(session, session->state, "HGETALL", key, NULL);
}

bool load_all(struct session *session, const struct load_kind *kind, bool ended_too,
              struct load_list *ret_list)
{
    char active[KEY_NAME_MAX];
    struct names ids;
    *ret_list = (struct load_list){.items = json_array()};
    (void)key_name(active, session->prefix, kind->active);
    bool good = ended_too ? names_scan(session, session->state, kind->hash, &ids)
                          : names_of_reply(session,
                                           session_ask(session, session->state, "ZRANGE", active,
                                                       "0", "-1", NULL),
                                           &ids);
    if (!good)
        goto fail;
    for (size_t i = 0; good && i < ids.count; i++) {
        json_t *object = NULL;
        const struct redis_reply *hash = read_hash(session, kind, ids.items[i]);
        good = hash != NULL;
        /* A hash that went between the two readings is gone, and no error. */
        if (!good || (hash->type == REDIS_ARRAY && hash->count == 0))
            continue;
        if (kind->noun_of(hash, &object) == STATUS_OK) {
            (void)json_array_append_new(ret_list->items, object);
            continue;
        }
        ret_list->unreadable++;
        (void)command_failed(session->context,
                             "%s %s cannot be read: damaged, or written by a newer weir",
                             kind->what, ids.items[i]);
    }
    names_done(&ids);
    if (!good)
        goto fail;
    load_sort(ret_list->items, kind->born);
    return true;
fail:
    json_decref(ret_list->items);
    ret_list->items = NULL;
    return false;
}

bool load_one(struct session *session, const struct load_kind *kind, const char *id,
              json_t **ret_object)
{
    const struct redis_reply *hash = read_hash(session, kind, id);
    if (hash == NULL)
        return false;
    if (hash->type != REDIS_ARRAY || hash->count == 0)
        return command_failed(session->context,
                              "there is no %s %s; weir %ss --all lists those that Redis has",
                              kind->what, id, kind->what) == EXIT_DONE;
    if (kind->noun_of(hash, ret_object) == STATUS_OK)
        return true;
    return command_failed(session->context,
                          "%s %s cannot be read: damaged, or written by a newer weir", kind->what,
                          id) == EXIT_DONE;
}

int load_list_command(const struct command_context *context, const struct load_kind *kind,
                      load_print print, int argc, char **argv)
{
    bool all = false;
    const struct command_option options[] = {COMMAND_FLAG("--all", all)};
    if (!command_options(context, &argc, argv, options, 1))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s (weir %s ID shows one)", argv[1],
                                   kind->what);
    struct session session;
    struct load_list list = {0};
    uint64_t now_ms = 0;
    if (!session_open(&session, context))
        return EXIT_FAILED;
    bool good = session_state(&session) && load_all(&session, kind, all, &list) &&
                (now_ms = session_now_ms(&session, session.state)) != 0;
    if (good && context->json)
        (void)show_json(json_incref(list.items));
    else if (good && json_array_size(list.items) > 0)
        print(list.items, now_ms);
    else if (good && all)
        printf("Redis has no %s\n", kind->what);
    else if (good)
        printf("%s; --all shows those that have ended\n", kind->none);
    json_decref(list.items);
    session_close(&session);
    return good && list.unreadable == 0 ? EXIT_DONE : EXIT_FAILED;
}

int load_one_command(const struct command_context *context, const struct load_kind *kind,
                     load_print print, int argc, char **argv)
{
    if (!command_options(context, &argc, argv, NULL, 0))
        return EXIT_USAGE;
    if (argc != 2)
        return command_usage_error(context, "needs one ID, as weir %ss shows it", kind->what);
    struct session session;
    json_t *object = NULL;
    uint64_t now_ms = 0;
    if (!session_open(&session, context))
        return EXIT_FAILED;
    bool good = session_state(&session) && load_one(&session, kind, argv[1], &object) &&
                (now_ms = session_now_ms(&session, session.state)) != 0;
    if (good && context->json)
        (void)show_json(json_incref(object));
    else if (good)
        print(object, now_ms);
    json_decref(object);
    session_close(&session);
    return good ? EXIT_DONE : EXIT_FAILED;
}
