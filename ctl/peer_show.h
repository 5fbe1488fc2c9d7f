#ifndef CTL_PEER_SHOW_H
#define CTL_PEER_SHOW_H

#include <jansson.h>

/* Everything that a speaker tells of one peer (weir:peer:SPEAKER:NAME), a line each, for people. */
void peer_show(const json_t *peer);

#endif
