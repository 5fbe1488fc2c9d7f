#ifndef FLOWSPEC_SPLIT_H
#define FLOWSPEC_SPLIT_H

#include "flowspec/profile.h"

/*
 * One rule as the several that a router takes: a component with more values than it takes, an
 * operator that it lacks, an NLRI that is too long, `port` beside what it may not stand beside.
 * Together the parts match what the rule matches, and no packet is matched by two of them, so that
 * a rate can be divided among them: what all parts let through is never more than the rule would.
 *
 * `port` is either of both sides, so its values cannot be dealt out as they are: a packet may have
 * one of them on each side. It becomes parts by source-port, and by destination-port for those
 * packets whose source port is none of them.
 */
enum { SPLIT_MAX = 64 };

struct rule_split {
    struct flow_rule *rules; /* the caller's, room for `room` of them */
    size_t room, count;
    struct flow_actions actions; /* of each part: rates are divided and rounded down */
};

/*
 * Every part passes profile_check with split->actions; a rule that passes as it is stays one.
 * REFUSED: some part cannot be said, or its rate is below the profile's smallest; LIMIT: more parts
 * than room; MALFORMED, RANGE: as rule_simplify and actions_check say. `why` says which, and on an
 * error count is 0.
 */
enum status profile_split(const struct router_profile *profile, const struct flow_rule *rule,
                          const struct flow_actions *actions, struct rule_split *split,
                          struct rule_error *ret_error);

#endif
