#ifndef SPEAKER_ADAPTER_ASK_H
#define SPEAKER_ADAPTER_ASK_H

#include "speaker/speaker.h"

/*
 * A request to policy over the state server, as the commands make them, and its answer: posted to
 * weir:requests, answered in weir:reply:<id>. The connection is the one of in_jobs, which must not
 * block, so the answer is asked for again and again.
 */
struct adapter_ask;

/* Once: policy's answer, or NULL and why there is none. */
typedef void (*adapter_on_reply)(void *owner, const struct reply *reply, const char *why);

/* Gives the request its id and its end. NULL: it could not be sent, and nobody is called. */
struct adapter_ask *adapter_ask_new(struct speaker *speaker, struct request *request,
                                    adapter_on_reply on_reply, void *owner);
/* Often, until on_reply was called; it may be called from here. */
void adapter_ask_poll(struct adapter_ask *ask);
/* Nobody waits any more; on_reply is not called. */
void adapter_ask_drop(struct adapter_ask *ask);

#endif
