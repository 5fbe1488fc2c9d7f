#ifndef CTL_SPEAKER_SOCKET_H
#define CTL_SPEAKER_SOCKET_H

#include "common/base/text.h"

#include <jansson.h>

/* A line of JSON each way over the speaker's own socket: it needs neither Redis nor policy. The
 * answer's object; NULL, and why. */
json_t *speaker_ask(const char *path, const char *line, struct text *why);

#endif
