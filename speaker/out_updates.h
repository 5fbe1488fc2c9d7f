#ifndef SPEAKER_OUT_UPDATES_H
#define SPEAKER_OUT_UPDATES_H

#include "speaker/speaker.h"

/* Sends a peer what is due, as far as its session takes it now and one buffer of messages at most.
 * True: more is due, and it can be sent at once. */
bool out_updates_send(struct speaker *speaker, struct peer *peer);
/* What its session has taken is reported; once it has taken all, what the peer is shown as changes,
 * too. */
void out_updates_report(struct speaker *speaker, struct peer *peer);
/* The session fell: what was on its way is not. */
void out_updates_forget(struct speaker *speaker, struct peer *peer);

#endif
