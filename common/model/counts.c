#include "common/model/model_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Policies made into counts: what several of them share is counted once. */

/* Prefix lengths after an address dimension: "/24" or "/24,48". The other family counts hosts. */
static bool parse_lengths(const char *text, struct count_dim *dim)
{
    char part[8];
    uint64_t len4 = 32, len6 = 128;
    size_t n = strcspn(text, ",");
    if (n == 0 || n >= sizeof(part))
        return false;
    memcpy(part, text, n);
    part[n] = '\0';
    if (text_parse_u64(&len4, part, 32) != STATUS_OK)
        return false;
    if (text[n] == ',' && text_parse_u64(&len6, text + n + 1, 128) != STATUS_OK)
        return false;
    dim->len4 = (uint8_t)len4;
    dim->len6 = (uint8_t)len6;
    return true;
}

static bool parse_dimension(struct model_judge *judge, const struct config_text *text,
                            struct count_dim *ret_dim)
{
    char name[32];
    enum dimension d;
    size_t n = strcspn(text->value, "/");
    bool known = n < sizeof(name);
    if (known) {
        memcpy(name, text->value, n);
        name[n] = '\0';
        known = dimension_parse(&d, name) == STATUS_OK;
    }
    if (!known) {
        config_error(judge->errors, text->pos,
                     "key: \"%.60s\", expected a dimension such as dst_addr", text->value);
        return false;
    }
    *ret_dim = (struct count_dim){.dimension = (uint8_t)d, .len4 = 32, .len6 = 128};
    if (text->value[n] == '\0')
        return true;
    if (d != DIM_DST_ADDR && d != DIM_SRC_ADDR) {
        config_error(judge->errors, text->pos,
                     "key: \"%.60s\", expected no prefix length: only dst_addr and src_addr take "
                     "one",
                     text->value);
        return false;
    }
    if (!parse_lengths(text->value + n + 1, ret_dim)) {
        config_error(judge->errors, text->pos,
                     "key: \"%.60s\", expected lengths such as %s/24 or %s/24,48", text->value,
                     name, name);
        return false;
    }
    return true;
}

static bool parse_key(struct model_judge *judge, const struct config_policy *policy,
                      struct count_spec *spec)
{
    bool ok = policy->key.count > 0; /* the reader has said that there is none */
    for (size_t i = 0; i < policy->key.count; i++) {
        struct count_dim dim;
        if (policy->key.items[i].value == NULL ||
            !parse_dimension(judge, &policy->key.items[i], &dim)) {
            ok = false;
            continue;
        }
        size_t j = 0;
        while (j < spec->key_count && spec->key[j].dimension != dim.dimension)
            j++;
        if (j == spec->key_count) {
            spec->key[spec->key_count++] = dim; /* one a dimension at most, so it fits */
            continue;
        }
        config_error(judge->errors, policy->key.items[i].pos, "key: %s is there twice",
                     dimension_name((enum dimension)dim.dimension));
        ok = false;
    }
    return ok;
}

/* Keys hold their dimensions in rising order. */
static void take_key(struct policy_view *view, const struct count_spec *spec)
{
    for (unsigned int d = 0; d <= DIM_LAST; d++)
        for (size_t i = 0; i < spec->key_count; i++)
            if (spec->key[i].dimension == d)
                view->key.key[view->key.key_count++] = spec->key[i];
}

/* What direction is relative to. */
static bool take_ours(struct model_judge *judge, const struct config_policy *policy,
                      struct policy_view *view, struct count_spec *spec)
{
    const struct config *config = judge->config;
    enum direction direction;
    view->direction_known = policy->direction.value != NULL &&
                            direction_parse(&direction, policy->direction.value) == STATUS_OK;
    if (!view->direction_known)
        return false; /* which the reader has said */
    view->direction = direction;
    spec->direction = (uint8_t)direction;
    if (direction == DIRECTION_ANY)
        return true;
    size_t total = 0;
    for (size_t i = 0; i < config->network_count; i++)
        total += config->networks[i].prefixes.count;
    if (total == 0 && (config->networks_flawed || (config->network_count == 0 && config->has_gaps)))
        return false;
    if (total == 0) {
        config_error(judge->errors,
                     policy->direction.pos.line > 0 ? policy->direction.pos : policy->pos,
                     "policy \"%s\" counts %s traffic, but `networks` is empty, expected what is "
                     "ours there",
                     name_or_none(policy->name), direction_name(direction));
        return false;
    }
    spec->ours = calloc(total, sizeof(*spec->ours));
    if (spec->ours == NULL) {
        model_out_of_memory(judge);
        return false;
    }
    for (size_t i = 0; i < config->network_count; i++) {
        const struct config_prefixes *prefixes = &config->networks[i].prefixes;
        for (size_t j = 0; j < prefixes->count; j++)
            spec->ours[spec->ours_count++] = prefixes->items[j];
    }
    return true;
}

static bool take_filter(struct model_judge *judge, const struct config_policy *policy,
                        struct count_spec *spec)
{
    bool ok = true;
    if (policy->where_count == 0)
        return true;
    spec->filter = calloc(policy->where_count, sizeof(*spec->filter));
    if (spec->filter == NULL) {
        model_out_of_memory(judge);
        return false;
    }
    for (size_t i = 0; i < policy->where_count; i++)
        ok = where_parse(judge, &policy->where[i], &spec->filter[spec->filter_count++]) && ok;
    return ok;
}

/* "incoming dst_addr where protocol=udp", as the policy writes it. */
static void label_of(const struct config_policy *policy, const struct count_spec *spec,
                     char *ret_label, size_t room)
{
    struct text t;
    text_init(&t, 0);
    text_add(&t, direction_name((enum direction)spec->direction));
    for (size_t i = 0; i < policy->key.count; i++)
        text_addf(&t, "%s%s", i == 0 ? " " : ",", policy->key.items[i].value);
    for (size_t i = 0; i < policy->where_count; i++) {
        text_addf(&t, "%s%s=", i == 0 ? " where " : " ", policy->where[i].field.value);
        for (size_t j = 0; j < policy->where[i].values.count; j++)
            text_addf(&t, "%s%s", j == 0 ? "" : ",", policy->where[i].values.items[j].value);
    }
    size_t len = t.len < room - 1 ? t.len : room - 1;
    memcpy(ret_label, text_str(&t), len);
    ret_label[len] = '\0';
    text_done(&t);
}

/* --- thresholds --------------------------------------------------------------------------------
 */

static void lower(double *lowest, double limit)
{
    if (limit < *lowest)
        *lowest = limit;
}

/* The window of the count, in its place among the rising ones; NULL when there are too many. */
static struct model_window *window_at(struct model_count *count, uint32_t window_ms)
{
    size_t at = 0;
    while (at < count->window_count && count->windows[at].window_ms < window_ms)
        at++;
    if (at < count->window_count && count->windows[at].window_ms == window_ms)
        return &count->windows[at];
    if (count->window_count == MODEL_WINDOWS_MAX)
        return NULL;
    memmove(&count->windows[at + 1], &count->windows[at],
            (count->window_count - at) * sizeof(count->windows[0]));
    count->window_count++;
    count->windows[at] = (struct model_window){.window_ms = window_ms,
                                               .lowest_bytes = INFINITY,
                                               .lowest_packets = INFINITY,
                                               .lowest_flows = INFINITY,
                                               .clear_below = 1};
    return &count->windows[at];
}

static void take_thresholds(struct model_judge *judge, struct model_count *count,
                            const struct config_policy *policy)
{
    struct model_window *window = window_at(count, (uint32_t)policy->window_ms);
    if (window == NULL) {
        config_error(judge->errors, policy->pos,
                     "policy \"%s\" is the %dth window of its count, expected at most %d",
                     name_or_none(policy->name), MODEL_WINDOWS_MAX + 1, MODEL_WINDOWS_MAX);
        return;
    }
    double seconds = (double)policy->window_ms / 1000;
    for (size_t i = 0; i < policy->threshold_count; i++) {
        const struct config_threshold *threshold = &policy->thresholds[i];
        lower(&window->clear_below, threshold->clear_below);
        for (size_t j = 0; j < threshold->rate_count; j++) {
            double limit = (double)threshold->rates[j].limit;
            switch (threshold->rates[j].kind) {
            case RATE_BPS:
                lower(&window->lowest_bytes, limit / 8);
                lower(&count->urgent_bytes, limit / 8 * seconds);
                break;
            case RATE_PPS:
                lower(&window->lowest_packets, limit);
                lower(&count->urgent_packets, limit * seconds);
                break;
            case RATE_FPS:
                lower(&window->lowest_flows, limit);
                lower(&count->urgent_flows, limit * seconds);
                break;
            }
        }
    }
}

/* --- counts ------------------------------------------------------------------------------------
 */

/* The count of this spec, new or there already; takes the spec over. NULL: an error was added. */
static struct model_count *count_of(struct model_judge *judge, const struct config_policy *policy,
                                    struct count_spec *spec)
{
    struct model *model = judge->model;
    uint64_t id = 0;
    enum status status = count_canonicalize(spec);
    if (status == STATUS_OK)
        status = count_id(spec, &id);
    if (status != STATUS_OK) {
        config_error(judge->errors, policy->pos, "policy \"%s\" cannot be counted: %s",
                     name_or_none(policy->name), status_text(status));
        return NULL;
    }
    for (size_t i = 0; i < model->count_count; i++) {
        if (model->counts[i].id != id)
            continue;
        count_spec_done(spec);
        return &model->counts[i];
    }
    struct model_count *count = &model->counts[model->count_count++];
    *count = (struct model_count){.id = id,
                                  .spec = *spec,
                                  .urgent_bytes = INFINITY,
                                  .urgent_packets = INFINITY,
                                  .urgent_flows = INFINITY};
    label_of(policy, spec, count->label, sizeof(count->label));
    *spec = (struct count_spec){0};
    return count;
}

void counts_build(struct model_judge *judge)
{
    const struct config *config = judge->config;
    struct model *model = judge->model;
    model->counts = calloc(config->policy_count + 1, sizeof(*model->counts));
    model->policy_count = calloc(config->policy_count + 1, sizeof(*model->policy_count));
    judge->policies = calloc(config->policy_count + 1, sizeof(*judge->policies));
    if (model->counts == NULL || model->policy_count == NULL || judge->policies == NULL) {
        model_out_of_memory(judge);
        return;
    }
    for (size_t i = 0; i < config->policy_count; i++) {
        const struct config_policy *policy = &config->policies[i];
        struct count_spec spec = {0};
        struct model_count *count = NULL;
        struct policy_view *view = &judge->policies[i];
        bool ok = take_ours(judge, policy, view, &spec);
        ok = take_filter(judge, policy, &spec) && ok;
        view->key_known = parse_key(judge, policy, &spec);
        take_key(view, &spec);
        /* A count of half a policy would be another one. */
        if (ok && view->key_known && !policy->flawed && !config->networks_flawed &&
            !config->exporters_flawed)
            count = count_of(judge, policy, &spec);
        count_spec_done(&spec);
        if (count == NULL)
            continue;
        model->policy_count[i] = (size_t)(count - model->counts);
        take_thresholds(judge, count, policy);
    }
}

void counts_done(struct model *model)
{
    for (size_t i = 0; i < model->count_count; i++)
        count_spec_done(&model->counts[i].spec);
    free(model->counts);
    free(model->policy_count);
}

const struct model_count *model_count_by_id(const struct model *model, uint64_t id)
{
    for (size_t i = 0; i < model->count_count; i++)
        if (model->counts[i].id == id)
            return &model->counts[i];
    return NULL;
}
