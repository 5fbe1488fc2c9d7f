#ifndef COLLECTOR_DECODE_ROOM_H
#define COLLECTOR_DECODE_ROOM_H

#include "collector/decode/state.h"

/*
 * Who gives way when there is no room for more. What is known of a sender goes for one that the
 * operator knows as well or better, never the other way round: so whoever forges addresses, of a
 * listed prefix too, takes nothing from an exporter that is listed by its own. Of exporters known
 * equally well, the one heard longest ago gives up its place, and the one with the most memory
 * gives up some, what it used longest ago: so whoever forges one exporter's address takes nothing
 * from the others. And a domain of which there is a header and nothing else goes before all that
 * have a template, a sampler, a source or a record: headers are forged most easily. Inside
 * collector/decode only.
 */

/* Enters it among those known as well; again where that has changed. */
void room_enter_exporter(struct decode *decode, struct decode_exporter *exporter,
                         enum decode_trust trust);
void room_leave_exporter(struct decode_exporter *exporter);
void room_enter_domain(struct decode *decode, struct decode_domain *domain);
void room_leave_domain(struct decode *decode, struct decode_domain *domain);
void room_touch(struct decode *decode, struct decode_domain *domain);

/* A datagram of the domain is read. At its end the limits hold again: for a domain that then holds
 * something those of its exporter that were heard longest ago go, and else only others that hold
 * nothing, or itself, with its memory. */
void room_begin(struct decode_domain *domain);
void room_end(struct decode *decode, struct decode_domain *domain);

/* The exporter to forget for one that is known that well; NULL: all are known better. */
struct decode_exporter *room_exporter_to_forget(const struct decode *decode,
                                                enum decode_trust trust);

void room_take(struct decode *decode, struct decode_domain *domain, size_t bytes);
void room_give(struct decode *decode, struct decode_domain *domain, size_t bytes);
/* Keeps memory under its limit for what `keep` was told, but never takes `keep`, nor the template
 * that it used last. */
void room_trim(struct decode *decode, struct decode_domain *keep);
/* For what would be put aside of `keep`: what was put aside of another domain of its exporter goes,
 * else of one of the exporters with most. False: there is nothing of these. */
bool room_take_aside(struct decode *decode, struct decode_domain *keep);

#endif
