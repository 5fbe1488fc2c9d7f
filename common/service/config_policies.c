#include "common/service/config_read.h"

#include <stdio.h>
#include <string.h>

/* The section `policies`: what is an attack. */

enum { POLICIES_MAX = 1000, THRESHOLDS_MAX = 5, STEPS_MAX = 16, KEY_DIMENSIONS_MAX = 11 };

_Static_assert(sizeof(enum config_severity) == sizeof(unsigned int), "read_choice writes an int");

/* What a flow can be asked for: keys of `where`, and of `key` with a length after some. */
static const char *const dimensions[] = {"dst_addr", "src_addr",  "protocol",    "src_port",
                                         "dst_port", "tcp_flags", "dst_network", "input_if",
                                         "exporter", "src_as",    "dst_as",      NULL};
static const char *const directions[] = {"incoming", "outgoing", "internal",
                                         "transit",  "any",      NULL};
static const char *const severities[] = {"notice", "minor", "major", "critical", "emergency", NULL};
_Static_assert(sizeof(severities) / sizeof(severities[0]) == SEVERITY_COUNT + 1, "one a severity");

const char *config_severity_name(enum config_severity s)
{
    return (unsigned int)s < SEVERITY_COUNT ? severities[s] : "unknown";
}

static bool is_one_of(const char *const *names, const char *text, size_t len)
{
    for (; *names != NULL; names++)
        if (strlen(*names) == len && memcmp(*names, text, len) == 0)
            return true;
    return false;
}

static bool read_direction(struct config_read *r, const struct config_key *key,
                           const struct config_node *node, void *ret_value)
{
    memset(ret_value, 0, sizeof(struct config_text)); /* a wrong one is none, not the default */
    if (node->kind != NODE_SCALAR || !is_one_of(directions, node->text, strlen(node->text)))
        return config_wrong(r, key, node, "incoming, outgoing, internal, transit or any");
    return read_text(r, key, node, ret_value);
}

static void refuse_dimension(struct config_read *r, const struct config_node *node,
                             const char *what)
{
    char name[65];
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(node->text, "/"), node->text);
    const char *near = config_nearest(name, dimensions, SIZE_MAX);
    config_error(r->errors, node->pos, "unknown field \"%.60s\" in %s, expected %s%s%s", node->text,
                 what,
                 near != NULL ? "\""
                              : "one of dst_addr, src_addr, protocol, src_port, "
                                "dst_port, tcp_flags, dst_network, input_if, "
                                "exporter, src_as, dst_as",
                 near != NULL ? near : "", near != NULL ? "\"?" : "");
}

static bool read_where(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP)
        return config_wrong(r, key, node, "fields with lists of values");
    config_refuse_repeated(r, node);
    struct config_array array = {
        arena_take_many(r->arena, node->count, sizeof(struct config_where)), node->count};
    struct config_where *at = array.items;
    const struct config_node *n = node->first;
    for (; n != NULL && at != NULL && !config_gave_up(r); n = n->next, at++) {
        struct config_key field = {.name = n->key->text};
        if (!is_one_of(dimensions, n->key->text, strlen(n->key->text)))
            refuse_dimension(r, n->key, key->name);
        else
            at->field = (struct config_text){n->key->text, n->key->pos};
        if (n->kind == NODE_LIST && n->count == 0)
            (void)config_wrong(r, &field, n, "at least one value");
        (void)read_texts(r, &field, n, &at->values);
    }
    memcpy(ret_value, &array, sizeof(array));
    return array.items != NULL;
}

static bool read_policy_key(struct config_read *r, const struct config_key *key,
                            const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_LIST || node->count == 0 || node->count > KEY_DIMENSIONS_MAX)
        return config_wrong(r, key, node, "a list of fields such as [dst_addr]");
    bool ok = read_texts(r, key, node, ret_value);
    struct config_texts texts;
    if (node->cut)
        memset(ret_value, 0, sizeof(texts)); /* half a key would be another one */
    memcpy(&texts, ret_value, sizeof(texts));
    for (size_t i = 0; i < texts.count; i++) {
        const char *value = texts.items[i].value;
        if (value == NULL || is_one_of(dimensions, value, strcspn(value, "/")))
            continue;
        refuse_dimension(r, node_item(node, i), key->name);
        texts.items[i] = (struct config_text){0};
        ok = false;
    }
    return ok;
}

/* --- thresholds ---------------------------------------------------------------------------------
 */

static bool read_bits(struct config_read *r, const struct config_key *key,
                      const struct config_node *node, void *ret_value)
{
    uint64_t bps = 0;
    if (node->kind != NODE_SCALAR || text_parse_bit_rate_bare(&bps, node->text) != STATUS_OK ||
        bps == 0)
        return config_wrong(r, key, node, "a rate over 0 such as 1G (bits a second) or 100Mbps");
    memcpy(ret_value, &bps, sizeof(bps));
    return true;
}

static const struct config_range per_second = {1, UINT64_MAX, "a count over 0 such as 500k"};
static const struct config_share_range ratio_range = {1, 1e6, "a number from 1 to 1000000"};

struct rates {
    uint64_t limits[THRESHOLD_RATES_MAX]; /* in the order of enum config_rate_kind; 0: not given */
};
#define AT(kind) (offsetof(struct rates, limits) + (kind) * sizeof(uint64_t))
static const struct config_key rate_keys[] = {
    {"bps", read_bits, AT(RATE_BPS), NULL, NULL, "bits a second", 0},
    {"pps", read_count, AT(RATE_PPS), &per_second, NULL, "packets a second", 0},
    {"fps", read_count, AT(RATE_FPS), &per_second, NULL, "flows a second", 0},
    {"hosts", read_count, 0, &per_second, NULL, "hosts over their own baseline", CONFIG_LATER},
    {"sources", read_count, 0, &per_second, NULL, "distinct sources", CONFIG_LATER},
    {"ratio_to_baseline", read_fraction, 0, &ratio_range, NULL, "times the baseline", CONFIG_LATER},
};
#undef AT
static const struct config_section rate_section = {"a threshold's rates", CONFIG_KEYS(rate_keys),
                                                   sizeof(struct rates), CONFIG_NO_POS, NULL};

static bool read_rates(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, struct config_threshold *threshold)
{
    struct rates rates = {{0}};
    struct config_key section_key = *key;
    section_key.detail = &rate_section;
    if (!read_section(r, &section_key, node, &rates))
        return false;
    if (node->count == 0)
        return config_wrong(r, key, node, "at least one of bps, pps, fps");
    threshold->rate_count = 0;
    for (unsigned int kind = 0; kind < THRESHOLD_RATES_MAX; kind++) {
        if (rates.limits[kind] == 0)
            continue;
        threshold->rates[threshold->rate_count].kind = (enum config_rate_kind)kind;
        threshold->rates[threshold->rate_count++].limit = rates.limits[kind];
    }
    return true;
}

static bool read_any_of(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    return read_rates(r, key, node, ret_value);
}

static bool read_all_of(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    struct config_threshold *threshold = ret_value;
    threshold->all = true;
    return read_rates(r, key, node, threshold);
}

static const struct config_range for_range = {0, 3600 * 1000,
                                              "a duration up to 1h such as 0s or 10s"};

static bool read_for(struct config_read *r, const struct config_key *key,
                     const struct config_node *node, void *ret_value)
{
    unsigned int hits = 0, windows = 0;
    int end = 0;
    if (node->kind == NODE_SCALAR &&
        sscanf(node->text, "%2u of %2u%n", &hits, &windows, &end) == 2 && node->text[end] == '\0') {
        config_not_yet(r, node->pos, "for: \"N of M\" windows");
        return false;
    }
    return read_duration(r, key, node, ret_value);
}

static bool read_method_name(struct config_read *r, const struct config_key *key,
                             const struct config_node *node, void *ret_value)
{
    const char *name = NULL;
    if (!read_name(r, key, node, &name))
        return false;
    config_refer(r, KIND_METHOD, key, node, ret_value);
    return true;
}

bool read_known_method(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    const char *name = NULL;
    (void)ret_value;
    if (!read_name(r, key, node, &name))
        return false;
    config_refer(r, KIND_METHOD, key, node, NULL);
    return true;
}

static const struct config_range after_range = {0, 86400 * 1000, "a duration up to 24h"};
static const struct config_list together = {
    {.read = read_known_method}, sizeof(size_t), 1, STEPS_MAX, "a list of names of methods", true};

#define AT(member) offsetof(struct config_step, member)
static const struct config_key step_keys[] = {
    {"method", read_method_name, AT(method), NULL, NULL, "what is done", 0},
    {"after", read_duration, 0, &after_range, "0s", "how long the alarm has been active",
     CONFIG_LATER},
    {"all", read_list, 0, &together, NULL, "methods that start together", CONFIG_LATER},
};
#undef AT

static void finish_step(struct config_read *r, const struct config_node *node, void *value)
{
    struct config_step *step = value;
    if (node_child(node, "method") == NULL || node_child(node, "method")->kind != NODE_SCALAR ||
        !config_is_name(node_child(node, "method")->text))
        step->method = CONFIG_UNKNOWN;
    bool method = node_child(node, "method") != NULL, all = node_child(node, "all") != NULL;
    if (method == all && !r->partial && !node->cut)
        config_error(r->errors, node->pos, "a step with %s, expected one of method and all",
                     method ? "method and all" : "neither method nor all");
}

static const struct config_section step_section = {"a step", CONFIG_KEYS(step_keys),
                                                   sizeof(struct config_step),
                                                   offsetof(struct config_step, pos), finish_step};
static const struct config_list step_list = {{.read = read_section, .detail = &step_section},
                                             sizeof(struct config_step),
                                             0,
                                             STEPS_MAX,
                                             "a list of steps such as [{method: NAME}]",
                                             false};

static const struct config_choices severity_choices = {
    severities, "notice, minor, major, critical or emergency"};
static const char *const approvals[] = {"auto", "required", NULL};
static const struct config_choices approval_choices = {approvals, "auto or required"};
static const struct config_share_range confidence_range = {0, 0.9999, "a number from 0 to 0.9999"};
static const struct config_share_range below_range = {0.01, 1, "a share from 1% to 100%"};
static const struct config_range clear_range = {0, 86400 * 1000, "a duration up to 24h"};

/* A wrong one is not too short as well. */
static bool read_clear_after(struct config_read *r, const struct config_key *key,
                             const struct config_node *node, void *ret_value)
{
    if (read_duration(r, key, node, ret_value))
        return true;
    memset(ret_value, 0xff, sizeof(uint64_t));
    return false;
}

#define AT(member) offsetof(struct config_threshold, member)
static const struct config_key clear_keys[] = {
    {"below", read_share, AT(clear_below), &below_range, "80%", "share of the limit", 0},
    {"after", read_clear_after, AT(clear_after_ms), &clear_range, "60s",
     "how long it must be below; never less than the longest active_timeout + window", 0},
};
static const struct config_section clear_section = {
    "clear", CONFIG_KEYS(clear_keys), sizeof(struct config_threshold), CONFIG_NO_POS, NULL};

static const struct config_key threshold_keys[] = {
    {"severity", read_choice, AT(severity), &severity_choices, NULL,
     "notice, minor, major, critical or emergency", CONFIG_REQUIRED},
    {"any", read_any_of, 0, NULL, NULL, "one of these rates is over its limit", 0},
    {"all", read_all_of, 0, NULL, NULL, "all of these rates are over their limits", 0},
    {"confidence", read_fraction, AT(confidence), &confidence_range, "0.95",
     "the lower bound of the sampled estimate must pass; 0: the estimate itself", 0},
    {"for", read_for, AT(for_ms), &for_range, "0s", "how long it must be over", 0},
    {"clear", read_section, 0, &clear_section, "{}", "when it is over", 0},
    {"mitigate", read_list, CONFIG_ARRAY_AT(struct config_threshold, mitigate, mitigate_count),
     &step_list, NULL, "what is done, step by step", 0},
    {"approval", read_choice, 0, &approval_choices, "auto", "whether a person is asked",
     CONFIG_LATER},
};
#undef AT

static void finish_threshold(struct config_read *r, const struct config_node *node, void *value)
{
    (void)value;
    bool any = node_child(node, "any") != NULL, all = node_child(node, "all") != NULL;
    if (any == all && !r->partial && !node->cut)
        config_error(r->errors, node->pos, "a threshold with %s, expected one of any and all",
                     any ? "any and all" : "neither any nor all");
}

static const struct config_section threshold_section = {
    "a threshold", CONFIG_KEYS(threshold_keys), sizeof(struct config_threshold),
    offsetof(struct config_threshold, pos), finish_threshold};
static const struct config_list threshold_list = {
    {.read = read_section, .detail = &threshold_section},
    sizeof(struct config_threshold),
    1,
    THRESHOLDS_MAX,
    "a list of thresholds",
    false};

/* --- policies -----------------------------------------------------------------------------------
 */

static const struct config_range window_range = {1000, 60 * 1000, "a duration from 1s to 60s"};
static const struct config_range long_range = {1000, 365 * 86400 * 1000ULL,
                                               "a duration from 1s to 365d"};
static const struct config_section floor_section = {"floor", CONFIG_KEYS(rate_keys),
                                                    sizeof(struct rates), CONFIG_NO_POS, NULL};
static const struct config_key baseline_keys[] = {
    {"factor", read_fraction, 0, &ratio_range, NULL, "times the baseline", 0},
    {"half_life", read_duration, 0, &long_range, NULL, "how fast it forgets", 0},
    {"warmup", read_duration, 0, &long_range, NULL, "how long it only learns", 0},
    {"floor", read_section, 0, &floor_section, NULL, "never under this", 0},
};
static const struct config_section baseline_section = {"baseline", CONFIG_KEYS(baseline_keys),
                                                       sizeof(struct rates), CONFIG_NO_POS, NULL};

#define AT(member) offsetof(struct config_policy, member)
static const struct config_key policy_keys[] = {
    {"name", read_name, AT(name), NULL, NULL, "what people call it", CONFIG_REQUIRED},
    {"direction", read_direction, AT(direction), NULL, "incoming", "relative to networks", 0},
    {"where", read_where, CONFIG_ARRAY_AT(struct config_policy, where, where_count), NULL, NULL,
     "which flows: AND across fields, OR in a list", 0},
    {"key", read_policy_key, CONFIG_ARRAY_AT(struct config_policy, key.items, key.count), NULL,
     NULL, "what is counted together, such as [dst_addr]", CONFIG_REQUIRED},
    {"window", read_duration, AT(window_ms), &window_range, "1s", "the time that rates are over",
     0},
    {"thresholds", read_list, CONFIG_ARRAY_AT(struct config_policy, thresholds, threshold_count),
     &threshold_list, NULL, "rates that are an attack", CONFIG_REQUIRED},
    {"baseline", read_section, 0, &baseline_section, NULL, "learns what is usual", CONFIG_LATER},
    {"dry_run", read_bool, AT(dry_run), NULL, "false", "adds dry run, never takes it away", 0},
};
#undef AT
static const struct config_section policy_section = {"a policy", CONFIG_KEYS(policy_keys),
                                                     sizeof(struct config_policy),
                                                     offsetof(struct config_policy, pos), NULL};
static bool read_policy(struct config_read *r, const struct config_key *key,
                        const struct config_node *node, void *ret_value)
{
    struct config_policy *policy = ret_value;
    size_t before = config_faults(r);
    bool ok = read_section(r, key, node, policy);
    policy->flawed = config_faults(r) != before;
    return ok;
}

const struct config_list policy_list = {{.read = read_policy, .detail = &policy_section},
                                        sizeof(struct config_policy),
                                        0,
                                        POLICIES_MAX,
                                        "a list of policies",
                                        false};
