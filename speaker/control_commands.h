#ifndef SPEAKER_CONTROL_COMMANDS_H
#define SPEAKER_CONTROL_COMMANDS_H

#include "speaker/speaker.h"

/* One command of the local socket: a line of JSON in, a line of JSON out (without its end). */
void control_command(struct speaker *speaker, const char *line, size_t len, struct text *answer);

#endif
