#include "ctl/warnings.h"

#include "common/model/model.h"
#include "common/service/credentials.h"
#include "common/service/secret_file.h"
#include "ctl/rule_parts.h"
#include "ctl/show.h"
#include "policy/engine/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Nobody's own space, and no set of routers, is wider. */
    WIDE4 = 8,
    WIDE6 = 16,
    /* Less than one packet a second: what is meant is another unit. */
    LOW_BPS = 1000,
    PEER_PASSWORD_MAX = 80, /* of the kernel: TCP_MD5SIG_MAXKEYLEN */
    WARNINGS_MAX = 200      /* more than any person reads */
};

struct warnings {
    const struct config *config;
    const struct model *model; /* NULL: memory ran out */
    json_t *list;
};

void warnings_add(json_t *list, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        return;
    size_t count = json_array_size(list), i = 0;
    while (i < count && strcmp(json_string_value(json_array_get(list, i)), text) != 0)
        i++;
    if (count == WARNINGS_MAX)
        (void)json_array_append_new(list, json_string("more warnings are left out"));
    else if (i == count && count < WARNINGS_MAX)
        (void)json_array_append_new(list, show_json_text(text));
    free(text);
}

/* --- networks and exporters ---------------------------------------------------------------------
 */

static bool is_wide(const struct ip_prefix *prefix)
{
    return prefix->len < (prefix->addr.family == ADDR_IPV4 ? WIDE4 : WIDE6);
}

/* Two halves are the whole as well, so networks are judged together, too. */
static void warn_of_joined_networks(struct warnings *w)
{
    const struct config *c = w->config;
    size_t total = 0;
    for (size_t i = 0; i < c->network_count; i++)
        total += c->networks[i].prefixes.count;
    struct ip_prefix *all = calloc(total + 1, sizeof(*all));
    size_t count = 0;
    for (size_t i = 0; all != NULL && i < c->network_count; i++)
        for (size_t j = 0; j < c->networks[i].prefixes.count; j++)
            all[count++] = c->networks[i].prefixes.items[j];
    count = prefixes_merge(all, count);
    for (size_t i = 0; i < count; i++) {
        char text[PREFIX_TEXT_MAX];
        if (is_wide(&all[i]))
            warnings_add(w->list, "networks: together they are %s: the guard protects nobody in it",
                         prefix_format(&all[i], text));
    }
    free(all);
}

static void warn_of_networks(struct warnings *w)
{
    const struct config *c = w->config;
    bool said = false;
    for (size_t i = 0; i < c->network_count; i++) {
        const struct config_prefixes *prefixes = &c->networks[i].prefixes;
        for (size_t j = 0; j < prefixes->count; j++) {
            char text[PREFIX_TEXT_MAX];
            if (!is_wide(&prefixes->items[j]))
                continue;
            said = true;
            warnings_add(w->list,
                         prefixes->items[j].len == 0
                             ? "network %s holds %s: everything is inside, so the guard protects "
                               "nobody, and no traffic is incoming or outgoing"
                             : "network %s holds %s, more than anybody has: the guard protects "
                               "nobody in it",
                         c->networks[i].name, prefix_format(&prefixes->items[j], text));
        }
    }
    if (!said)
        warn_of_joined_networks(w);
    if (c->network_count == 0)
        warnings_add(w->list, "networks: is empty: nothing is ours, so no rule passes the guard");
}

static void warn_of_exporters(struct warnings *w)
{
    const struct config *c = w->config;
    size_t hosts = 0;
    uint32_t most = c->collector.limits.exporters < DELTA_EXPORTERS_MAX
                        ? c->collector.limits.exporters
                        : (uint32_t)DELTA_EXPORTERS_MAX;
    for (size_t i = 0; i < c->exporter_count; i++)
        hosts += model_is_host(&c->exporters[i]);
    if (hosts > most)
        warnings_add(w->list,
                     "exporters: lists %zu addresses, and a worker of a collector has room for %u "
                     "(collector.limits.exporters, at most %d): more of them at one worker than "
                     "that push each other out",
                     hosts, most, DELTA_EXPORTERS_MAX);
    for (size_t i = 0; i < c->exporter_count; i++) {
        char text[PREFIX_TEXT_MAX];
        if (is_wide(&c->exporters[i].address))
            warnings_add(w->list,
                         "exporter %s: %s lets almost anybody send flow records, and a forged one "
                         "can start a rule; list your routers",
                         c->exporters[i].name != NULL ? c->exporters[i].name : "without a name",
                         prefix_format(&c->exporters[i].address, text));
    }
    if (c->exporter_count == 0)
        warnings_add(w->list, "exporters: is empty: every sender counts, and dry run cannot be "
                              "left");
}

/* --- policies -----------------------------------------------------------------------------------
 */

/* An alarm freezes while its exporters are silent, if it has not cleared before that is noticed. */
static void warn_of_clear(struct warnings *w, const struct config_policy *policy,
                          const struct config_threshold *threshold)
{
    uint64_t least_ms = WATCH_SILENT_MIN_MS + policy->window_ms;
    char after[TEXT_QUANTITY_MAX], least[TEXT_QUANTITY_MAX];
    if (threshold->clear_after_ms > least_ms)
        return;
    warnings_add(w->list,
                 "policy %s, %s: clear.after of %s is so short that an alarm may end because its "
                 "exporters fell silent, and not the attack; more than %s lets it freeze instead",
                 policy->name, config_severity_name(threshold->severity),
                 text_format_duration_ms(threshold->clear_after_ms, after),
                 text_format_duration_ms(least_ms, least));
}

/* The source of what comes from outside is whatever the attacker wrote. */
static void warn_of_inferred_source(struct warnings *w, const struct config_policy *policy,
                                    const struct config_threshold *threshold)
{
    bool outgoing =
        policy->direction.value != NULL && strcmp(policy->direction.value, "outgoing") == 0;
    if (outgoing || w->model == NULL)
        return;
    for (size_t i = 0; i < threshold->mitigate_count; i++) {
        const struct model_method *method = &w->model->methods[threshold->mitigate[i].method];
        if (method->infer_source && !method->config->allows_spoofable_source)
            warnings_add(w->list,
                         "policy %s, %s: method %s infers a source, and the guard refuses one that "
                         "is not of networks without `allow: spoofable-source`",
                         policy->name, config_severity_name(threshold->severity),
                         method->config->name);
    }
}

static void warn_of_policies(struct warnings *w)
{
    const struct config *c = w->config;
    for (size_t i = 0; i < c->policy_count; i++) {
        const struct config_policy *policy = &c->policies[i];
        for (size_t j = 0; j < policy->threshold_count; j++) {
            const struct config_threshold *threshold = &policy->thresholds[j];
            char text[TEXT_QUANTITY_MAX];
            warn_of_clear(w, policy, threshold);
            warn_of_inferred_source(w, policy, threshold);
            for (size_t k = 0; k < threshold->rate_count; k++)
                if (threshold->rates[k].kind == RATE_BPS && threshold->rates[k].limit < LOW_BPS)
                    warnings_add(w->list,
                                 "policy %s, %s: a limit of %s is passed by a packet a second; is "
                                 "another unit meant (M, G)?",
                                 policy->name, config_severity_name(threshold->severity),
                                 text_format_bit_rate((double)threshold->rates[k].limit, text));
        }
    }
    if (c->policy_count == 0)
        warnings_add(w->list, "policies: is empty: nothing is detected");
}

/* --- methods ------------------------------------------------------------------------------------
 */

/* One method on one platform (NULL: on all peers) in one family. */
struct use {
    const struct model_method *method;
    const struct config_platform *platform;
    enum addr_family family;
};

static size_t peers_of(const struct warnings *w, const struct config_platform *platform)
{
    return platform != NULL ? platform->peer_count : w->config->peer_count;
}

static const struct config_peer *peer_of(const struct warnings *w, const struct use *u, size_t i)
{
    const struct config *c = w->config;
    const struct config_peer *peer = &c->peers[u->platform != NULL ? u->platform->peers[i] : i];
    unsigned int bit = u->family == ADDR_IPV4 ? FAMILY_FLOW4 : FAMILY_FLOW6;
    bool takes =
        (peer->families & bit) != 0 && (u->platform == NULL || (u->platform->families & bit) != 0);
    return takes ? peer : NULL;
}

/* A rule as the method would make it for some host. False: it needs what only a key has. */
static bool sample_rule(const struct use *u, uint32_t routers, struct flow_rule *ret_rule,
                        struct flow_actions *ret_actions)
{
    struct ip_prefix host;
    struct rule_error error;
    if (prefix_parse(&host, u->family == ADDR_IPV4 ? "192.0.2.1" : "2001:db8::1") != STATUS_OK)
        return false;
    struct model_given given = {.has_destination = u->method->infer_destination,
                                .has_source = u->method->infer_source,
                                .destination = host,
                                .source = host};
    return model_method_rule(u->method, NULL, NULL, &given, routers, ret_rule, ret_actions,
                             &error) == STATUS_OK &&
           ret_rule->family == u->family;
}

static void warn_of_use(struct warnings *w, const struct use *u)
{
    uint32_t routers = 0;
    struct flow_rule rule;
    struct flow_actions actions;
    for (size_t i = 0; i < peers_of(w, u->platform); i++)
        routers += peer_of(w, u, i) != NULL;
    if (routers == 0 || !sample_rule(u, routers, &rule, &actions))
        return;
    for (size_t i = 0; i < peers_of(w, u->platform); i++) {
        const struct config_peer *peer = peer_of(w, u, i);
        const struct router_profile *profile =
            peer == NULL ? NULL : model_profile(w->model, peer->profile.value);
        struct rule_error error;
        size_t parts = profile != NULL ? rule_parts(profile, &rule, &actions, &error) : 1;
        const char *family = u->family == ADDR_IPV4 ? "IPv4" : "IPv6";
        if (parts == 0)
            warnings_add(w->list, "method %s: peer %s will not get its %s rules: %s",
                         u->method->config->name, peer->name, family, error.why);
        if (parts > 1)
            warnings_add(w->list,
                         "method %s: peer %s (profile %s) gets each of its %s rules as %zu, "
                         "which count as %zu routes",
                         u->method->config->name, peer->name, profile->name, family, parts, parts);
    }
    char text[TEXT_QUANTITY_MAX];
    if (actions.has_rate && actions.rate_bytes * 8 < LOW_BPS)
        warnings_add(w->list,
                     "method %s: a total of %s leaves each of %u routers less than 1 kbps, which "
                     "is a discard but for its name",
                     u->method->config->name,
                     text_format_bit_rate((double)u->method->config->action.rate_bps, text),
                     routers);
}

/* A blackhole or diversion that has a next hop in a family, and no peer that takes it. */
static void warn_of_route(struct warnings *w, const struct config_method *method)
{
    unsigned int families = 0;
    for (size_t i = 0; i < w->config->peer_count; i++)
        families |= w->config->peers[i].families;
    bool lacks4 = method->route.next_hop4.family != ADDR_NONE && (families & FAMILY_UNICAST4) == 0;
    bool lacks6 = method->route.next_hop6.family != ADDR_NONE && (families & FAMILY_UNICAST6) == 0;
    if ((lacks4 || lacks6) && w->config->peer_count > 0)
        warnings_add(w->list, "method %s: no peer has %s in its families, so nobody gets its %s",
                     method->name, lacks4 ? "ipv4-unicast" : "ipv6-unicast",
                     route_kind_name((enum route_kind)method->route.kind));
}

static void warn_of_methods(struct warnings *w)
{
    const struct config *c = w->config;
    for (size_t i = 0; w->model != NULL && i < w->model->method_count; i++) {
        const struct config_method *method = &c->methods[i];
        if (method->route.kind != ROUTE_FLOWSPEC) {
            warn_of_route(w, method);
            continue;
        }
        bool own = method->platform_count > 0;
        size_t count = own ? method->platform_count : c->platform_count;
        for (size_t j = 0; j < count || j == 0; j++) {
            struct use use = {.method = &w->model->methods[i]};
            if (count > 0)
                use.platform = &c->platforms[own ? method->platforms[j] : j];
            use.family = ADDR_IPV4;
            warn_of_use(w, &use);
            use.family = ADDR_IPV6;
            warn_of_use(w, &use);
        }
    }
}

/* --- Redis --------------------------------------------------------------------------------------
 */

static bool is_tcp(const struct config_redis_server *server)
{
    return strncmp(server->address, "unix:", 5) != 0;
}

static void warn_of_redis(struct warnings *w)
{
    const struct config *c = w->config;
    bool passwords = c->redis.password_dir != NULL;
    struct credentials found = {0};
    struct text why;
    text_init(&why, 0);
    if (passwords && credentials_read(&found, c, "policy", &why) == STATUS_OK)
        passwords = found.password != NULL;
    credentials_done(&found);
    text_done(&why);
    for (size_t i = 0; i <= c->redis.telemetry_count; i++) {
        const struct config_redis_server *server =
            i < c->redis.telemetry_count ? &c->redis.telemetry[i] : &c->redis.state;
        if (is_tcp(server))
            warnings_add(w->list,
                         "redis %s at %s is TCP, which is not encrypted: a private link only%s",
                         server->name, server->address,
                         passwords ? ""
                                   : ", and with passwords (redis.password_dir), of which there is "
                                     "none: who reaches it can announce routes");
    }
}

/* --- peers --------------------------------------------------------------------------------------
 */

static bool is_in_a_platform(const struct config *c, size_t peer)
{
    bool found = c->platform_count == 0; /* then rules go to all peers */
    for (size_t i = 0; i < c->platform_count; i++)
        for (size_t j = 0; j < c->platforms[i].peer_count; j++)
            found = found || c->platforms[i].peers[j] == peer;
    return found;
}

/* As this user sees the file, which need not be who runs the speaker. */
static void warn_of_password(struct warnings *w, const struct config_peer *peer)
{
    char secret[PEER_PASSWORD_MAX + 1];
    struct text why;
    text_init(&why, 0);
    if (peer->password_file != NULL &&
        secret_file_read(peer->password_file, secret, sizeof(secret), &why) != STATUS_OK)
        warnings_add(w->list, "peer %s has no session while its password_file is so: %s",
                     peer->name, text_str(&why));
    explicit_bzero(secret, sizeof(secret));
    text_done(&why);
}

static void warn_of_peers(struct warnings *w)
{
    const struct config *c = w->config;
    for (size_t i = 0; i < c->peer_count; i++)
        warn_of_password(w, &c->peers[i]);
    for (size_t i = 0; i < c->peer_count; i++) {
        const struct config_peer *peer = &c->peers[i];
        const struct router_profile *profile =
            w->model != NULL ? model_profile(w->model, peer->profile.value) : NULL;
        if (peer->remote_as == c->speaker.local_as || profile == NULL)
            continue;
        if (profile->validation == PROFILE_VALIDATES_NOT && profile->ebgp_setting != NULL)
            warnings_add(w->list,
                         "peer %s is eBGP and, as profile %s, drops what comes by eBGP until it is "
                         "told not to: the session is up and no rule is in force. Configure there: "
                         "%s; or use iBGP",
                         peer->name, profile->name, profile->ebgp_setting);
        else if (profile->validation != PROFILE_VALIDATES_NOT)
            warnings_add(
                w->list,
                "peer %s is eBGP and %s Flowspec routes (RFC 8955, 6): without a unicast route "
                "from here the session is up and no rule is in force. Configure there: %s; or use "
                "iBGP",
                peer->name, profile->validation == PROFILE_VALIDATES ? "validates" : "may validate",
                profile->ebgp_setting != NULL ? profile->ebgp_setting
                                              : "its switch that turns Flowspec validation off");
    }
    for (size_t i = 0; i < c->peer_count; i++)
        if (!is_in_a_platform(c, i))
            warnings_add(w->list, "peer %s is in no platform: no method announces to it",
                         c->peers[i].name);
    if (c->peer_count == 0)
        warnings_add(w->list, "peers: is empty: nothing can be announced to anybody%s",
                     c->dry_run ? "" : ", although dry run is left");
}

void warnings_of(const struct config *config, json_t *list)
{
    struct config_errors errors;
    config_errors_init(&errors, config->file);
    struct model *model = model_new(config, &errors);
    struct warnings w = {.config = config, .model = model, .list = list};
    warn_of_exporters(&w);
    warn_of_policies(&w);
    warn_of_networks(&w);
    if (config->dry_run)
        warnings_add(list, "dry_run: true: everything is decided and shown, nothing is announced");
    warn_of_redis(&w);
    warn_of_methods(&w);
    warn_of_peers(&w);
    model_free(model);
    config_errors_done(&errors);
}
