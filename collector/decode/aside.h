#ifndef COLLECTOR_DECODE_ASIDE_H
#define COLLECTOR_DECODE_ASIDE_H

#include "collector/decode/state.h"

/*
 * What senders outside a domain's main stream say of its templates and rates. It changes nothing of
 * what stands, and waits until its stream is the one that counts: an exporter began anew. Until
 * then only that stream's own data are read by it. One definition for each template id; of those
 * who want the place, a stream that has gone on more often keeps it.
 */

/* NULL: that stream has said nothing of it. */
struct decode_template *aside_find(const struct decode_domain *domain, uint32_t serial,
                                   uint16_t id);
/* Takes over `t`, which is in no domain. False: there is no room, and it is still the caller's. */
bool aside_put(struct decode *decode, struct decode_domain *domain, uint32_t serial,
               struct decode_template *t);
void aside_put_rate(struct decode *decode, struct decode_domain *domain, uint32_t serial,
                    const struct decode_sampler *said);
/* That stream withdraws it. */
void aside_withdraw(struct decode *decode, struct decode_domain *domain, uint32_t serial,
                    uint16_t id);
/* A template that stands is replaced, by another stream than the one it is of: should that one come
 * back, its data are still read rightly. */
void aside_replace(struct decode_context *context, struct decode_template *old);
/* The datagram's stream is the one that counts from now on: what it said stands. */
void aside_adopt(struct decode_context *context);
/* False: there is nothing. */
bool aside_drop(struct decode *decode, struct decode_domain *domain);

#endif
