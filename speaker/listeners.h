#ifndef SPEAKER_LISTENERS_H
#define SPEAKER_LISTENERS_H

#include "speaker/speaker.h"

/*
 * The sockets where peers connect to us: one for each address of speaker.listen, and one more for
 * each device that a peer names. They know the passwords of peers before they listen. A connection
 * that is no peer's, or that its peer does not take, is closed at once, and counted.
 */
enum status listeners_open(struct speaker *speaker);
/* The peers are others, or time has passed and a device may be there now. IO: an address of
 * speaker.listen is not to be had. */
enum status listeners_update(struct speaker *speaker);
void listeners_close(struct speaker *speaker, void (*on_closed)(void *owner));

#endif
