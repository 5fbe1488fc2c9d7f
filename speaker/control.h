#ifndef SPEAKER_CONTROL_H
#define SPEAKER_CONTROL_H

#include "speaker/speaker.h"

/*
 * The local socket (mode 0600), which works with everything else down. A line of JSON in, a line of
 * JSON out:
 *
 *   {"command": "withdraw-all", "scope": "all" | "peer:mx1" …, "who": …, "why": …}
 *   {"command": "resume", "scope": …}
 *   {"command": "retry", "peer": "mx1", "mitigation": "m-…"}
 *   {"command": "status"}
 *
 * retry has what is quarantined at the peer tried again; without a mitigation all of it.
 * Instead of scope one of "platform", "peer", "method", "alarm", "family" may name its value. The
 * answer has "ok", and "error" where it is false; withdraw-all says how many routes are gone from
 * how many peers, status what stands, what is held and how each peer is.
 */
enum status control_open(struct speaker *speaker);
void control_close(struct speaker *speaker, void (*on_closed)(void *owner));

#endif
