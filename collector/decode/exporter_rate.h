#ifndef COLLECTOR_DECODE_EXPORTER_RATE_H
#define COLLECTOR_DECODE_EXPORTER_RATE_H

#include "collector/decode/state.h"

/*
 * Which of an exporter's domains speaks for those that tell no rate: the only one that tells any,
 * or any of several that agree. Once records rely on it, it stays that one, whatever others say, as
 * long as it is steady; one that is not is heard where no other is.
 */

/* A datagram begins: what the one before put off is stale. */
void exporter_rate_begin(struct decode_exporter *exporter);
/* Works out what is stale, when a domain that tells none asks: so once a datagram, as it would not
 * ask after any options in it, and what is stale beyond the walks of one is put off until the next;
 * and again where one of the domains has gone since. */
void exporter_rate_settle(struct decode_context *context);
/* What speaks goes before the rate that the list of exporters has for those that never say: it is
 * steady, or was while records relied on it, which a few forged datagrams are not. */
bool exporter_rate_is_proven(const struct decode_exporter *exporter, uint64_t now_ms);
/* A domain told options: it may be steady by now, and the one that speaks may have gone. */
void exporter_rate_heed(const struct decode_context *context);
/* One of a snapshot spoke for others; it was the only one with samplers, and was steady. */
void exporter_rate_restore(struct decode_domain *domain, bool alone, bool proven);
/* A domain may have told its first sampler, or have forgotten its last: the others are not asked,
 * so that anybody may open as many as he likes. */
void exporter_rate_note(struct decode_domain *domain);

#endif
