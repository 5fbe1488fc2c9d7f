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
    add_id(reply, live->m.id);
    say(reply, true, "%s: %s%s", live->m.id, live->m.rule,
        live->m.dry_run ? " (dry run: not announced)" : "");
}

static const struct model_method *find_method(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->model->method_count; i++) {
        if (name != NULL && strcmp(e->model->methods[i].config->name, name) == 0)
            return &e->model->methods[i];
    }
    return NULL;
}

static void mitigate_on(struct engine *e, const struct request *request,
                        const struct model_method *method, const struct model_given *given,
                        const struct config_platform *platform, uint64_t for_ms,
                        struct reply *reply, struct engine_now now)
{
    struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error = {0};
    char peers[MITIGATION_PEERS_MAX][NAME_MAX_LEN + 1];
    struct start_refusal refusal;
    const struct config_method *c = method->config;
    enum addr_family family = given->has_destination ? given->destination.addr.family : ADDR_IPV4;
    uint32_t routers = start_peers(e, platform, family, peers);
    if (model_method_rule(method, NULL, NULL, given, routers != 0 ? routers : 1, &rule, &actions,
                          &error) != STATUS_OK) {
        say(reply, false, "%s", error.why);
        return;
    }
    const char *reason = arg(request, "reason"), *dry_run = arg(request, "dry_run");
    uint64_t lasts_ms = for_ms != 0 ? for_ms : c->max_duration_ms;
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
                          .withdraw_manual = true};
    report_start(reply, start_rule(e, &start, &rule, &actions, &refusal, now), &refusal);
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

static void do_mitigate(struct engine *e, const struct request *request, struct reply *reply,
                        struct engine_now now)
{
    const struct config *c = e->model->config;
    const struct model_method *method = find_method(e, arg(request, "method"));
    const char *platform_name = arg(request, "platform");
    struct model_given given = {0};
    uint64_t for_ms = 0;
    if (method == NULL) {
        say_methods(e, reply, arg(request, "method"));
        return;
    }
    if (!read_prefix(request, "destination", reply, &given.has_destination, &given.destination) ||
        !read_prefix(request, "source", reply, &given.has_source, &given.source) ||
        !read_duration(request, reply, &for_ms))
        return;
    if (platform_name != NULL) {
        const struct config_platform *platform = find_platform(c, platform_name);
        if (platform == NULL)
            say(reply, false, "there is no platform %s", platform_name);
        else
            mitigate_on(e, request, method, &given, platform, for_ms, reply, now);
        return;
    }
    size_t own = method->config->platform_count;
    size_t rounds = own != 0 ? own : c->platform_count != 0 ? c->platform_count : 1;
    for (size_t i = 0; i < rounds; i++) {
        const struct config_platform *platform = own != 0
                                                     ? &c->platforms[method->config->platforms[i]]
                                                 : c->platform_count != 0 ? &c->platforms[i]
                                                                          : NULL;
        mitigate_on(e, request, method, &given, platform, for_ms, reply, now);
    }
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

void engine_request(struct engine *e, const struct request *request, struct reply *ret_reply,
                    struct engine_now now)
{
    static const struct {
        const char *verb;
        void (*run)(struct engine *, const struct request *, struct reply *, struct engine_now);
    } verbs[] = {{"mitigate", do_mitigate}, {"announce", do_announce}, {"stop", do_stop}};
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
