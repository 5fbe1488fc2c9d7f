#ifndef SPEAKER_BGP_RIB_OUT_SUSPECTS_H
#define SPEAKER_BGP_RIB_OUT_SUSPECTS_H

#include "speaker/bgp/rib_out.h"

/*
 * Which routes of a peer may be what its session falls over, and holding them back while the others
 * go: sets, and what is done to them. When, and what follows from it, is speaker/suspects.h's.
 *
 * A route is fresh from when it was sent until the owner says that the peer has taken it. A
 * suspect is one as it is wanted now: with other attributes, or wanted no more, it is none.
 */

/* What was sent before the last call but one is taken. */
void rib_out_suspects_age(struct rib_out *out);
/* All that was sent is taken. */
void rib_out_suspects_taken(struct rib_out *out);
/* Suspects that were released and are not fresh any more are none. */
void rib_out_suspects_acquit(struct rib_out *out);

/* What of the fresh routes the peer has, in a session that falls: before rib_out_down(). */
struct rib_out_fallen {
    size_t suspects, others;
    uint32_t suspect; /* one of the suspects; 0: none */
};
struct rib_out_fallen rib_out_suspects_fallen(const struct rib_out *out);
/* Those all become suspects; narrow: and the group that is looked at more closely, instead of the
 * one that was. NO_MEMORY: some did not. */
enum status rib_out_suspects_add(struct rib_out *out, bool narrow);
/* Only suspects among those stay it. */
void rib_out_suspects_keep(struct rib_out *out);

/* All suspects are held back from the next session on. */
enum status rib_out_suspects_hold(struct rib_out *out);
/* It goes behind all others, by itself. */
enum status rib_out_suspects_accuse(struct rib_out *out, uint32_t nlri);
/* So many go next: those that guard others first, then those of the narrow group, then the others,
 * and of the accused one, when there are no others. Gives how many there were. */
size_t rib_out_suspects_release(struct rib_out *out, size_t most);
/* How many of the kind that goes next are held back; of the accused, one by one, it is 1. */
size_t rib_out_suspects_next(const struct rib_out *out);
/* There is no suspect. */
void rib_out_suspects_clear(struct rib_out *out);
bool rib_out_is_suspect(const struct rib_out *out, uint32_t nlri);
/* Announcements that wait for nothing but their turn. */
bool rib_out_has_due(const struct rib_out *out);

#endif
