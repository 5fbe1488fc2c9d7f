#include "common/service/config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* What only several parts of the file together show. Positions come from the tree. */

enum {
    SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1,
    LONGEST_SOCKET = sizeof("/telemetry.sock") - 1 /* of those that stand in run_dir */
};

struct name_entry {
    const char *name;
    struct config_pos pos;
    size_t index;
};

struct names {
    const char *what; /* "peer" */
    struct name_entry *items;
    size_t count;
    bool has_gaps; /* some names could not be read, so nothing can be called unknown */
};

/* --- names --------------------------------------------------------------------------------------
 */

static int compare_entries(const void *a, const void *b)
{
    const struct name_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

static void add_name(struct names *names, const struct config_node *node, size_t index)
{
    if (node != NULL && node->kind == NODE_SCALAR && config_is_name(node->text))
        names->items[names->count++] = (struct name_entry){node->text, node->pos, index};
    else
        names->has_gaps = true;
}

/* The names of a list of sections, or the keys of a map, sorted. */
static struct names collect_names(struct config_read *r, const struct config_node *node,
                                  const char *what)
{
    struct names names = {.what = what};
    names.has_gaps = !config_shows_all(r, node);
    if (node == NULL)
        return names;
    names.items = arena_take_many(r->arena, node->count, sizeof(struct name_entry));
    if (names.items == NULL)
        return names;
    size_t index = 0;
    for (const struct config_node *n = node->first; n != NULL; n = n->next)
        add_name(&names, node->kind == NODE_MAP ? n->key : node_child(n, "name"), index++);
    if (names.count > 0)
        qsort(names.items, names.count, sizeof(struct name_entry), compare_entries);
    return names;
}

static void refuse_twins(struct config_read *r, const struct names *names)
{
    for (size_t i = 1; i < names->count; i++)
        if (strcmp(names->items[i].name, names->items[i - 1].name) == 0)
            config_error(r->errors, names->items[i].pos,
                         "%s \"%s\" is repeated, expected unique names; it stands in line %u "
                         "already",
                         names->what, names->items[i].name, names->items[i - 1].pos.line);
}

static const struct name_entry *find_name(const struct names *names, const char *name)
{
    const struct name_entry wanted = {.name = name};
    size_t low = 0, high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(names->items[middle].name, wanted.name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < names->count && strcmp(names->items[low].name, name) == 0;
    return found ? &names->items[low] : NULL;
}

static const char *nearest_entry(const struct names *names, const char *name)
{
    const char *some[64];
    size_t count = names->count < 64 ? names->count : 64;
    for (size_t i = 0; i < count; i++)
        some[i] = names->items[i].name;
    return config_nearest(name, some, count);
}

static void check_names(struct config_read *r)
{
    const struct config_node *redis = node_child(r->root, "redis");
    const struct config_node *telemetry = node_child(redis, "telemetry");
    struct names of[KIND_COUNT] = {
        [KIND_TELEMETRY] = collect_names(r, telemetry, "telemetry server"),
        [KIND_PEER] = collect_names(r, node_child(r->root, "peers"), "peer"),
        [KIND_PLATFORM] = collect_names(r, node_child(r->root, "platforms"), "platform"),
        [KIND_METHOD] = collect_names(r, node_child(r->root, "methods"), "method"),
    };
    struct names others[] = {
        collect_names(r, node_child(r->root, "shards"), "shard"),
        collect_names(r, node_child(r->root, "networks"), "network"),
        collect_names(r, node_child(r->root, "exporters"), "exporter"),
        collect_names(r, node_child(r->root, "policies"), "policy"),
        collect_names(r, node_child(r->root, "profiles"), "profile"),
    };
    struct name_entry default_server = {"t1", {0}, 0};
    if (telemetry == NULL)
        of[KIND_TELEMETRY] =
            (struct names){"telemetry server", &default_server, 1, !config_shows_all(r, redis)};
    for (size_t i = 0; i < KIND_COUNT; i++)
        refuse_twins(r, &of[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        refuse_twins(r, &others[i]);

    for (struct config_reference *ref = r->references; ref != NULL; ref = ref->next) {
        const struct names *names = &of[ref->kind];
        const struct name_entry *entry = find_name(names, ref->name);
        if (entry != NULL && ref->ret_index != NULL)
            *ref->ret_index = entry->index;
        if (entry != NULL || names->has_gaps)
            continue;
        const char *near = nearest_entry(names, ref->name);
        config_error(r->errors, ref->pos, "%s: no %s is called \"%s\", expected %s%s%s", ref->key,
                     names->what, ref->name, near != NULL ? "\"" : "the name of one",
                     near != NULL ? near : "", near != NULL ? "\"?" : "");
    }
}

/* --- the house ----------------------------------------------------------------------------------
 */

struct config_pos config_pos_of_key(const struct config_node *map, const char *key)
{
    const struct config_node *node = node_child(map, key);
    return node != NULL ? node->pos : map != NULL ? map->pos : (struct config_pos){0};
}

static void check_slots(struct config_read *r)
{
    const struct config *c = r->config;
    uint64_t seen = 0;
    if (!config_shows_all(r, node_child(r->root, "shards")))
        return;
    for (size_t i = 0; i < c->shard_count; i++) {
        const struct config_shard *shard = &c->shards[i];
        if (shard->slots == 0)
            return; /* could not be read, which was said */
        uint64_t twice = seen & shard->slots;
        if (twice != 0)
            config_error(r->errors, shard->pos,
                         "slot %d is in another shard already, expected each slot in one",
                         __builtin_ctzll(twice));
        seen |= shard->slots;
    }
    if (~seen != 0)
        config_error(r->errors, config_pos_of_key(r->root, "shards"),
                     "slot %d is in no shard, expected each of 0 to 63 in one",
                     __builtin_ctzll(~seen));
}

static void check_folders(struct config_read *r)
{
    struct config *c = r->config;
    if (c->run_dir == NULL || c->state_dir == NULL)
        return;
    size_t room = SOCKET_PATH_MAX - LONGEST_SOCKET;
    if (strlen(c->run_dir) > room)
        config_error(r->errors, config_pos_of_key(r->root, "run_dir"),
                     "run_dir: %zu octets, expected at most %zu so that sockets fit into it",
                     strlen(c->run_dir), room);
    struct config_speaker *speaker = &c->speaker;
    if (speaker->socket != NULL && speaker->socket[0] != '/')
        speaker->socket = arena_format(r->arena, "%s/%s", c->run_dir, speaker->socket);
    if (speaker->adapter.path != NULL && speaker->adapter.path[0] != '/')
        speaker->adapter.path = arena_format(r->arena, "%s/%s", c->run_dir, speaker->adapter.path);
    if (speaker->journal != NULL && speaker->journal[0] != '/')
        speaker->journal = arena_format(r->arena, "%s/%s", c->state_dir, speaker->journal);
    struct config_collector *collector = &c->collector;
    if (collector->archive.dir != NULL && collector->archive.dir[0] != '/')
        collector->archive.dir =
            arena_format(r->arena, "%s/%s", c->state_dir, collector->archive.dir);
    if (speaker->socket != NULL && strlen(speaker->socket) > SOCKET_PATH_MAX)
        config_error(r->errors, config_pos_of_key(node_child(r->root, "speaker"), "socket"),
                     "socket: %zu octets with run_dir, expected at most %d",
                     strlen(speaker->socket), (int)SOCKET_PATH_MAX);
}

static void check_adapter(struct config_read *r)
{
    const struct config_speaker *speaker = &r->config->speaker;
    const struct config_node *node = node_child(node_child(r->root, "speaker"), "adapter_socket");
    if (speaker->adapter.path == NULL || speaker->socket == NULL)
        return;
    if (strlen(speaker->adapter.path) > SOCKET_PATH_MAX)
        config_error(r->errors, config_pos_of_key(node, "path"),
                     "path: %zu octets with run_dir, expected at most %d",
                     strlen(speaker->adapter.path), (int)SOCKET_PATH_MAX);
    if (speaker->adapter.enabled && strcmp(speaker->adapter.path, speaker->socket) == 0)
        config_error(r->errors, config_pos_of_key(node, "path"),
                     "path: \"%s\" is the speaker's socket, expected another",
                     speaker->adapter.path);
}

static int compare_endpoints(const void *a, const void *b)
{
    const struct ip_endpoint *x = a, *y = b;
    int order = addr_compare(&x->addr, &y->addr);
    return order != 0 ? order : x->port - y->port;
}

/* The list has at most 64 items, so each is compared with each. */
static void check_endpoints(struct config_read *r, const struct config_node *list,
                            const struct ip_endpoint *items, size_t count, const char *key)
{
    for (size_t i = 0; i < count && list != NULL; i++)
        for (size_t j = 0; j < i; j++)
            if (compare_endpoints(&items[i], &items[j]) == 0 && items[i].port != 0) {
                config_error(r->errors, node_item(list, i)->pos,
                             "%s: \"%s\" is repeated, expected once", key,
                             node_item(list, i)->text);
                break;
            }
}

/* --- exporters, profiles
 * ---------------------------------------------------------------------------
 */

static int compare_exporters(const void *a, const void *b)
{
    const struct config_exporter *x = *(struct config_exporter *const *)a;
    const struct config_exporter *y = *(struct config_exporter *const *)b;
    int order = addr_compare(&x->address.addr, &y->address.addr);
    if (order == 0)
        order = x->address.len - y->address.len;
    return order != 0 ? order : (x > y) - (x < y);
}

static void check_exporters(struct config_read *r)
{
    struct config *c = r->config;
    const struct config_node *dry_run = node_child(r->root, "dry_run");
    const struct config_node *list = node_child(r->root, "exporters");
    if (!c->dry_run && config_shows_all(r, list) && (list == NULL || list->count == 0))
        config_error(r->errors, dry_run->pos,
                     "dry_run: dry run cannot be left while every sender counts, expected a list "
                     "of exporters");
    const struct config_exporter **sorted =
        arena_take_many(r->arena, c->exporter_count, sizeof(*sorted));
    if (sorted == NULL || c->exporter_count == 0)
        return;
    for (size_t i = 0; i < c->exporter_count; i++)
        sorted[i] = &c->exporters[i];
    qsort(sorted, c->exporter_count, sizeof(*sorted), compare_exporters);
    for (size_t i = 1; i < c->exporter_count; i++)
        if (sorted[i]->address.addr.family != ADDR_NONE &&
            prefix_equal(&sorted[i]->address, &sorted[i - 1]->address))
            config_error(r->errors, sorted[i]->pos,
                         "an exporter with the address of another, expected each once; it stands "
                         "in line %u already",
                         sorted[i - 1]->pos.line);
}

/* A profile of one's own whose name could not be read may be the one that a peer names. */
static void forget_own_profiles(struct config_read *r)
{
    struct names own = collect_names(r, node_child(r->root, "profiles"), "profile");
    for (size_t i = 0; i < r->config->peer_count; i++) {
        struct config_text *profile = &r->config->peers[i].profile;
        if (profile->value != NULL && (own.has_gaps && find_name(&own, profile->value) == NULL))
            *profile = (struct config_text){0};
    }
}

/* --- policies -----------------------------------------------------------------------------------
 */

/*
 * An exporter keeps a running flow to itself for its active timeout: until that has passed, silence
 * is not peace. What was left out is raised; what was written too low is an error.
 */
static void check_clear(struct config_read *r, struct config_policy *policy,
                        const struct config_node *node, uint64_t longest_ms)
{
    const struct config_node *n = node_child(node, "thresholds");
    n = n != NULL ? n->first : NULL;
    for (size_t i = 0; i < policy->threshold_count && n != NULL; i++, n = n->next) {
        struct config_threshold *threshold = &policy->thresholds[i];
        const struct config_node *after = node_child(node_child(n, "clear"), "after");
        uint64_t least_ms = longest_ms + policy->window_ms;
        char text[TEXT_QUANTITY_MAX];
        if (longest_ms == 0 || threshold->clear_after_ms >= least_ms)
            continue;
        if (after == NULL)
            threshold->clear_after_ms = least_ms;
        else if (after->kind == NODE_SCALAR)
            config_error(r->errors, after->pos,
                         "after: \"%.20s\", expected at least %s: the longest active_timeout of an "
                         "exporter and the window",
                         after->text, text_format_duration_ms(least_ms, text));
    }
}

static void check_policies(struct config_read *r)
{
    struct config *c = r->config;
    uint64_t longest_ms = 0;
    for (size_t i = 0; i < c->exporter_count; i++)
        if (c->exporters[i].active_timeout_ms > longest_ms)
            longest_ms = c->exporters[i].active_timeout_ms;
    const struct config_node *n = node_child(r->root, "policies");
    n = n != NULL ? n->first : NULL;
    for (size_t i = 0; i < c->policy_count && n != NULL; i++, n = n->next)
        check_clear(r, &c->policies[i], n, longest_ms);
}

void config_check(struct config_read *r)
{
    const struct config_node *collector = node_child(r->root, "collector");
    const struct config_node *speaker = node_child(r->root, "speaker");
    if (config_gave_up(r))
        return;
    check_names(r);
    check_slots(r);
    check_folders(r);
    check_adapter(r);
    check_endpoints(r, node_child(collector, "udp"), r->config->collector.udp,
                    r->config->collector.udp_count, "udp");
    check_endpoints(r, node_child(speaker, "listen"), r->config->speaker.listen,
                    r->config->speaker.listen_count, "listen");
    check_exporters(r);
    config_check_sessions(r);
    forget_own_profiles(r);
    check_policies(r);
}
