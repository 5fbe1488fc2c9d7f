#include "common/model/model.h"
#include "ctl/commands.h"
#include "ctl/load.h"
#include "ctl/peer_show.h"
#include "ctl/show.h"
#include "flowspec/profile.h"

#include <string.h>

/* --- peers --------------------------------------------------------------------------------------
 */

static bool read_peers(const struct session *session, json_t *list)
{
    static const char *const texts[] = {"speaker",
                                        "peer",
                                        "address",
                                        "remote_id",
                                        "state",
                                        "since",
                                        "families",
                                        "last_error",
                                        "profile",
                                        "capabilities",
                                        "remote_capabilities",
                                        "quarantine"};
    struct names names;
    if (!names_scan(session, session->state, KEY_PEER, &names))
        return false;
    bool good = true;
    for (size_t i = 0; good && i < names.count; i++) {
        char key[KEY_NAME_MAX];
        char *peer = strchr(names.items[i], ':');
        if (peer == NULL)
            continue;
        *peer++ = '\0';
        if (key_name(key, session->prefix, KEY_PEER, names.items[i], peer) == NULL)
            continue;
        const struct redis_reply *hash = session_ask(session, session->state, "HGETALL", key, NULL);
        good = hash != NULL;
        if (!good || hash->type != REDIS_ARRAY || hash->count == 0)
            continue;
        json_t *object = noun_plain(hash);
        noun_numbers(object, texts, sizeof texts / sizeof texts[0], true);
        (void)json_object_set_new(object, "speaker", show_json_text(names.items[i]));
        (void)json_object_set_new(object, "peer", show_json_text(peer));
        (void)json_array_append_new(list, object);
    }
    names_done(&names);
    return good;
}

/* One that came from the prefix of that peer is called NAME@ADDRESS. */
static bool tells_of(const char *said, const struct config_peer *peer)
{
    size_t len = strlen(peer->name);
    return strncmp(said, peer->name, len) == 0 && (said[len] == '\0' || said[len] == '@');
}

/* A peer of the configuration that no speaker tells of is not known to be down: nobody knows. */
static void add_unknown(const struct config *config, json_t *list)
{
    for (size_t i = 0; i < config->peer_count; i++) {
        size_t at;
        json_t *p;
        bool found = false;
        json_array_foreach(list, at, p) found =
            found || tells_of(show_string(p, "peer"), &config->peers[i]);
        if (found)
            continue;
        json_t *object = json_object();
        (void)json_object_set_new(object, "speaker", json_null());
        (void)json_object_set_new(object, "peer", show_json_text(config->peers[i].name));
        bool waits = config_peer_is_dynamic(&config->peers[i]);
        (void)json_object_set_new(object, "state", json_string(waits ? "waiting" : "unknown"));
        (void)json_object_set_new(
            object, "last_error",
            json_string(waits ? "nobody of its prefix has come" : "no speaker tells of it"));
        (void)json_array_append_new(list, object);
    }
}

static void add_count(struct grid *grid, const json_t *object, const char *name)
{
    if (json_is_number(show_member(object, name)))
        grid_addf(grid, "%llu", (unsigned long long)show_u64(object, name));
    else
        grid_add(grid, "");
}

/* Rules, and blackholes and diversions beside them. */
static void add_announced(struct grid *grid, const json_t *peer, const char *rules,
                          const char *unicast)
{
    if (!json_is_number(show_member(peer, rules)))
        grid_add(grid, "");
    else
        grid_addf(grid, "%llu",
                  (unsigned long long)(show_u64(peer, rules) + show_u64(peer, unicast)));
}

static void print_peers(const json_t *list)
{
    static const char *const heads[] = {"PEER",     "SPEAKER", "ADDRESS",   "STATE",   "SINCE",
                                        "FAMILIES", ">IPV4",   ">IPV6",     ">WANTED", ">PENDING",
                                        ">REFUSED", ">FLAPS",  "LAST ERROR"};
    struct grid grid;
    size_t i;
    json_t *p;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(list, i, p)
    {
        grid_add(&grid, show_string(p, "peer"));
        grid_add(&grid, show_string(p, "speaker"));
        grid_add(&grid, show_string(p, "address"));
        grid_add(&grid, show_string(p, "state"));
        grid_add(&grid, show_string(p, "since"));
        grid_add(&grid, show_string(p, "families"));
        add_announced(&grid, p, "routes_ipv4", "routes_ipv4_unicast");
        add_announced(&grid, p, "routes_ipv6", "routes_ipv6_unicast");
        add_count(&grid, p, "wanted");
        add_count(&grid, p, "pending");
        add_count(&grid, p, "refused");
        add_count(&grid, p, "flaps");
        grid_add(&grid, show_string(p, "last_error"));
    }
    grid_print(&grid, stdout);
}

/* Only that peer, of whichever speakers tell of it. */
static void keep_one(json_t *list, const char *peer)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(show_string(json_array_get(list, i), "peer"), peer) != 0)
            (void)json_array_remove(list, i);
}

static void print_each(const json_t *list)
{
    size_t i;
    json_t *peer;
    json_array_foreach(list, i, peer)
    {
        if (i > 0)
            show_print(stdout, "\n");
        peer_show(peer);
    }
}

static bool show_peers(const struct session *session, const json_t *list, const char *peer)
{
    bool some = json_array_size(list) > 0;
    if (peer != NULL && !some) {
        (void)command_failed(session->context,
                             "there is no peer %s: not in %s, and no speaker "
                             "tells of it",
                             peer, session->config->file);
        return false;
    }
    if (session->context->json)
        (void)show_json(json_deep_copy(list));
    else if (peer != NULL)
        print_each(list);
    else if (some)
        print_peers(list);
    else
        printf("there is no peer: none in %s, and no speaker tells of one\n",
               session->config->file);
    return true;
}

int peers_run(const struct command_context *context, int argc, char **argv)
{
    struct session session;
    if (!command_options(context, &argc, argv, NULL, 0))
        return EXIT_USAGE;
    if (argc > 2)
        return command_usage_error(context, "takes one peer at most: %s", argv[2]);
    if (!session_open(&session, context))
        return EXIT_FAILED;
    const char *peer = argc == 2 ? argv[1] : NULL;
    json_t *list = json_array();
    bool good = session_state(&session) && read_peers(&session, list);
    if (good) {
        add_unknown(session.config, list);
        if (peer != NULL)
            keep_one(list, peer);
        good = show_peers(&session, list, peer);
    }
    json_decref(list);
    session_close(&session);
    return good ? EXIT_DONE : EXIT_FAILED;
}

/* --- routes -------------------------------------------------------------------------------------
 */

struct order_key {
    uint8_t bytes[ORDER_KEY_MAX];
    size_t len;
};

static bool order_key_of(const json_t *m, bool draft6, struct order_key *ret_key)
{
    uint8_t nlri[NLRI_MAX];
    size_t len;
    enum addr_family family = strcmp(show_string(m, "family"), "ipv6") == 0 ? ADDR_IPV6 : ADDR_IPV4;
    enum status s = text_parse_hex(nlri, sizeof nlri, &len, show_string(m, "nlri"));
    if (s == STATUS_OK && draft6)
        s = nlri_order_key_draft6(nlri, len, ret_key->bytes, sizeof ret_key->bytes, &ret_key->len);
    else if (s == STATUS_OK)
        s = nlri_order_key(family, nlri, len, ret_key->bytes, sizeof ret_key->bytes, &ret_key->len);
    return s == STATUS_OK;
}

static bool is_rule(const json_t *m)
{
    return strcmp(show_string(m, "route"), route_kind_name(ROUTE_FLOWSPEC)) == 0;
}

/* Before that one in rule order; each family has its own table, IPv4 is shown first, and behind the
 * rules of a family its blackholes and diversions. */
static bool goes_before(const json_t *a, const json_t *b, bool draft6)
{
    struct order_key x, y;
    int families = strcmp(show_string(a, "family"), show_string(b, "family"));
    if (families == 0 && is_rule(a) != is_rule(b))
        return is_rule(a);
    if (families == 0 && !is_rule(a))
        return strcmp(show_string(a, "nlri"), show_string(b, "nlri")) < 0;
    if (families != 0 || !order_key_of(a, draft6, &x) || !order_key_of(b, draft6, &y))
        return families < 0;
    int order = memcmp(x.bytes, y.bytes, x.len < y.len ? x.len : y.len);
    return order != 0 ? order < 0 : x.len < y.len;
}

static bool is_for(const json_t *m, const char *peer)
{
    size_t i;
    json_t *name, *peers = json_object_get(m, "peers");
    json_array_foreach(peers, i, name) if (strcmp(json_string_value(name), peer) == 0) return true;
    return json_array_size(peers) == 0;
}

/* What each speaker says it did: {"sp1": "sent"} of {"sp1/mx1": "sent"}. */
static json_t *results_at(const json_t *m, const char *peer)
{
    const char *name;
    json_t *value, *object = json_object();
    json_object_foreach(json_object_get(m, "results"), name, value)
    {
        const char *slash = strchr(name, '/');
        if (slash == NULL || strcmp(slash + 1, peer) != 0)
            continue;
        char *speaker = strndup(name, (size_t)(slash - name));
        if (speaker != NULL)
            (void)json_object_set(object, speaker, value);
        free(speaker);
    }
    return object;
}

static json_t *route_of(const json_t *m, const char *peer)
{
    static const char *const copied[] = {"rule",  "family",  "route",   "nlri",
                                         "state", "dry_run", "until_ms"};
    json_t *route = json_object();
    (void)json_object_set_new(route, "peer", show_json_text(peer));
    (void)json_object_set_new(route, "mitigation", show_json_text(show_string(m, "id")));
    for (size_t i = 0; i < sizeof copied / sizeof copied[0]; i++)
        (void)json_object_set(route, copied[i], json_object_get(m, copied[i]));
    (void)json_object_set_new(route, "results", results_at(m, peer));
    return route;
}

static void add_routes(const json_t *mitigations, const char *peer, bool ordered, bool draft6,
                       json_t *routes)
{
    size_t i, first = json_array_size(routes);
    json_t *m;
    json_array_foreach(mitigations, i, m)
    {
        if (!is_for(m, peer))
            continue;
        json_t *route = route_of(m, peer);
        size_t at = json_array_size(routes);
        while (ordered && at > first && goes_before(route, json_array_get(routes, at - 1), draft6))
            at--;
        (void)json_array_insert_new(routes, at, route);
    }
}

static void print_routes(const json_t *routes)
{
    static const char *const heads[] = {"PEER", "MITIGATION", "STATE", "RULE", "SENT BY"};
    struct grid grid;
    size_t i;
    json_t *route;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(routes, i, route)
    {
        const char *speaker;
        json_t *what;
        struct text results;
        text_init(&results, 0);
        json_object_foreach(json_object_get(route, "results"), speaker, what) text_addf(
            &results, "%s%s %s", results.len > 0 ? ", " : "", speaker, json_string_value(what));
        grid_add(&grid, show_string(route, "peer"));
        grid_add(&grid, show_string(route, "mitigation"));
        grid_addf(&grid, "%s%s", show_string(route, "state"),
                  show_truth(route, "dry_run") ? " (dry run)" : "");
        grid_add(&grid, show_string(route, "rule"));
        grid_add(&grid, text_str(&results));
        text_done(&results);
    }
    grid_print(&grid, stdout);
}

/* In the order in which that peer's own profile has it. */
static void add_routes_of(const struct session *session, const struct model *model,
                          const struct config_peer *peer, const json_t *mitigations, bool ordered,
                          json_t *routes)
{
    const struct router_profile *profile = model_profile(model, peer->profile.value);
    bool draft6 = profile != NULL && profile->draft6_order;
    add_routes(mitigations, peer->name, ordered, draft6, routes);
    if (ordered && draft6)
        (void)command_failed(session->context,
                             "%s is shown in the order of draft-ietf-idr-flow-spec-06, that of "
                             "profile %s; a router set to RFC 8955 (Junos: term-order standard) "
                             "tries the more specific first",
                             peer->name, profile->name);
}

static bool collect_routes(struct session *session, const char *peer, bool ordered, json_t *routes,
                           size_t *ret_unreadable)
{
    const struct config *c = session->config;
    struct config_errors errors;
    struct load_list list;
    bool known = false;
    if (!load_all(session, &load_mitigations, false, &list))
        return false;
    *ret_unreadable = list.unreadable;
    config_errors_init(&errors, c->file);
    struct model *model = model_new(c, &errors);
    for (size_t i = 0; model != NULL && i < c->peer_count; i++) {
        if (peer != NULL && strcmp(c->peers[i].name, peer) != 0)
            continue;
        known = true;
        add_routes_of(session, model, &c->peers[i], list.items, ordered, routes);
    }
    bool good = model != NULL && (known || peer == NULL);
    if (model == NULL)
        (void)command_failed(session->context, "the configuration is wrong:\n%s",
                             text_str(&errors.lines));
    else if (!good)
        (void)command_failed(session->context, "%s has no peer %s", c->file, peer);
    model_free(model);
    config_errors_done(&errors);
    json_decref(list.items);
    return good;
}

int routes_run(const struct command_context *context, int argc, char **argv)
{
    struct session session;
    const char *peer = NULL;
    bool ordered = false;
    size_t unreadable = 0;
    const struct command_option options[] = {COMMAND_VALUE("--peer", peer),
                                             COMMAND_FLAG("--order", ordered)};
    if (!command_options(context, &argc, argv, options, 2))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s", argv[1]);
    if (!session_open(&session, context))
        return EXIT_FAILED;
    json_t *routes = json_array();
    bool good =
        session_state(&session) && collect_routes(&session, peer, ordered, routes, &unreadable);
    if (good && context->json)
        (void)show_json(json_incref(routes));
    else if (good && json_array_size(routes) > 0)
        print_routes(routes);
    else if (good)
        printf("no route must stand%s%s\n", peer != NULL ? " at " : "", peer != NULL ? peer : "");
    json_decref(routes);
    session_close(&session);
    return good && unreadable == 0 ? EXIT_DONE : EXIT_FAILED;
}
