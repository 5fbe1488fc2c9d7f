#ifndef SPEAKER_LISTENERS_H
#define SPEAKER_LISTENERS_H

#include "speaker/speaker.h"

/* The sockets where peers connect to us. A connection from an address that is no peer's is closed
 * at once, and counted. */
enum status listeners_open(struct speaker *speaker);
void listeners_close(struct speaker *speaker, void (*on_closed)(void *owner));

#endif
