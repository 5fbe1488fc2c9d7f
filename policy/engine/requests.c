#include "policy/engine/engine_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What people and programs ask for: mitigate, announce, stop. */

static const char *arg(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->arg_count; i++) {
        if (strcmp(r->args[i].name, name) == 0)
            return r->args[i].value;
    }
    return NULL;
}

static void say(struct reply *reply, bool ok, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct reply *reply, bool ok, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reply->text, sizeof(reply->text), format, args);
    va_end(args);
    reply->ok = ok;
}

static void add_id(struct reply *reply, const char *id)
{
    if (reply->id_count < sizeof(reply->ids) / sizeof(reply->ids[0]))
        (void)snprintf(reply->ids[reply->id_count++], ID_TEXT_MAX, "%s", id);
}

/* "for_ms" of a request: false with the reply said when it is no time from 1 s to 30 days. */
static bool read_duration(const struct request *request, struct reply *reply, uint64_t *ret_ms)
{
    const char *text = arg(request, "for_ms");
    *ret_ms = 0;
    if (text == NULL)
        return true;
    if (text_parse_u64(ret_ms, text, 30ull * 86400000) == STATUS_OK && *ret_ms >= 1000)
        return true;
    say(reply, false, "for: %s ms is not a time from 1s to 30d", text);
    return false;
}

static bool read_prefix(const struct request *request, const char *name, struct reply *reply,
                        bool *ret_has, struct ip_prefix *ret_prefix)
{
    const char *text = arg(request, name);
    *ret_has = text != NULL;
    if (text == NULL || prefix_parse(ret_prefix, text) == STATUS_OK)
        return true;
    say(reply, false, "%s %s: expected an address or a prefix without bits after its length", name,
        text);
    return false;
}

static const struct config_platform *find_platform(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->platform_count; i++) {
        if (strcmp(c->platforms[i].name, name) == 0)
            return &c->platforms[i];
    }
    return NULL;
}

static void report_start(struct reply *reply, const struct live_mitigation *live,
                         const struct start_refusal *refusal)
{
    if (live == NULL) {
        say(reply, false, "%s%srefused: %s", refusal->id, refusal->id[0] != '\0' ? " " : "",
            refusal->why);
        return;
    }
    const char *collateral = mitigation_collateral(&live->m);
    add_id(reply, live->m.id);
    say(reply, true, "%s: %s%s%s%s", live->m.id, live->m.rule,
        live->m.dry_run ? " (dry run: not announced)" : "", collateral[0] != '\0' ? "; " : "",
        collateral);
}

static const struct model_method *find_method(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->model->method_count; i++) {
        if (name != NULL && strcmp(e->model->methods[i].config->name, name) == 0)
            return &e->model->methods[i];
    }
    return NULL;
}

/* What a person asked for. */
struct asked {
    const struct model_method *method;
    struct model_given given;
    bool has_next_hop;
    struct ip_addr next_hop; /* instead of the method's */
    uint64_t for_ms;
};

/* What a person says of the next hop counts for the method's; a peer that has one of its own keeps
 * it, and the person is told. */
static void say_own_next_hops(const struct engine *e, const struct asked *asked,
                              enum addr_family family, struct reply *reply)
{
    const struct config_route *route = &asked->method->config->route;
    struct text names;
    size_t len = strlen(reply->text);
    text_init(&names, 0);
    for (size_t i = 0; asked->has_next_hop && i < route->peer_count; i++) {
        const struct config_route_peer *differs = &route->peers[i];
        const struct ip_addr *own = family == ADDR_IPV4 ? &differs->next_hop4 : &differs->next_hop6;
        char addr[ADDR_TEXT_MAX];
        if (own->family != ADDR_NONE && !addr_equal(own, &asked->next_hop))
            text_addf(&names, "%s%s gets %s", names.len > 0 ? ", " : "",
                      e->model->config->peers[differs->peer].name, addr_format(own, addr));
    }
    if (names.len > 0)
        (void)snprintf(reply->text + len, sizeof(reply->text) - len,
                       "; not this next hop, but its own of method %s: %.1000s",
                       asked->method->config->name, text_str(&names));
    text_done(&names);
}

static void mitigate_on(struct engine *e, const struct request *request, const struct asked *asked,
                        const struct config_platform *platform, struct reply *reply,
                        struct engine_now now)
{
    struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error = {0};
    char peers[MITIGATION_PEERS_MAX][NAME_MAX_LEN + 1];
    struct start_refusal refusal;
    struct model_route route;
    const struct model_given *given = &asked->given;
    const struct config_method *c = asked->method->config;
    enum route_kind kind = (enum route_kind)c->route.kind;
    enum addr_family family = given->has_destination ? given->destination.addr.family : ADDR_IPV4;
    uint32_t routers = start_peers(e, platform, family, kind, peers);
    if (model_method_rule(asked->method, NULL, NULL, given, routers != 0 ? routers : 1, &rule,
                          &actions, &error) != STATUS_OK) {
        say(reply, false, "%s", error.why);
        return;
    }
    model_route_make(&c->route, (enum addr_family)rule.family,
                     asked->has_next_hop ? &asked->next_hop : NULL, &route);
    const char *reason = arg(request, "reason"), *dry_run = arg(request, "dry_run");
    uint64_t lasts_ms = asked->for_ms != 0 ? asked->for_ms : c->max_duration_ms;
    struct start start = {.alarm = "",
                          .policy = "",
                          .method = c->name,
                          .who = request->who,
                          .reason = reason != NULL ? reason : "",
                          .origin = ORIGIN_PERSON,
                          .platform = platform,
                          .dry_run = c->dry_run || (dry_run != NULL && strcmp(dry_run, "1") == 0),
                          .until_ms = lasts_ms != 0 ? now.state_ms + lasts_ms : 0,
                          .lease_ms = c->lease_ms,
                          .withdraw_after_ms = c->withdraw_after_ms,
                          .withdraw_manual = true,
                          .route = kind != ROUTE_FLOWSPEC ? &route : NULL};
    const struct live_mitigation *live = start_rule(e, &start, &rule, &actions, &refusal, now);
    report_start(reply, live, &refusal);
    if (live != NULL)
        say_own_next_hops(e, asked, (enum addr_family)rule.family, reply);
}

static void say_methods(const struct engine *e, struct reply *reply, const char *asked)
{
    struct text names;
    text_init(&names, 0);
    for (size_t i = 0; i < e->model->method_count; i++)
        text_addf(&names, "%s%s", i == 0 ? "" : ", ", e->model->methods[i].config->name);
    say(reply, false, "there is no method %s; methods: %s", asked != NULL ? asked : "",
        names.len != 0 ? text_str(&names) : "none");
    text_done(&names);
}

/* The only method that says a blackhole, or a diversion, for this family; NULL: none, or several.
 */
static const struct model_method *only_route(const struct engine *e, enum route_kind kind,
                                             enum addr_family family, size_t *ret_count)
{
    const struct model_method *found = NULL;
    *ret_count = 0;
    for (size_t i = 0; i < e->model->method_count; i++) {
        const struct model_method *method = &e->model->methods[i];
        if (method->config->route.kind != kind ||
            !(family == ADDR_IPV4 ? method->takes4 : method->takes6))
            continue;
        found = method;
        ++*ret_count;
    }
    return *ret_count == 1 ? found : NULL;
}

/* By its name, or as the only one of its kind. */
static bool read_way(const struct engine *e, const struct request *request, struct asked *asked,
                     struct reply *reply)
{
    const char *name = arg(request, "method"), *blackhole = arg(request, "blackhole"),
               *divert = arg(request, "divert");
    enum route_kind kind = divert != NULL      ? ROUTE_DIVERT
                           : blackhole != NULL ? ROUTE_BLACKHOLE
                                               : ROUTE_FLOWSPEC;
    enum addr_family family =
        asked->given.has_destination ? asked->given.destination.addr.family : ADDR_IPV4;
    size_t count = 0;
    if (divert != NULL &&
        (addr_parse(&asked->next_hop, divert) != STATUS_OK || asked->next_hop.family != family)) {
        say(reply, false, "divert %s: expected the address of a next hop, of the target's family",
            divert);
        return false;
    }
    asked->has_next_hop = divert != NULL;
    asked->method = name != NULL || kind == ROUTE_FLOWSPEC ? find_method(e, name)
                                                           : only_route(e, kind, family, &count);
    if (asked->method == NULL && (name != NULL || kind == ROUTE_FLOWSPEC))
        say_methods(e, reply, name);
    else if (asked->method == NULL)
        say(reply, false, "%s methods for IPv%d with `%s`; %s", count == 0 ? "no" : "several",
            (int)family, route_kind_name(kind),
            count == 0 ? "one is needed, as docs/blackholes.md has it" : "name one: --method");
    else if (kind != ROUTE_FLOWSPEC && asked->method->config->route.kind != kind)
        say(reply, false, "method %s has no `%s`", asked->method->config->name,
            route_kind_name(kind));
    else
        return true;
    return false;
}

static void do_mitigate(struct engine *e, const struct request *request, struct reply *reply,
                        struct engine_now now)
{
    const char *platform_name = arg(request, "platform");
    struct asked asked = {.method = NULL};
    struct model_given *given = &asked.given;
    if (!read_prefix(request, "destination", reply, &given->has_destination, &given->destination) ||
        !read_prefix(request, "source", reply, &given->has_source, &given->source) ||
        !read_duration(request, reply, &asked.for_ms) || !read_way(e, request, &asked, reply))
        return;
    if (platform_name != NULL) {
        const struct config_platform *platform = find_platform(e->model->config, platform_name);
        if (platform == NULL)
            say(reply, false, "there is no platform %s", platform_name);
        else
            mitigate_on(e, request, &asked, platform, reply, now);
        return;
    }
    for (size_t i = 0; i < start_rounds(e, asked.method->config); i++)
        mitigate_on(e, request, &asked, start_round(e, asked.method->config, i), reply, now);
    reply->ok = reply->ok || reply->id_count != 0;
}

static bool peer_exists(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->peer_count; i++) {
        if (strcmp(c->peers[i].name, name) == 0)
            return true;
    }
    return false;
}

static void do_announce(struct engine *e, const struct request *request, struct reply *reply,
                        struct engine_now now)
{
    struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error = {0};
    uint64_t for_ms = 0;
    char peers[MITIGATION_PEERS_MAX][NAME_MAX_LEN + 1];
    struct start_refusal refusal;
    size_t peer_count = 0;
    const char *text = arg(request, "rule"), *reason = arg(request, "reason"),
               *dry_run = arg(request, "dry_run");
    if (text == NULL || rule_parse_text(&rule, &actions, text, &error) != STATUS_OK ||
        rule_simplify(&rule, &error) != STATUS_OK) {
        say(reply, false, "the rule, at character %zu: %s", error.at + 1,
            text != NULL ? error.why : "there is none");
        return;
    }
    if (!read_duration(request, reply, &for_ms))
        return;
    if (for_ms == 0) {
        say(reply, false, "a free rule needs a time after which it goes: for");
        return;
    }
    for (size_t i = 0; i < request->arg_count && peer_count < MITIGATION_PEERS_MAX; i++) {
        if (strcmp(request->args[i].name, "peer") != 0)
            continue;
        if (!peer_exists(e->model->config, request->args[i].value)) {
            say(reply, false, "there is no peer %.64s", request->args[i].value);
            return;
        }
        (void)snprintf(peers[peer_count++], sizeof(peers[0]), "%.64s", request->args[i].value);
    }
    struct start start = {.alarm = "",
                          .policy = "",
                          .method = "",
                          .who = request->who,
                          .reason = reason != NULL ? reason : "",
                          .origin = ORIGIN_PERSON,
                          .peers = peer_count != 0 ? peers : NULL,
                          .peer_count = peer_count,
                          .dry_run = dry_run != NULL && strcmp(dry_run, "1") == 0,
                          .until_ms = now.state_ms + for_ms,
                          .lease_ms = for_ms,
                          .withdraw_manual = true};
    report_start(reply, start_rule(e, &start, &rule, &actions, &refusal, now), &refusal);
}

/* None of the alarms that a stopped mitigation was for starts anything until it has ended. */
static void stop_alarms_of(struct engine *e, const struct live_mitigation *live, const char *who,
                           struct engine_now now)
{
    size_t cursor = 0;
    for (struct tracked *t = table_next(e->tracked, &cursor); t != NULL;
         t = table_next(e->tracked, &cursor)) {
        if (t->live == NULL || t->live->alarm.stopped_by_person ||
            !mitigations_is_for(live, t->live))
            continue;
        t->live->alarm.stopped_by_person = true;
        engine_write_alarm(e, t->live, "stopped by a person", who, now);
    }
}

/* What it withdraws is its own word alone: should an alarm need the rule, that has it again. */
static bool is_tool(const struct request *request)
{
    return strncmp(request->who, REQUEST_WHO_ADAPTER, sizeof(REQUEST_WHO_ADAPTER) - 1) == 0;
}

static void do_stop(struct engine *e, const struct request *request, struct reply *reply,
                    struct engine_now now)
{
    const char *reason = arg(request, "reason");
    size_t unknown = 0;
    char missing[ID_TEXT_MAX] = "";
    for (size_t i = 0; i < request->arg_count; i++) {
        if (strcmp(request->args[i].name, "id") != 0)
            continue;
        struct live_mitigation *live = mitigations_by_id(e, request->args[i].value);
        if (live == NULL) {
            unknown++;
            (void)snprintf(missing, sizeof(missing), "%.39s", request->args[i].value);
            continue;
        }
        if (is_tool(request))
            mitigations_ask_again(e, live->m.id);
        else
            stop_alarms_of(e, live, request->who, now);
        add_id(reply, live->m.id);
        mitigations_withdraw(e, live, request->who, reason != NULL ? reason : "stopped by a person",
                             now);
    }
    if (unknown == 1 && reply->id_count == 0)
        say(reply, false, "%s does not stand: weir mitigations shows what does", missing);
    else if (unknown != 0)
        say(reply, false, "%zu stopped; %zu do not stand, %s among them", reply->id_count, unknown,
            missing);
    else if (reply->id_count == 0)
        say(reply, false, "no id was given");
    else
        say(reply, true, "%zu stopped", reply->id_count);
}

static void do_forget_speaker(struct engine *e, const struct request *request, struct reply *reply,
                              struct engine_now now)
{
    const char *speaker = arg(request, "speaker");
    if (speaker == NULL || speaker[0] == '\0') {
        say(reply, false, "no speaker was named");
        return;
    }
    size_t count = 0;
    if (forget_speaker(e, speaker, request->who, &count, now) != STATUS_OK) {
        say(reply, false, "%d speakers are being forgotten: ask again in a moment", FORGETTING_MAX);
        return;
    }
    say(reply, true, "speaker %.64s forgotten: %zu mitigations wait for it no more", speaker,
        count);
}

void engine_request(struct engine *e, const struct request *request, struct reply *ret_reply,
                    struct engine_now now)
{
    static const struct {
        const char *verb;
        void (*run)(struct engine *, const struct request *, struct reply *, struct engine_now);
    } verbs[] = {{"mitigate", do_mitigate},
                 {"announce", do_announce},
                 {"stop", do_stop},
                 {"forget-speaker", do_forget_speaker}};
    memset(ret_reply, 0, sizeof(*ret_reply));
    (void)snprintf(ret_reply->id, sizeof(ret_reply->id), "%s", request->id);
    if (now.state_ms > request->expires_at_ms) {
        say(ret_reply, false, "the request came too late: it expired %" PRIu64 " ms ago",
            now.state_ms - request->expires_at_ms);
        return;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].verb, request->verb) == 0) {
            verbs[i].run(e, request, ret_reply, now);
            return;
        }
    }
    say(ret_reply, false, "there is no request %s", request->verb);
}
