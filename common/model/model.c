#include "common/model/model_internal.h"

#include <stdlib.h>
#include <string.h>

/* Host addresses of exporters and peers, and the next hops of methods, are added to it. */
static struct ip_prefix *infrastructure_of(const struct config *config, size_t *ret_count)
{
    size_t room = config->infrastructure.count + config->peer_count + config->exporter_count +
                  2 * config->method_count;
    struct ip_prefix *all = calloc(room + 1, sizeof(*all));
    if (all == NULL)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < config->infrastructure.count; i++)
        all[n++] = config->infrastructure.items[i];
    for (size_t i = 0; i < config->peer_count; i++)
        if (config->peers[i].address.addr.family != ADDR_NONE)
            all[n++] = config->peers[i].address;
    for (size_t i = 0; i < config->exporter_count; i++) {
        const struct ip_prefix *address = &config->exporters[i].address;
        if (model_is_host(&config->exporters[i]))
            all[n++] = *address;
    }
    for (size_t i = 0; i < config->method_count; i++) {
        const struct config_route *route = &config->methods[i].route;
        if (route->next_hop4.family != ADDR_NONE)
            all[n++] = prefix_of_host(&route->next_hop4);
        if (route->next_hop6.family != ADDR_NONE)
            all[n++] = prefix_of_host(&route->next_hop6);
    }
    *ret_count = prefixes_merge(all, n);
    return all;
}

static struct guard_session *sessions_of(const struct config *config)
{
    struct guard_session *all = calloc(config->session_count + 1, sizeof(*all));
    for (size_t i = 0; all != NULL && i < config->session_count; i++)
        memcpy(all[i].ends, config->sessions[i].ends, sizeof(all[i].ends));
    return all;
}

const char *name_or_none(const char *name)
{
    return name != NULL ? name : "(no name)";
}

void model_out_of_memory(struct model_judge *judge)
{
    config_error(judge->errors, (struct config_pos){0, 0}, "out of memory");
}

struct model *model_new(const struct config *config, struct config_errors *errors)
{
    struct model *model = calloc(1, sizeof(*model));
    struct model_judge judge = {.model = model, .config = config, .errors = errors};
    if (model == NULL) {
        model_out_of_memory(&judge);
        return NULL;
    }
    model->config = config;
    size_t before = errors->count;
    networks_build(&judge);
    counts_build(&judge);
    methods_build(&judge);
    model->infrastructure = infrastructure_of(config, &model->infrastructure_count);
    model->sessions = sessions_of(config);
    if (model->infrastructure == NULL || model->sessions == NULL)
        model_out_of_memory(&judge);
    profiles_build(&judge);
    if (judge.policies != NULL && judge.method_sound != NULL)
        check_policies(&judge);
    free(judge.policies);
    free(judge.method_sound);
    if (errors->count == before)
        return model;
    model_free(model);
    return NULL;
}

void model_free(struct model *model)
{
    if (model == NULL)
        return;
    counts_done(model);
    networks_done(model);
    free(model->methods);
    free(model->profiles);
    free(model->infrastructure);
    free(model->sessions);
    free(model);
}

void model_check(const struct config *config, struct config_errors *errors)
{
    model_free(model_new(config, errors));
}

void model_guard_context(const struct model *model, const struct config_platform *platform,
                         struct guard_context *ret_context)
{
    const struct config *config = model->config;
    *ret_context = (struct guard_context){
        .networks = model->networks.ours,
        .is_protected = config->is_protected.items,
        .protected_count = config->is_protected.count,
        .infrastructure = model->infrastructure,
        .infrastructure_count = model->infrastructure_count,
        .sessions = model->sessions,
        .session_count = config->session_count,
        .widest4 = 24,
        .widest6 = 48,
        .mtu_bytes = 9192,
    };
    const struct config_platform *first = platform != NULL ? platform : config->platforms;
    size_t count = platform != NULL ? 1 : config->platform_count;
    for (size_t i = 0; i < count; i++) {
        const struct config_platform *p = &first[i];
        if (i == 0 || p->widest4 > ret_context->widest4)
            ret_context->widest4 = p->widest4;
        if (i == 0 || p->widest6 > ret_context->widest6)
            ret_context->widest6 = p->widest6;
        if (i == 0 || p->mtu_bytes < ret_context->mtu_bytes)
            ret_context->mtu_bytes = p->mtu_bytes;
    }
    if (platform != NULL)
        ret_context->rules_max = platform->max_rules;
    size_t peers = platform != NULL ? platform->peer_count : config->peer_count;
    for (size_t i = 0; i < peers; i++) {
        size_t peer = platform != NULL ? platform->peers[i] : i;
        const struct router_profile *profile =
            peer < config->peer_count ? model_profile(model, config->peers[peer].profile.value)
                                      : NULL; /* a config that was read only in part */
        if (profile != NULL)
            guard_take_profile(ret_context, profile);
    }
}
