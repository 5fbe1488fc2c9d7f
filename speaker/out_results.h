#ifndef SPEAKER_OUT_RESULTS_H
#define SPEAKER_OUT_RESULTS_H

#include "speaker/speaker.h"

#include "common/redis/redis.h"

/*
 * What people and policy are told: an entry in weir:results for each change of a mitigation at a
 * peer (of several that wait for the server the last), and the hash weir:peer:<speaker>:<name> with
 *
 *   peer, speaker, address, remote_as, remote_id, state, since, families, routes_ipv4, routes_ipv6,
 *   wanted, pending, refused, flaps, updates_sent, routes_announced, routes_withdrawn, updates_in,
 *   last_error, profile
 *
 * every 5 s and soon after a change, which is gone 30 s after the speaker.
 */
enum status out_results_new(struct out_results **ret_out, struct speaker *speaker);
void out_results_free(struct out_results *out);
/* The connection; NULL: none (yet, or no more). Lent. */
void out_results_use(struct out_results *out, struct redis *redis);

/* False: there is no room for it; it is asked for again when there is (desired_report_unsaid). */
bool out_results_report(struct out_results *out, const struct standing *s, const char *peer,
                        enum result_kind kind, const char *why);

/* The job's mitigation cannot be read or taken, so this speaker leaves it as it was: said for no
 * peer, and shown by `weir jobs --failed`. */
void out_results_set_aside(struct out_results *out, const char *mitigation, uint64_t revision,
                           enum status why);

/* Writes what waits, as much of it as may be on its way at once. */
void out_results_tell(struct out_results *out);

void out_results_peer_changed(struct out_results *out, const struct peer *peer);
void out_results_peer_gone(struct out_results *out, const char *name);
void out_results_tick(struct out_results *out, uint64_t now_ms);

#endif
