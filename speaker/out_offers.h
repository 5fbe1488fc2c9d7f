#ifndef SPEAKER_OUT_OFFERS_H
#define SPEAKER_OUT_OFFERS_H

#include "speaker/speaker.h"

/*
 * What stands here and state Redis has lost is offered to policy, in weir:results: once to each
 * leader, and again when the state server was away. An offer names the epoch that it is made to,
 * so that no later policy takes what may have ended since. What comes of it comes as any change of
 * a mitigation does.
 *
 *   out_offers_begin() whenever the whole state has been read → out_offers_tick()
 */
void out_offers_begin(struct speaker *speaker, uint64_t epoch); /* 0: nobody leads */
/* It may have been lost: all of it is offered again when out_offers_begin() is next called. */
void out_offers_again(struct speaker *speaker);
/* So many as a turn of the loop has time for. */
void out_offers_tick(struct speaker *speaker);

#endif
