#ifndef SPEAKER_OUT_EXABGP_H
#define SPEAKER_OUT_EXABGP_H

#include "speaker/speaker.h"

/*
 * The second way out: one peer whose routes go to ExaBGP as commands, and from there to all its
 * neighbours. What it must have, and in which order the difference goes out, is its rib_out like
 * any peer's; here those messages become lines, and ExaBGP's answers results.
 *
 * The peer is up while ExaBGP has a neighbour that is established. Its rib_out is up for as long as
 * ExaBGP answers, because ExaBGP keeps what it was told for a neighbour that comes back.
 *
 * At most so many commands are unanswered, and each segment of them is followed by a question whose
 * answer is unlike any other: who has answered what is known even where ExaBGP says nothing to a
 * command, as it does where its own code fails.
 */
enum {
    EXABGP_UNANSWERED_MAX = 512,
    EXABGP_SEGMENT_MAX = 128,
    /* ExaBGP works through what is unanswered in far less, on the slowest machine. */
    EXABGP_ANSWER_LIMIT_MS = 20000,
    /* What it did not take is not said to it again before it, or this process, has begun anew. */
    EXABGP_REFUSED_MAX = 256,
};

/* Before the journal is read. */
enum status out_exabgp_new(struct speaker *speaker);
void out_exabgp_free(struct speaker *speaker);
/* What the journal says that it was told. */
enum status out_exabgp_load(struct speaker *speaker, const uint8_t *value, size_t len);
void out_exabgp_store_again(struct speaker *speaker);

/* The peers are those of a configuration; REFUSED where ExaBGP runs this process, and the
 * configuration has no peer for it. */
enum status out_exabgp_apply(struct speaker *speaker);
void out_exabgp_forget(struct speaker *speaker, const struct peer *peer);
void out_exabgp_tick(struct speaker *speaker, uint64_t now_ms);
/* Nothing is unanswered. */
bool out_exabgp_is_idle(const struct speaker *speaker);
void out_exabgp_close(struct speaker *speaker); /* then speaker_part_closed() */

/* The peer's turn. */
void out_exabgp_send(struct speaker *speaker);
/* False: there are no words for the route, or ExaBGP has refused it; why says which. */
bool out_exabgp_takes(const struct speaker *speaker, uint32_t nlri, uint32_t attributes,
                      char why[REASON_MAX]);

#endif
