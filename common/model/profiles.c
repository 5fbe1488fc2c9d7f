#include "common/model/model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Profiles of one's own: another one, and what differs from it. */

/* Among the first `count` of one's own, and the built-in ones. */
static const struct router_profile *find(const struct model *model, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(model->profiles[i].name, name) == 0)
            return &model->profiles[i].profile;
    return profile_find(name);
}

static void say_unknown(const struct model_judge *judge, const struct config_text *name,
                        const char *key)
{
    struct text names;
    text_init(&names, 0);
    for (size_t i = 0; i < judge->model->profile_count; i++)
        text_addf(&names, "%s, ", judge->model->profiles[i].name);
    for (size_t i = 0; profile_at(i) != NULL; i++)
        text_addf(&names, "%s%s", i == 0 ? "" : ", ", profile_at(i)->name);
    config_error(judge->errors, name->pos, "%s: \"%.60s\" is no router profile, expected one of %s",
                 key, name->value, text_str(&names));
    text_done(&names);
}

static void differ(struct router_profile *profile, const struct config_profile *from)
{
    enum { BITS = 8 };
    if (from->max_routes != 0)
        profile->rules_max = from->max_routes;
    if (from->min_rate_bps != 0)
        profile->rate_min_bytes = (double)from->min_rate_bps / BITS;
    if (from->rate_step_bps != 0)
        profile->rate_step_bytes = (double)from->rate_step_bps / BITS;
    if (from->order != ORDER_OF_BASE)
        profile->draft6_order = from->order == ORDER_DRAFT6;
    if (from->destination_required != NEED_OF_BASE)
        profile->destination_required = from->destination_required == NEED_YES;
    if (from->redirect_to_ip != REDIRECT_OF_BASE)
        profile->to_next_hop = true;
}

static void add(const struct model_judge *judge, const struct config_profile *from)
{
    struct model *model = judge->model;
    const struct config_text *based_on = &from->based_on;
    if (from->name == NULL)
        return; /* could not be read */
    if (profile_find(from->name) != NULL)
        config_error(judge->errors, from->pos, "profile \"%s\" is built in, expected another name",
                     from->name);
    const struct router_profile *base =
        based_on->value != NULL ? find(model, model->profile_count, based_on->value) : NULL;
    if (based_on->value != NULL && base == NULL)
        say_unknown(judge, based_on, "based_on");
    struct model_profile *own = &model->profiles[model->profile_count++];
    own->profile = base != NULL ? *base : *profile_find("generic");
    (void)snprintf(own->name, sizeof(own->name), "%s", from->name);
    own->profile.name = own->name;
    differ(&own->profile, from);
}

void profiles_build(struct model_judge *judge)
{
    const struct config *config = judge->config;
    judge->model->profiles = calloc(config->profile_count + 1, sizeof(*judge->model->profiles));
    if (judge->model->profiles == NULL) {
        model_out_of_memory(judge);
        return;
    }
    for (size_t i = 0; i < config->profile_count; i++)
        add(judge, &config->profiles[i]);
    for (size_t i = 0; i < config->peer_count; i++) {
        const struct config_text *profile = &config->peers[i].profile;
        if (profile->value != NULL && model_profile(judge->model, profile->value) == NULL)
            say_unknown(judge, profile, "profile");
    }
}

const struct router_profile *model_profile(const struct model *model, const char *name)
{
    return find(model, model->profile_count, name != NULL ? name : "generic");
}
