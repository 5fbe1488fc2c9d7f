#include "common/model/model_internal.h"

#include <string.h>

/* What holds between the parts of the file: steps and keys, rules and guard, peers and profiles. */

/* One step of one threshold of one policy. */
struct step_check {
    struct model_judge *judge;
    const struct config_policy *policy;
    const struct config_step *step;
    const struct policy_view *view;
    const struct model_method *method;
};

static const struct count_dim *dim_of(const struct count_spec *spec, enum dimension d)
{
    for (size_t i = 0; i < spec->key_count; i++)
        if (spec->key[i].dimension == d)
            return &spec->key[i];
    return NULL;
}

/* True when the key holds what the method infers. */
static bool check_hole(const struct step_check *s, bool hole, enum dimension d, const char *field)
{
    const struct count_dim *dim = dim_of(&s->view->key, d);
    if (!hole)
        return true;
    if (dim == NULL) {
        config_error(s->judge->errors, s->step->pos,
                     "method \"%s\" infers %s, which the key of policy \"%s\" does not hold, "
                     "expected %s in that key or a value in the method",
                     name_or_none(s->method->config->name), field, name_or_none(s->policy->name),
                     dimension_name(d));
        return false;
    }
    if ((d == DIM_DST_ADDR || d == DIM_SRC_ADDR) && (dim->len4 == 0 || dim->len6 == 0)) {
        config_error(s->judge->errors, s->step->pos,
                     "method \"%s\" would infer a /0 from the key of policy \"%s\", which is "
                     "refused, expected a longer prefix in that key",
                     name_or_none(s->method->config->name), name_or_none(s->policy->name));
        return false;
    }
    return true;
}

static bool check_holes(const struct step_check *s)
{
    const struct model_method *m = s->method;
    bool ok = check_hole(s, m->infer_destination, DIM_DST_ADDR, "destination");
    ok = check_hole(s, m->infer_source, DIM_SRC_ADDR, "source") && ok;
    ok = check_hole(s, m->infer_protocol, DIM_PROTOCOL, "protocol") && ok;
    ok = check_hole(s, m->infer_source_port, DIM_SRC_PORT, "source_port") && ok;
    return check_hole(s, m->infer_destination_port, DIM_DST_PORT, "destination_port") && ok;
}

/* --- the guard's verdict on what a step would do ------------------------------------------------
 */

/* A key that the policy could have: the first address of our own space, and usual values. */
static void sample_key(const struct step_check *s, const struct ip_addr *ours,
                       struct flow_key *ret_key)
{
    *ret_key = (struct flow_key){0};
    for (size_t i = 0; i < s->view->key.key_count; i++) {
        const struct count_dim *dim = &s->view->key.key[i];
        enum dimension d = (enum dimension)dim->dimension;
        bool masks = d == DIM_DST_ADDR || d == DIM_SRC_ADDR;
        uint8_t len = ours->family == ADDR_IPV4 ? dim->len4 : dim->len6;
        struct ip_addr addr = masks ? addr_masked(ours, len) : *ours;
        if (dimension_width(d) == 0)
            key_add_addr(ret_key, d, &addr);
        else
            key_add_number(ret_key, d, d == DIM_PROTOCOL ? 17 : 53);
    }
}

/* Whether an invariant says that the rule is wrong whatever its destination is. */
static bool is_of_the_rule(enum guard_invariant invariant)
{
    switch (invariant) {
    case GUARD_TOO_WIDE:
    case GUARD_BARE_WIDE:
    case GUARD_ICMPV6:
    case GUARD_VALUE:
    case GUARD_EMPTY_MASK:
    case GUARD_DF_IPV6:
    case GUARD_NLRI_LENGTH:
    case GUARD_LENGTH:
    case GUARD_RATE:
    case GUARD_NOTHING:
    case GUARD_ACTION:
        return true;
    case GUARD_NO_DESTINATION:
    case GUARD_NOT_OURS:
    case GUARD_NOT_OUR_SOURCE:
    case GUARD_SPOOFABLE_SOURCE:
    case GUARD_SESSION:
    case GUARD_NEXT_HOP:
    case GUARD_TEST_RULE:
    case GUARD_PROTECTED:
    case GUARD_INFRASTRUCTURE:
    case GUARD_SCOPE:
    case GUARD_ENCODING:
    case GUARD_SHADOW:
    case GUARD_BUDGET:
    case GUARD_COUNT:
        return false;
    }
    return false;
}

/* True when some platform of the method takes the rule. */
static bool passes(const struct step_check *s, const struct flow_rule *rule,
                   const struct flow_actions *actions, struct guard_refusal *ret_refusal)
{
    const struct config *config = s->judge->config;
    const struct config_method *method = s->method->config;
    size_t count = method->platform_count > 0 ? method->platform_count : config->platform_count;
    for (size_t i = 0; i < count || i == 0; i++) {
        const struct config_platform *platform = NULL;
        if (i < count)
            platform = &config->platforms[method->platform_count > 0 ? method->platforms[i] : i];
        struct guard_context context;
        struct guard_verdict verdict;
        model_guard_context(s->judge->model, platform, &context);
        guard_judge(&context, rule, actions, &verdict);
        bool ok = true;
        for (size_t j = 0; j < verdict.count && ok; j++) {
            if (!is_of_the_rule(verdict.refusals[j].invariant))
                continue;
            *ret_refusal = verdict.refusals[j];
            ok = false;
        }
        if (ok)
            return true;
    }
    return false;
}

/* A step whose rule is refused everywhere and in both families would only fail in an attack. */
static void check_rule(const struct step_check *s)
{
    const struct config *config = s->judge->config;
    struct guard_refusal refusal = {0};
    struct rule_error error = {0};
    bool tried4 = false, tried6 = false, refused = false;
    for (size_t i = 0; i < config->network_count; i++) {
        for (size_t j = 0; j < config->networks[i].prefixes.count; j++) {
            const struct ip_addr *ours = &config->networks[i].prefixes.items[j].addr;
            bool *tried = ours->family == ADDR_IPV4 ? &tried4 : &tried6;
            struct flow_key key;
            struct flow_rule rule;
            struct flow_actions actions;
            if (*tried)
                continue;
            *tried = true;
            sample_key(s, ours, &key);
            if (model_method_rule(s->method, &s->view->key, &key, NULL, 1, &rule, &actions,
                                  &error) != STATUS_OK)
                continue;
            if (passes(s, &rule, &actions, &refusal))
                return;
            refused = true;
        }
    }
    if (refused)
        config_error(s->judge->errors, s->step->pos,
                     "method \"%s\" for policy \"%s\": the guard would refuse every rule: %s (%s)",
                     s->method->config->name, name_or_none(s->policy->name),
                     guard_text(refusal.invariant), refusal.text);
    else if (error.why[0] != '\0')
        config_error(s->judge->errors, s->step->pos,
                     "method \"%s\" gives policy \"%s\" no rule: %s", s->method->config->name,
                     name_or_none(s->policy->name), error.why);
}

/* Whether everything is known that the guard's verdict on the step rests on. */
static bool can_judge_rule(const struct step_check *s)
{
    const struct config *config = s->judge->config;
    const struct config_method *method = s->method->config;
    bool known = !config->has_gaps && !config->networks_flawed && !config->platforms_flawed &&
                 !method->flawed && s->judge->method_sound[s->step->method];
    for (size_t i = 0; i < method->platform_count; i++)
        known = known && method->platforms[i] != CONFIG_UNKNOWN;
    return known && !s->method->infer_protocol; /* else it depends on the protocol of each alarm */
}

static void check_step(struct step_check *s)
{
    const struct config *config = s->judge->config;
    if (s->view->direction_known && s->view->direction == DIRECTION_TRANSIT) {
        config_error(s->judge->errors, s->step->pos,
                     "policy \"%s\" counts transit traffic, which is never mitigated, expected no "
                     "step",
                     name_or_none(s->policy->name));
        return;
    }
    if (!s->view->key_known || s->step->pos.line == 0 || s->step->method >= config->method_count)
        return;
    s->method = &s->judge->model->methods[s->step->method];
    if (check_holes(s) && can_judge_rule(s))
        check_rule(s);
}

void check_policies(struct model_judge *judge)
{
    const struct config *config = judge->config;
    for (size_t i = 0; i < config->policy_count; i++) {
        const struct config_policy *policy = &config->policies[i];
        for (size_t j = 0; j < policy->threshold_count; j++) {
            for (size_t k = 0; k < policy->thresholds[j].mitigate_count; k++) {
                struct step_check s = {.judge = judge,
                                       .policy = policy,
                                       .step = &policy->thresholds[j].mitigate[k],
                                       .view = &judge->policies[i]};
                check_step(&s);
            }
        }
    }
}
