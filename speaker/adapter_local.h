#ifndef SPEAKER_ADAPTER_LOCAL_H
#define SPEAKER_ADAPTER_LOCAL_H

#include "speaker/adapter_line.h"
#include "speaker/speaker.h"

/*
 * Announcing without policy: this speaker guards, weighs and records the rule itself, and it goes
 * when the time that it has to name is over. For everything else it is a mitigation that the state
 * server does not have: it is in the journal, stands over restarts, is said to be missing, and
 * policy may take it up when it is back. Its epoch is 0 until then: no leader has spoken of it.
 */

/* The answer. */
json_t *adapter_local_announce(struct speaker *speaker, const struct adapter_line *line,
                               bool in_bytes);
/* Policy has not taken it up. */
bool adapter_is_local(const struct speaker *speaker, const struct standing *s);
/* Withdraws one that is. */
void adapter_local_withdraw(struct speaker *speaker, const struct standing *s, const char *why);
/* Withdraws those of the line's match: policy has it now. */
void adapter_local_give_up(struct speaker *speaker, const struct adapter_line *line);

#endif
