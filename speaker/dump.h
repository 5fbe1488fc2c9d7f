#ifndef SPEAKER_DUMP_H
#define SPEAKER_DUMP_H

#include "speaker/speaker.h"

#include <jansson.h>

/*
 * What each peer was sent and has, as MRT records (RFC 6396), for whoever asks at the local socket.
 * A file of all peers may be large, so it is asked for in slices of bounded work and size, each
 * with the place where the next begins, and nothing is kept between them: {"peer": 0, "nlri": 0}
 * at first, then "next" of the answer, until that is null. A route that comes or goes meanwhile is
 * in it or not, as it was when its slice was asked for.
 */
json_t *dump_slice(const struct speaker *speaker, const json_t *command);

#endif
