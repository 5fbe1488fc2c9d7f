#ifndef SPEAKER_BGP_OPEN_TEXT_H
#define SPEAKER_BGP_OPEN_TEXT_H

#include "speaker/bgp/open.h"

/* The capabilities of an OPEN in words, for people: "ipv4-flowspec route-refresh as4
 * graceful-restart:120s,notification". Of those that weir does not use, nothing is said. */
enum { OPEN_TEXT_MAX = 192 };
const char *open_format(const struct bgp_open *open, char ret_text[OPEN_TEXT_MAX]);

#endif
