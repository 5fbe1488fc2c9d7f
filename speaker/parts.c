#include "speaker/parts.h"

#include <stdio.h>

_Static_assert((int)DESIRED_PARTS_MAX >= (int)SPLIT_MAX, "a split fits into the parts of a route");

void parts_release(struct rib *rib, struct desired_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        rib_release_nlri(rib, parts->at[i].nlri);
        rib_release_attributes(rib, parts->at[i].attributes);
    }
    parts->count = 0;
}

static enum status read_route(const struct rib *rib, const struct standing *s,
                              struct flow_rule *ret_rule, struct flow_actions *ret_actions,
                              struct rule_error *error)
{
    struct rib_nlri nlri = rib_nlri(rib, s->whole.nlri);
    struct communities c = rib_attributes(rib, s->whole.attributes);
    size_t taken;
    enum status status =
        nlri_decode(ret_rule, (enum addr_family)s->family, nlri.bytes, nlri.len, &taken, error);
    if (status == STATUS_OK)
        status = actions_decode_all(ret_actions, c.at, c.count, c.ipv6, c.ipv6_count, error);
    return status;
}

static bool goes_by_next_hop(const struct router_profile *profile,
                             const struct flow_actions *actions)
{
    return profile->to_next_hop && actions->redirect == REDIRECT_TO_IP;
}

/* Where nothing was divided or said otherwise, the communities that policy chose; a number that is
 * held. */
static enum status hold_actions(struct rib *rib, const struct router_profile *profile,
                                const struct standing *s, const struct flow_actions *whole,
                                const struct flow_actions *each, uint32_t *ret_id,
                                struct rule_error *error)
{
    struct action_communities made;
    struct flow_actions said = *each;
    bool by_next_hop = goes_by_next_hop(profile, each);
    if (by_next_hop) {
        said.redirect = REDIRECT_TO_NEXT_HOP;
        said.redirect_addr = (struct ip_addr){0};
    }
    if (!by_next_hop && actions_equal(whole, each)) {
        rib_hold_attributes_again(rib, s->whole.attributes);
        *ret_id = s->whole.attributes;
        return STATUS_OK;
    }
    enum status status = actions_encode_all(&said, &made, error);
    if (status != STATUS_OK)
        return status;
    struct communities communities = {
        .at = made.at, .count = made.count, .ipv6 = made.ipv6, .ipv6_count = made.ipv6_count};
    if (by_next_hop) {
        communities.next_hop = each->redirect_addr.octets;
        communities.next_hop_len = each->redirect_addr.family == ADDR_IPV4 ? 4 : NEXT_HOP_LEN_MAX;
    }
    return rib_hold_attributes(rib, &communities, ret_id);
}

static enum status hold_part(struct rib *rib, const struct flow_rule *rule, uint32_t attributes,
                             struct desired_parts *parts)
{
    uint8_t bytes[NLRI_MAX];
    size_t len;
    uint32_t nlri = 0;
    enum status status = nlri_encode(rule, bytes, sizeof(bytes), &len);
    if (status == STATUS_OK)
        status = rib_hold_nlri(rib, rule->family == ADDR_IPV6 ? BGP_FLOW6 : BGP_FLOW4, bytes, len,
                               &nlri);
    if (status != STATUS_OK)
        return status;
    rib_hold_attributes_again(rib, attributes);
    parts->at[parts->count].nlri = nlri;
    parts->at[parts->count++].attributes = attributes;
    return STATUS_OK;
}

static enum status hold_split(struct rib *rib, const struct router_profile *profile,
                              const struct standing *s, const struct flow_actions *whole,
                              const struct rule_split *split, struct desired_parts *ret_parts,
                              struct rule_error *error)
{
    uint32_t attributes;
    enum status status = hold_actions(rib, profile, s, whole, &split->actions, &attributes, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < split->count && status == STATUS_OK; i++)
        status = hold_part(rib, &split->rules[i], attributes, ret_parts);
    rib_release_attributes(rib, attributes);
    if (status != STATUS_OK)
        parts_release(rib, ret_parts);
    return status;
}

enum status parts_differ(struct rib *rib, const struct config_route_peer *differs,
                         const struct standing *s, struct desired_parts *ret_parts)
{
    struct communities whole = rib_attributes(rib, s->whole.attributes);
    struct model_route route;
    uint32_t attributes;
    ret_parts->count = 0;
    if (differs == NULL)
        return STATUS_OK;
    model_route_differ(&whole, differs, (enum addr_family)s->family, &route);
    enum status status = rib_hold_attributes(rib, &route.communities, &attributes);
    if (status != STATUS_OK)
        return status;
    if (attributes == s->whole.attributes) {
        rib_release_attributes(rib, attributes);
        return STATUS_OK;
    }
    rib_hold_nlri_again(rib, s->whole.nlri);
    ret_parts->at[0].nlri = s->whole.nlri;
    ret_parts->at[0].attributes = attributes;
    ret_parts->count = 1;
    return STATUS_OK;
}

enum status parts_make(struct parts_scratch *scratch, struct rib *rib,
                       const struct router_profile *profile, const struct standing *s,
                       struct desired_parts *ret_parts, char why[REASON_MAX])
{
    struct flow_actions actions;
    struct rule_error error = {0}, of_split = {0};
    struct rule_split split = {.rules = scratch->rules, .room = SPLIT_MAX};
    ret_parts->count = 0;
    enum status status = read_route(rib, s, &scratch->whole, &actions, &error);
    bool is_taken = status == STATUS_OK &&
                    profile_check(profile, &scratch->whole, &actions, &error) == STATUS_OK;
    if (is_taken && !goes_by_next_hop(profile, &actions))
        return STATUS_OK;
    if (is_taken) {
        rule_copy(&scratch->rules[0], &scratch->whole);
        split.count = 1;
        split.actions = actions;
    } else if (status == STATUS_OK) {
        status = profile_split(profile, &scratch->whole, &actions, &split, &of_split);
    }
    /* Where its actions alone are in the way, dividing is not what it is about. */
    if (status != STATUS_OK && of_split.why[0] != '\0' &&
        profile_check_match(profile, &scratch->whole, NULL) != STATUS_OK)
        error = of_split;
    if (status == STATUS_OK) {
        error.why[0] = '\0';
        status = hold_split(rib, profile, s, &actions, &split, ret_parts, &error);
    }
    if (status == STATUS_OK)
        return STATUS_OK;
    (void)snprintf(why, REASON_MAX, "profile: %s: %.180s", profile->name,
                   error.why[0] != '\0' ? error.why : status_text(status));
    return STATUS_REFUSED;
}
