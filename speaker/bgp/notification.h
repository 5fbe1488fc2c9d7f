#ifndef SPEAKER_BGP_NOTIFICATION_H
#define SPEAKER_BGP_NOTIFICATION_H

#include "speaker/bgp/message.h"

/*
 * What a NOTIFICATION of code Cease carries beside its code and subcode: a text for people (RFC
 * 9003), or, where both sides keep routes over a NOTIFICATION (RFC 8538), the real reason of an end
 * that keeps none.
 *
 *     subcodes 2 and 4:  | length | UTF-8 … |
 *     subcode 9:         | code | subcode | data of that … |
 */
enum { NOTIFICATION_TEXT_MAX = 255 };

/* Only subcodes 2 and 4 have room for the text; a longer one is cut before the character that does
 * not fit. NULL: none. */
struct bgp_error notification_cease(uint8_t subcode, const char *text);

/* The same reason inside a hard reset. Data that has no room there is left out. */
struct bgp_error notification_harden(const struct bgp_error *reason);

/* In words, with its text and what a hard reset says, fit to be shown: what came from the peer
 * holds no control character, no quote and no broken UTF-8. */
enum { NOTIFICATION_WORDS_MAX = 384 };
void notification_format(const struct bgp_error *error, char ret_words[NOTIFICATION_WORDS_MAX]);

#endif
