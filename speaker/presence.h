#ifndef SPEAKER_PRESENCE_H
#define SPEAKER_PRESENCE_H

#include "speaker/speaker.h"

/* This process in the registry of each telemetry server, with the field "peers": "2 of 3 up". */
struct presence;
enum status presence_open(struct speaker *speaker);
void presence_set_peers(struct speaker *speaker);
void presence_set_config(struct speaker *speaker);
void presence_close(struct speaker *speaker, void (*on_closed)(void *owner));

#endif
