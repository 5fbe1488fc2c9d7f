#ifndef SPEAKER_OUT_UPDATES_H
#define SPEAKER_OUT_UPDATES_H

#include "speaker/speaker.h"

/* Sends a peer what is due, as far as its session takes it now; what it took is reported. */
void out_updates_drain(struct speaker *speaker, struct peer *peer);
/* The session fell: what was on its way is not. */
void out_updates_forget(struct speaker *speaker, struct peer *peer);

#endif
