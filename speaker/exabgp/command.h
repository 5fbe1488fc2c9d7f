#ifndef SPEAKER_EXABGP_COMMAND_H
#define SPEAKER_EXABGP_COMMAND_H

#include "common/base/communities.h"
#include "common/base/text.h"
#include "flowspec/rule.h"

/*
 * A route as the command that ExaBGP takes for it, one line without its end:
 *
 *   announce flow route { match { destination 192.0.2.1/32; } then { extended-community [ 0x… ]; }
 * } announce route 192.0.2.1/32 next-hop 192.0.2.254 community [ 65535:666 ]
 *
 * The form with braces, because half of it is an error and never another rule. Values and extended
 * communities are numbers, so that the router gets the very octets that weir would send it itself.
 */
struct command_route {
    bool is_flow; /* else unicast */
    enum addr_family family;
    const uint8_t *nlri; /* with its length, as the wire has it */
    size_t nlri_len;
};

struct command_path {
    bool ibgp; /* unicast routes carry LOCAL_PREF; those of Flowspec have ExaBGP's own, 100 */
    bool no_export;
    uint32_t local_preference;
};

/* What a pipe takes as a whole or not at all (POSIX: PIPE_BUF of Linux), with the line's end. */
enum { COMMAND_MAX = 4096 };

/* UNSUPPORTED, LIMIT: ExaBGP has no words for it, or too many are needed; `why` says which. The
 * rule is scratch, and large. */
enum status command_announce(const struct command_route *route, const struct communities *c,
                             const struct command_path *path, struct flow_rule *rule,
                             struct text *out, struct rule_error *ret_error);
enum status command_withdraw(const struct command_route *route, struct flow_rule *rule,
                             struct text *out, struct rule_error *ret_error);

/* Asks who is there: a line that nothing else begins like (ANSWER_TABLE), a line a neighbour, and
 * then the answer. */
#define COMMAND_NEIGHBORS "show neighbor summary"
/* Is answered, and says nothing: there is no such neighbour. */
#define COMMAND_NOTHING "show adj-rib in 0.0.0.0"

#endif
