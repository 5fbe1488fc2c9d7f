#ifndef SPEAKER_ADAPTER_ROUTES_H
#define SPEAKER_ADAPTER_ROUTES_H

#include "proto/alarm.h"
#include "speaker/adapter_line.h"
#include "speaker/desired.h"

/*
 * Which mitigations came in by an adapter socket, this one or another speaker's: those, and no
 * others, may be withdrawn by one. Known by who asked for them, as the state server and the journal
 * have it.
 */
struct adapter_routes;
struct adapter_routes *adapter_routes_new(void); /* NULL: out of memory */
void adapter_routes_free(struct adapter_routes *routes);

#define ADAPTER_WHO REQUEST_WHO_ADAPTER
/* From each mitigation that was taken; NULL routes are fine, here and below. */
void adapter_routes_note(struct adapter_routes *routes, const struct mitigation *m);
void adapter_routes_forget(struct adapter_routes *routes, const char *id);
bool adapter_routes_has(const struct adapter_routes *routes, const char *id);
size_t adapter_routes_count(const struct adapter_routes *routes);

/* What a withdrawal means: each mitigation that has the match, or, but for `exact`, that has the
 * only match of which the withdrawal's is a part. */
enum { ADAPTER_FOUND_MAX = 15 }; /* as many as one request names */
struct adapter_found {
    char ids[ADAPTER_FOUND_MAX][ID_TEXT_MAX];
    size_t count;
    size_t parts;     /* where count is 0: so many routes have it as a part */
    bool has_nearest; /* where count is 0: the route that differs least */
    char nearest_id[ID_TEXT_MAX];
    struct flow_rule nearest;
    struct flow_actions nearest_actions;
};
void adapter_routes_find(const struct adapter_routes *routes, const struct desired *desired,
                         const struct rib *rib, const struct adapter_line *line,
                         struct adapter_found *ret_found);

/* The rule and actions of what stands; false: it is none, but a route of unicast, or unreadable. */
bool adapter_rule_of(const struct rib *rib, const struct standing *s, struct flow_rule *ret_rule,
                     struct flow_actions *ret_actions);

#endif
