#ifndef SPEAKER_PARTS_H
#define SPEAKER_PARTS_H

#include "common/model/model.h"
#include "flowspec/split.h"
#include "speaker/desired.h"

/*
 * A mitigation's route as a peer's profile takes it: as it is, or as the parts that profile_split
 * makes of it, each with its own octets and, where a rate is divided or an address is redirected to
 * as the next hop, with its own attributes.
 */
struct parts_scratch {
    struct flow_rule whole, rules[DESIRED_PARTS_MAX]; /* large */
};

/* OK: count 0 where the profile takes it as it is. REFUSED, and `why`: neither so nor in parts. */
enum status parts_make(struct parts_scratch *scratch, struct rib *rib,
                       const struct router_profile *profile, const struct standing *s,
                       struct desired_parts *ret_parts, char why[REASON_MAX]);
/* A blackhole or diversion as a peer gets it that the method's configuration says something else
 * for: one part, with attributes of its own. OK: count 0 where nothing differs. */
enum status parts_differ(struct rib *rib, const struct config_route_peer *differs,
                         const struct standing *s, struct desired_parts *ret_parts);
/* For parts that nobody was given. */
void parts_release(struct rib *rib, struct desired_parts *parts);

#endif
