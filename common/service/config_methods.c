#include "common/service/config_read.h"

#include <string.h>

/* The section `methods`: what is done against an attack; and what shares its words. */

enum { METHODS_MAX = 1000, PLATFORMS_MAX = 1000, ALTERNATIVES_MAX = 1000 };

/* The components of RFC 8955 and 8956. */
static const char *const components[] = {
    "destination", "source",    "protocol",   "port",      "destination_port",
    "source_port", "icmp_type", "icmp_code",  "tcp_flags", "packet_length",
    "dscp",        "fragment",  "flow_label", NULL};

/* --- match --------------------------------------------------------------------------------------
 */

static bool read_match_text(struct config_read *r, const struct config_key *key,
                            const struct config_node *node, struct config_text *ret_text)
{
    if (!read_text(r, key, node, ret_text))
        return false;
    if (strcmp(node->text, "evidence") != 0)
        return true;
    config_not_yet(r, node->pos, "evidence");
    *ret_text = (struct config_text){0};
    return false;
}

/* One alternative: a value, or a list of values that must hold together. */
static bool read_alternative(struct config_read *r, const struct config_key *key,
                             const struct config_node *node, void *ret_value)
{
    struct config_texts *and = ret_value;
    bool list = node->kind == NODE_LIST;
    struct config_text *items =
        arena_take_many(r->arena, list ? node->count : 1, sizeof(struct config_text));
    if (items == NULL)
        return false;
    if (list && node->count == 0)
        return config_wrong(r, key, node, "at least one value");
    *and = (struct config_texts){items, list ? node->count : 1};
    if (!list)
        return read_match_text(r, key, node, items);
    bool ok = true;
    for (const struct config_node *n = node->first; n != NULL; n = n->next)
        ok = read_match_text(r, key, n, items++) && ok;
    return ok;
}

static const struct config_list alternatives = {
    {.read = read_alternative}, sizeof(struct config_texts),   1,
    ALTERNATIVES_MAX,           "a value or a list of values", false};

static bool read_values(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    struct config_key list_key = *key;
    list_key.detail = &alternatives;
    if (node->kind != NODE_SCALAR)
        return read_list(r, &list_key, node, ret_value);
    struct config_array array = {arena_take(r->arena, sizeof(struct config_texts)), 1};
    if (array.items == NULL)
        return false;
    memcpy(ret_value, &array, sizeof(array));
    return read_alternative(r, key, node, array.items);
}

static const struct config_key group_keys[] = {
    {"enabled", read_bool, offsetof(struct config_match, enabled), NULL, "true",
     "false switches the group off", 0},
    {"values", read_values, CONFIG_ARRAY_AT(struct config_match, alternatives, alternative_count),
     NULL, NULL, "what would stand there without a group", CONFIG_REQUIRED},
};
static const struct config_section group_section = {
    "a match group", CONFIG_KEYS(group_keys), sizeof(struct config_match), CONFIG_NO_POS, NULL};

static void read_group(struct config_read *r, const struct config_node *node,
                       struct config_match *match)
{
    struct config_key key = {.name = node->key->text, .detail = &group_section};
    size_t before = config_faults(r);
    match->enabled = true;
    bool known = false; /* an unknown field is not kept, so that no judge says it again */
    for (size_t i = 0; components[i] != NULL; i++)
        known = known || strcmp(components[i], key.name) == 0;
    if (!known) {
        const char *near = config_nearest(key.name, components, SIZE_MAX);
        config_error(r->errors, node->key->pos, "unknown field \"%.60s\" in match, expected %s%s%s",
                     key.name, near != NULL ? "\"" : "a component of RFC 8955 such as source_port",
                     near != NULL ? near : "", near != NULL ? "\"?" : "");
    } else {
        match->field = (struct config_text){node->key->text, node->key->pos};
    }
    /* An unquoted address that ends in "::" is a group to YAML. */
    if (node->kind == NODE_MAP && node->first != NULL &&
        strchr(node->first->key->text, ':') != NULL)
        (void)config_wrong_address(r, &key, node, "a prefix");
    else if (node->kind == NODE_MAP)
        (void)read_section(r, &key, node, match);
    else
        (void)read_values(r, &key, node, &match->alternatives);
    match->flawed = config_faults(r) != before;
}

static bool read_match(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP || node->count == 0)
        return config_wrong(r, key, node, "components with values");
    config_refuse_repeated(r, node);
    struct config_array array = {
        arena_take_many(r->arena, node->count, sizeof(struct config_match)), node->count};
    struct config_match *at = array.items;
    const struct config_node *n = node->first;
    for (; n != NULL && at != NULL && !config_gave_up(r); n = n->next)
        read_group(r, n, at++);
    if (node->cut && at != NULL)
        at[-1].flawed = true; /* what is missing may have stood behind it */
    memcpy(ret_value, &array, sizeof(array));
    return array.items != NULL;
}

/* --- action -------------------------------------------------------------------------------------
 */

static bool read_discard(struct config_read *r, const struct config_key *key,
                         const struct config_node *node, void *ret_value)
{
    bool discard = false;
    if (!read_bool(r, key, node, &discard))
        return false;
    if (!discard)
        return config_wrong(r, key, node, "true");
    ((struct config_method *)ret_value)->action.kind = ACTION_DISCARD;
    return true;
}

static const struct config_range limit_range = {
    1000, 1000 * 1000 * 1000000000ULL,
    "a rate from 1kbps to 1000Tbps with its unit, or {total: RATE}"};
static const struct config_key total_keys[] = {
    {"total", read_bit_rate, offsetof(struct config_method, action.rate_bps), &limit_range, NULL,
     "divided by the routers", CONFIG_REQUIRED},
};
static const struct config_section total_section = {
    "a rate limit", CONFIG_KEYS(total_keys), sizeof(struct config_method), CONFIG_NO_POS, NULL};

static bool read_rate_limit(struct config_read *r, const struct config_key *key,
                            const struct config_node *node, void *ret_value)
{
    struct config_method *method = ret_value;
    struct config_key total_key = *key, rate_key = *key;
    total_key.detail = &total_section;
    rate_key.detail = &limit_range;
    method->action.kind = ACTION_RATE_LIMIT;
    method->action.total = node->kind == NODE_MAP;
    return node->kind == NODE_MAP ? read_section(r, &total_key, node, method)
                                  : read_bit_rate(r, &rate_key, node, &method->action.rate_bps);
}

static const struct config_range packets_range = {1, UINT32_MAX,
                                                  "packets a second from 1 to 4294967295"};
static const struct config_key action_keys[] = {
    {"discard", read_discard, 0, NULL, NULL, "drops what matches", 0},
    {"rate_limit", read_rate_limit, 0, NULL, NULL, "lets this much pass", 0},
    {"rate_limit_packets", read_count, 0, &packets_range, NULL, "packets a second that pass",
     CONFIG_LATER},
    {"mark", read_dscp, 0, NULL, NULL, "sets the DSCP", CONFIG_LATER},
    {"redirect_vrf", read_vrf, 0, NULL, NULL, "into another routing table", CONFIG_LATER},
    {"redirect_ip", read_addr, 0, NULL, NULL, "to another next hop", CONFIG_LATER},
    {"none", read_bool, 0, NULL, NULL, "only counts", CONFIG_LATER},
};

static void finish_action(struct config_read *r, const struct config_node *node, void *value)
{
    struct config_method *method = value;
    if (node->count != 1 && !node->cut)
        config_error(r->errors, node->pos,
                     "action: %zu actions, expected one such as "
                     "{discard: true} or {rate_limit: 10Mbps}",
                     node->count);
    method->action.pos = node->pos;
}

static const struct config_section action_section = {"an action", CONFIG_KEYS(action_keys),
                                                     sizeof(struct config_method), CONFIG_NO_POS,
                                                     finish_action};

bool read_action(struct config_read *r, const struct config_key *key,
                 const struct config_node *node, void *ret_value)
{
    struct config_key section_key = *key;
    section_key.detail = &action_section;
    return read_section(r, &section_key, node, ret_value);
}

bool read_action_later(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    struct config_method scratch = {0};
    (void)ret_value;
    return read_action(r, key, node, &scratch);
}

/* --- methods ------------------------------------------------------------------------------------
 */

static bool read_platform_index(struct config_read *r, const struct config_key *key,
                                const struct config_node *node, void *ret_value)
{
    const char *name = NULL;
    if (!read_name(r, key, node, &name))
        return false;
    config_refer(r, KIND_PLATFORM, key, node, ret_value);
    return true;
}

static bool read_withdraw(struct config_read *r, const struct config_key *key,
                          const struct config_node *node, void *ret_value)
{
    static const char *const names[] = {"auto", "manual", NULL};
    static const struct config_choices choices = {names, "auto or manual"};
    struct config_key choice_key = *key;
    choice_key.detail = &choices;
    unsigned int choice = 0;
    bool *manual = ret_value;
    if (!read_choice(r, &choice_key, node, &choice))
        return false;
    *manual = choice == 1;
    return true;
}

static bool read_max_duration(struct config_read *r, const struct config_key *key,
                              const struct config_node *node, void *ret_value)
{
    if (node->kind == NODE_SCALAR && strcmp(node->text, "none") == 0) {
        memset(ret_value, 0, sizeof(uint64_t));
        return true;
    }
    return read_duration(r, key, node, ret_value);
}

static const struct config_list platform_names = {{.read = read_platform_index},
                                                  sizeof(size_t),
                                                  1,
                                                  PLATFORMS_MAX,
                                                  "a list of names of platforms",
                                                  true};
static const struct config_range after_range = {0, 7 * 86400 * 1000ULL, "a duration up to 7d"};
static const struct config_range lease_range = {1000, 7 * 86400 * 1000ULL,
                                                "a duration from 1s to 7d"};
static const struct config_range max_range = {1000, 365 * 86400 * 1000ULL,
                                              "none or a duration from 1s to 365d"};
static const struct config_share_range any_share = {0, 1, "a share from 0% to 100%"};
static const struct config_range rules_range = {1, 1000, "a number from 1 to 1000"};
static const char *const scopes[] = {"all", "ingress", NULL};
static const struct config_choices scope_choices = {scopes, "all or ingress"};
static bool read_allow(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    static const char *const names[] = {"spoofable-source", NULL};
    static const struct config_choices choices = {names, "spoofable-source"};
    struct config_key choice_key = *key;
    choice_key.detail = &choices;
    unsigned int choice = 0;
    bool *allows = ret_value;
    *allows = read_choice(r, &choice_key, node, &choice);
    return *allows;
}

static const struct config_key synthesize_keys[] = {
    {"coverage", read_share, 0, &any_share, NULL, "share of the excess that rules must hit", 0},
    {"max_collateral", read_share, 0, &any_share, NULL, "share of the rest that they may hit", 0},
    {"max_rules", read_u32, 0, &rules_range, NULL, "how many rules", 0},
};
static const struct config_section synthesize_section = {"synthesize", CONFIG_KEYS(synthesize_keys),
                                                         16, CONFIG_NO_POS, NULL};

#define AT(member) offsetof(struct config_method, member)
static const struct config_key method_keys[] = {
    {"name", read_name, AT(name), NULL, NULL, "what steps and people call it", CONFIG_REQUIRED},
    {"match", read_match, CONFIG_ARRAY_AT(struct config_method, match, match_count), NULL, NULL,
     "what the rule matches", 0},
    {"action", read_action, 0, NULL, NULL, "what routers do with it", 0},
    {"sample", read_bool, AT(sample), NULL, "false", "routers also sample what matches", 0},
    {"terminal", read_bool, AT(terminal), NULL, "false", "the T bit: later rules apply too", 0},
    {"platforms", read_list, CONFIG_ARRAY_AT(struct config_method, platforms, platform_count),
     &platform_names, NULL, "where; left out: on all", 0},
    {"scope", read_choice, 0, &scope_choices, "all", "which peers of a platform", CONFIG_LATER},
    {"withdraw", read_withdraw, AT(withdraw_manual), NULL, "auto", "who withdraws", 0},
    {"withdraw_after", read_duration, AT(withdraw_after_ms), &after_range, "120s",
     "how long it stays when the alarm has ended", 0},
    {"lease", read_duration, AT(lease_ms), &lease_range, "15m",
     "how long it stands when policy no longer renews it", 0},
    {"max_duration", read_max_duration, AT(max_duration_ms), &max_range, "none",
     "how long it may stand", 0},
    {"hard_max", read_bool, 0, NULL, "false", "max_duration binds running alarms too",
     CONFIG_LATER},
    {"max_collateral", read_share, 0, &any_share, "none", "share of usual traffic that it may hit",
     CONFIG_LATER},
    {"dry_run", read_bool, AT(dry_run), NULL, "false", "adds dry run, never takes it away", 0},
    {"synthesize", read_section, 0, &synthesize_section, NULL, "finds the rule by itself",
     CONFIG_LATER},
    {"fallback", read_known_method, 0, NULL, NULL, "the method where that fails", CONFIG_LATER},
    {"automatic", read_bool, AT(automatic), NULL, "false",
     "a blackhole needs no approval as a step", 0},
    {"allow", read_allow, AT(allows_spoofable_source), NULL, NULL,
     "spoofable-source: the guard takes an inferred source that is not ours", 0},
    {"blackhole", read_blackhole, AT(route), &blackhole_section, NULL,
     "instead of match and action: a route to nowhere for the alarm's destination", 0},
    {"divert", read_divert, AT(route), &divert_section, NULL, "likewise, to a scrubbing centre", 0},
    {"external", read_section, 0, &external_section, NULL, "a scrubbing service", CONFIG_LATER},
};
#undef AT

static void finish_method(struct config_read *r, const struct config_node *node, void *value)
{
    static const char *const other_ways[] = {"synthesize", "blackhole", "divert", "external"};
    bool match = node_child(node, "match") != NULL, action = node_child(node, "action") != NULL;
    bool has_route = false, has_other = false;
    (void)value;
    for (size_t i = 0; i < sizeof(other_ways) / sizeof(other_ways[0]); i++) {
        bool is_route = i == 1 || i == 2;
        if (node_child(node, other_ways[i]) == NULL)
            continue;
        if (has_route || (has_other && is_route) || (is_route && (match || action)))
            config_error(r->errors, node->pos,
                         "a method with %s and another way, expected one of match and action, "
                         "blackhole, divert",
                         other_ways[i]);
        has_route = has_route || is_route;
        has_other = true;
    }
    if (has_other)
        return;
    if ((!match || !action) && !r->partial && !node->cut)
        config_error(r->errors, node->pos, "a method without %s, expected match and action",
                     !match && !action ? "match and action"
                     : !match          ? "match"
                                       : "action");
}

static const struct config_section method_section = {
    "a method", CONFIG_KEYS(method_keys), sizeof(struct config_method),
    offsetof(struct config_method, pos), finish_method};
static bool read_method(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    struct config_method *method = ret_value;
    size_t before = config_faults(r);
    bool ok = read_section(r, key, node, method);
    method->flawed = config_faults(r) != before;
    return ok;
}

const struct config_list method_list = {{.read = read_method, .detail = &method_section},
                                        sizeof(struct config_method),
                                        0,
                                        METHODS_MAX,
                                        "a list of methods",
                                        false};
