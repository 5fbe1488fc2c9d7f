#ifndef SPEAKER_ISOLATE_H
#define SPEAKER_ISOLATE_H

#include "speaker/quarantine.h"
#include "speaker/speaker.h"

/*
 * What comes of a route that a peer's session fell over (suspects.h): it is quarantined for that
 * peer, kept in the journal, and refused by the judge until a person has it tried again.
 */

/* The peer's session fell, and suspects_down() found who it was: before its routes are settled. */
void isolate_take(struct speaker *speaker, struct peer *peer, const char *why);
/* Why the peer is not sent the route, for people; false: it is not quarantined there. mitigation:
 * who wants it now. */
bool isolate_refuses(const struct speaker *speaker, const struct peer *peer, const char *mitigation,
                     uint32_t nlri, uint32_t attributes, char why[REASON_MAX]);
/* Those of the peer, or of all that came from the prefix of that name; mitigation "": of all of
 * them. Gives how many are tried again. */
size_t isolate_retry(struct speaker *speaker, const char *peer, const char *mitigation);
/* What `weir peers PEER` shows of them: "ID: why" of the latest. */
enum { ISOLATE_TEXT_MAX = 1024 };
void isolate_format(const struct speaker *speaker, const struct peer *peer,
                    char ret_text[ISOLATE_TEXT_MAX]);

/* From the journal, and all of it again. */
bool isolate_load(struct speaker *speaker, const char *key, const uint8_t *bytes, size_t len);
bool isolate_has(const struct speaker *speaker, const char *key);
void isolate_put_all(struct speaker *speaker);

#endif
