#ifndef SPEAKER_ACCEPTING_H
#define SPEAKER_ACCEPTING_H

#include "speaker/speaker.h"

/*
 * Rules that let through what they match, and so keep BGP sessions (bgp_sessions) from the rules
 * behind them. A rule that would cut a session goes to a peer only while such a rule stands there.
 */

/* Fills the context with those that this peer has or is about to be sent; given back with free().
 * NULL: out of memory, and then there are none. */
struct accepting;
struct accepting *accepting_at(const struct speaker *speaker, const struct peer *peer,
                               uint8_t family, struct guard_context *context);
/* Something has happened to this rule at a peer: where it accepts, others may need it, or have
 * needed it, and are judged anew at the next tick. */
void accepting_note(struct speaker *speaker, const struct standing *s);
void accepting_tick(struct speaker *speaker);

#endif
