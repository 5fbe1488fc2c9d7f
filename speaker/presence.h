#ifndef SPEAKER_PRESENCE_H
#define SPEAKER_PRESENCE_H

#include "speaker/speaker.h"

/* This process in the registry of each telemetry server, with the fields "peers", "2 of 3 up", and
 * "holds", the scopes that its local socket holds. */
struct presence;
enum status presence_open(struct speaker *speaker);
void presence_update(struct speaker *speaker);
void presence_set_config(struct speaker *speaker);
void presence_close(struct speaker *speaker, void (*on_closed)(void *owner));

#endif
