#include "speaker/adapter_routes.h"

#include "common/base/hash.h"
#include "common/base/table.h"

#include <stdlib.h>
#include <string.h>

struct adapter_routes {
    struct table *ids; /* without values */
};

struct adapter_routes *adapter_routes_new(void)
{
    struct adapter_routes *routes = calloc(1, sizeof(*routes));
    struct table_options table = {
        .entry_size = 1, .key_max = ID_TEXT_MAX, .max = DESIRED_MAX, .seed = hash_random_seed()};
    if (routes != NULL)
        routes->ids = table_new(&table);
    if (routes == NULL || routes->ids == NULL) {
        free(routes);
        return NULL;
    }
    return routes;
}

void adapter_routes_free(struct adapter_routes *routes)
{
    if (routes == NULL)
        return;
    table_free(routes->ids);
    free(routes);
}

void adapter_routes_note(struct adapter_routes *routes, const struct mitigation *m)
{
    bool is_new;
    if (routes == NULL)
        return;
    if (strncmp(m->who, ADAPTER_WHO, sizeof(ADAPTER_WHO) - 1) == 0)
        (void)table_insert(routes->ids, m->id, strlen(m->id) + 1, &is_new);
    else
        adapter_routes_forget(routes, m->id); /* a person has replaced it */
}

void adapter_routes_forget(struct adapter_routes *routes, const char *id)
{
    void *entry = routes != NULL ? table_find(routes->ids, id, strlen(id) + 1) : NULL;
    if (entry != NULL)
        table_remove_entry(routes->ids, entry);
}

bool adapter_routes_has(const struct adapter_routes *routes, const char *id)
{
    return routes != NULL && table_find(routes->ids, id, strlen(id) + 1) != NULL;
}

size_t adapter_routes_count(const struct adapter_routes *routes)
{
    return routes != NULL ? table_count(routes->ids) : 0;
}

bool adapter_rule_of(const struct rib *rib, const struct standing *s, struct flow_rule *ret_rule,
                     struct flow_actions *ret_actions)
{
    struct rule_error error;
    size_t taken;
    if (s->route != ROUTE_FLOWSPEC || s->whole.nlri == 0)
        return false;
    struct rib_nlri nlri = rib_nlri(rib, s->whole.nlri);
    struct communities said = rib_attributes(rib, s->whole.attributes);
    return nlri_decode(ret_rule, (enum addr_family)s->family, nlri.bytes, nlri.len, &taken,
                       &error) == STATUS_OK &&
           actions_decode_all(ret_actions, said.at, said.count, said.ipv6, said.ipv6_count,
                              &error) == STATUS_OK;
}

/* --- finding ------------------------------------------------------------------------------------
 */

/* The next of them that stands. */
static const struct standing *next(const struct adapter_routes *routes,
                                   const struct desired *desired, size_t *cursor)
{
    for (const void *entry = table_next(routes->ids, cursor); entry != NULL;
         entry = table_next(routes->ids, cursor)) {
        size_t len;
        const struct standing *s = desired_find(desired, table_key(entry, &len));
        if (s != NULL && desired_stands(s) && s->route == ROUTE_FLOWSPEC && s->whole.nlri != 0)
            return s;
    }
    return NULL;
}

static bool has_match(const struct rib *rib, const struct standing *s,
                      const struct adapter_line *line)
{
    struct rib_nlri nlri = rib_nlri(rib, s->whole.nlri);
    return s->family == line->rule.family && nlri.len == line->nlri_len &&
           memcmp(nlri.bytes, line->nlri, nlri.len) == 0;
}

static void add(struct adapter_found *found, const struct standing *s)
{
    if (found->count < ADAPTER_FOUND_MAX)
        memcpy(found->ids[found->count++], s->id, strlen(s->id) + 1);
}

/* Everybody's of that match. */
static void add_all_of(const struct adapter_routes *routes, const struct desired *desired,
                       uint32_t nlri, struct adapter_found *found)
{
    size_t cursor = 0;
    const struct standing *s;
    while ((s = next(routes, desired, &cursor)) != NULL)
        if (s->whole.nlri == nlri)
            add(found, s);
}

/* Of which the line's match is a part, and which differs least. */
static uint32_t look_at_all(const struct adapter_routes *routes, const struct desired *desired,
                            const struct rib *rib, const struct adapter_line *line,
                            struct adapter_found *found)
{
    struct flow_rule rule;
    struct flow_actions actions;
    size_t cursor = 0, least = SIZE_MAX;
    const size_t wanted = adapter_components(&line->rule);
    const struct standing *s;
    uint32_t whole = 0; /* number of the NLRI */
    while ((s = next(routes, desired, &cursor)) != NULL) {
        if (!adapter_rule_of(rib, s, &rule, &actions))
            continue;
        size_t common = adapter_common(&line->rule, &rule);
        size_t differ = wanted + adapter_components(&rule) - 2 * common;
        if (common == wanted && s->whole.nlri != whole) {
            found->parts++;
            whole = s->whole.nlri;
        }
        if (differ >= least || rule.family != line->rule.family)
            continue;
        least = differ;
        found->has_nearest = true;
        memcpy(found->nearest_id, s->id, strlen(s->id) + 1);
        rule_copy(&found->nearest, &rule);
        found->nearest_actions = actions;
    }
    return whole;
}

void adapter_routes_find(const struct adapter_routes *routes, const struct desired *desired,
                         const struct rib *rib, const struct adapter_line *line,
                         struct adapter_found *ret_found)
{
    size_t cursor = 0;
    const struct standing *s;
    ret_found->count = ret_found->parts = 0;
    ret_found->has_nearest = false;
    if (routes == NULL)
        return;
    while ((s = next(routes, desired, &cursor)) != NULL)
        if (has_match(rib, s, line))
            add(ret_found, s);
    if (ret_found->count > 0)
        return;
    uint32_t whole = look_at_all(routes, desired, rib, line, ret_found);
    if (ret_found->parts == 1 && !line->exact)
        add_all_of(routes, desired, whole, ret_found);
}
