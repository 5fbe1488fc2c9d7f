#ifndef SPEAKER_TURNS_H
#define SPEAKER_TURNS_H

#include "speaker/speaker.h"

/*
 * When UPDATEs go out. What a turn of the loop changes goes at its end, so that routes that were
 * wanted together share messages; and while hashes that were asked for are still to come, which one
 * reading of jobs asks for all at once, it waits a moment for them. Each peer gets one buffer a
 * turn, whoever is first today is last tomorrow, and who takes no bytes is passed over: a slow peer
 * costs the others nothing, and a table of routes for one does not keep a job from the others. Nor
 * does judging it when the session comes up, of which each turn does a little.
 */
struct turns;

enum status turns_open(struct speaker *speaker);
void turns_due(struct speaker *speaker, size_t peer); /* something may have to go to it */
void turns_all_due(struct speaker *speaker);
/* Now, and not at the end of the turn. */
void turns_flush(struct speaker *speaker);
/* A job that was read at this time has been applied: how long it takes to be written is told. */
void turns_job(struct speaker *speaker, uint64_t read_us);
void turns_close(struct speaker *speaker, void (*on_closed)(void *owner));

#endif
