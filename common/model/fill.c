#include "common/model/model_internal.h"

#include <stdio.h>
#include <string.h>

/* A method's rule for one key: the holes filled. */

struct fill {
    const struct model_method *method;
    const struct count_spec *spec;
    const struct flow_key *key;
    const struct model_given *given;
    enum addr_family family;
    struct ip_prefix destination, source;
    bool has_source;
    struct rule_error *error;
};

static enum status refuse(struct fill *f, const char *why)
{
    *f->error = (struct rule_error){0};
    (void)snprintf(f->error->why, sizeof(f->error->why), "%s", why);
    return STATUS_REFUSED;
}

/* The address of a dimension of the key, as the prefix that the count masks it to. */
static bool key_prefix(const struct fill *f, enum dimension d, struct ip_prefix *ret_prefix)
{
    struct ip_addr addr;
    if (f->spec == NULL || f->key == NULL || key_addr(f->key, d, &addr) != STATUS_OK)
        return false;
    for (size_t i = 0; i < f->spec->key_count; i++) {
        const struct count_dim *dim = &f->spec->key[i];
        if (dim->dimension != d)
            continue;
        uint8_t len = addr.family == ADDR_IPV4 ? dim->len4 : dim->len6;
        *ret_prefix = (struct ip_prefix){.addr = addr_masked(&addr, len), .len = len};
        return true;
    }
    return false;
}

/* What the key says, or what a person gave. */
static enum status fill_inferred(struct fill *f, enum dimension d, const struct ip_prefix *given,
                                 struct ip_prefix *ret_prefix)
{
    bool destination = d == DIM_DST_ADDR;
    if (given != NULL)
        *ret_prefix = *given;
    else if (!key_prefix(f, d, ret_prefix))
        return refuse(f, destination ? "the destination is inferred, and the key has none"
                                     : "the source is inferred, and the key has none");
    if (ret_prefix->len == 0)
        return refuse(f,
                      destination ? "a /0 is refused as destination" : "a /0 is refused as source");
    return STATUS_OK;
}

/* What the method fixes, narrowed by what a person gave. */
static enum status fill_fixed(struct fill *f, const struct ip_prefix *fixed,
                              const struct ip_prefix *given, struct ip_prefix *ret_prefix)
{
    if (given != NULL && !prefix_covers(fixed, given))
        return refuse(f, "the method fixes another address than the one that is given");
    *ret_prefix = given != NULL ? *given : *fixed;
    return STATUS_OK;
}

static enum status fill_addresses(struct fill *f)
{
    const struct model_method *m = f->method;
    const struct flow_rule *fixed = m->takes4 ? &m->rule4 : &m->rule6;
    const struct ip_prefix *to =
        f->given != NULL && f->given->has_destination ? &f->given->destination : NULL;
    const struct ip_prefix *from =
        f->given != NULL && f->given->has_source ? &f->given->source : NULL;
    enum status status = m->infer_destination
                             ? fill_inferred(f, DIM_DST_ADDR, to, &f->destination)
                             : fill_fixed(f, &fixed->destination, to, &f->destination);
    if (status != STATUS_OK)
        return status;
    f->family = (enum addr_family)f->destination.addr.family;
    if (f->family == ADDR_IPV4 ? !m->takes4 : !m->takes6)
        return refuse(f, f->family == ADDR_IPV4 ? "the method cannot be said for IPv4"
                                                : "the method cannot be said for IPv6");
    fixed = f->family == ADDR_IPV4 ? &m->rule4 : &m->rule6;
    f->has_source = true;
    if (m->infer_source)
        status = fill_inferred(f, DIM_SRC_ADDR, from, &f->source);
    else if (rule_has(fixed, COMPONENT_SOURCE))
        status = fill_fixed(f, &fixed->source, from, &f->source);
    else if (from != NULL)
        status = refuse(f, "the method has no source");
    else
        f->has_source = false;
    if (status == STATUS_OK && f->has_source && f->source.addr.family != f->family)
        return refuse(f, "source and destination are of different families");
    return status;
}

/* Adds component c: the value of the key where it is a hole, else the template's operators. */
static enum status fill_component(struct fill *f, enum component c, struct flow_rule *rule)
{
    const struct model_method *m = f->method;
    const struct flow_rule *fixed = f->family == ADDR_IPV4 ? &m->rule4 : &m->rule6;
    enum status status = STATUS_OK;
    enum dimension d = DIM_PROTOCOL;
    bool hole = c == COMPONENT_PROTOCOL && m->infer_protocol;
    if (c == COMPONENT_SOURCE_PORT && m->infer_source_port) {
        hole = true;
        d = DIM_SRC_PORT;
    } else if (c == COMPONENT_DESTINATION_PORT && m->infer_destination_port) {
        hole = true;
        d = DIM_DST_PORT;
    }
    if (hole) {
        uint64_t value = 0;
        if (f->key == NULL || key_number(f->key, d, &value) != STATUS_OK)
            return refuse(f, d == DIM_PROTOCOL ? "the protocol is inferred, and the key has none"
                                               : "a port is inferred, and the key has none");
        return rule_add_op(rule, c, OP_EQ, (uint32_t)value);
    }
    if (!rule_has(fixed, c))
        return STATUS_OK;
    for (uint16_t i = 0; i < fixed->range[c].count && status == STATUS_OK; i++) {
        const struct rule_op *op = &fixed->ops[fixed->range[c].start + i];
        status = rule_add_op(rule, c, op->bits, op->value);
    }
    return status;
}

/* What a blackhole or diversion does to packets. */
static struct flow_actions actions_of_route(const struct config_route *route,
                                            enum addr_family family)
{
    struct flow_actions actions = {.discard = route->kind == ROUTE_BLACKHOLE};
    if (route->kind == ROUTE_DIVERT) {
        actions.redirect = REDIRECT_TO_IP;
        actions.redirect_addr = family == ADDR_IPV4 ? route->next_hop4 : route->next_hop6;
    }
    return actions;
}

static struct flow_actions actions_of(const struct config_method *config, uint32_t routers)
{
    struct flow_actions actions = {.sample = config->sample, .terminal = config->terminal};
    double bytes = (double)config->action.rate_bps / 8;
    switch (config->action.kind) {
    case ACTION_DISCARD:
        actions.discard = true;
        break;
    case ACTION_RATE_LIMIT:
        actions.has_rate = true;
        actions.rate_bytes = config->action.total && routers > 1 ? bytes / (double)routers : bytes;
        break;
    }
    return actions;
}

enum status model_method_rule(const struct model_method *method, const struct count_spec *spec,
                              const struct flow_key *key, const struct model_given *given,
                              uint32_t routers, struct flow_rule *ret_rule,
                              struct flow_actions *ret_actions, struct rule_error *ret_error)
{
    struct flow_rule rule;
    struct fill f = {
        .method = method, .spec = spec, .key = key, .given = given, .error = ret_error};
    enum status status = fill_addresses(&f);
    if (status != STATUS_OK)
        return status;
    rule_init(&rule, f.family);
    rule_set_destination(&rule, &f.destination);
    if (f.has_source)
        rule_set_source(&rule, &f.source);
    for (unsigned int c = COMPONENT_PROTOCOL; c <= COMPONENT_LAST && status == STATUS_OK; c++)
        status = fill_component(&f, (enum component)c, &rule);
    if (status == STATUS_REFUSED)
        return status;
    if (status != STATUS_OK)
        return refuse(&f, "too many values");
    if (rule_simplify(&rule, ret_error) != STATUS_OK)
        return STATUS_REFUSED; /* ret_error says which parts contradict */
    *ret_rule = rule;
    *ret_actions = method->config->route.kind == ROUTE_FLOWSPEC
                       ? actions_of(method->config, routers)
                       : actions_of_route(&method->config->route, f.family);
    return STATUS_OK;
}
