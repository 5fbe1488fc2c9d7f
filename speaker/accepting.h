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
/* Do routes with these attributes let through what they match? */
bool accepting_attributes(const struct speaker *speaker, uint32_t attributes);
/* A rule that accepts has come, gone or changed at this peer: others may need it, or have needed
 * it.
 */
void accepting_note(struct speaker *speaker, size_t peer);
/* Judges these others anew. Before anything is sent, so that what needed a rule that goes leaves
 * with it. */
void accepting_apply(struct speaker *speaker);

#endif
