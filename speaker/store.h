#ifndef SPEAKER_STORE_H
#define SPEAKER_STORE_H

#include "speaker/speaker.h"

/*
 * What the journal keeps, and how it comes back:
 *   m:<id>              the mitigation as the state server had it (protobuf)
 *   a:<id>              its last word at the state server, which has lost it since: Redis time
 *   w:<time>-<number>   what an adapter socket did without policy, for weir:audit
 *   h:<source>:<scope>  a hold of this socket or of weir:stops: since, why
 *   x:<hash>            a route that ExaBGP was told: family, NLRI
 *   q:<octets>:<peer>   a route that this peer's session fell over (isolate.h)
 *   state               cursors, highest epoch, last contact, and what the clocks said
 *
 * A disk that takes nothing stops nothing: routes stand and go as they must, loudly.
 */
/* Any other key, for one part of the process to keep something under. */
void store_put(struct speaker *speaker, const char *key, const void *bytes, size_t len);
void store_drop(struct speaker *speaker, const char *key);
enum status store_open(struct speaker *speaker);
void store_close(struct speaker *speaker);

/* Waits for others, until store_write_out(). */
void store_put_mitigation(struct speaker *speaker, const char *id, const void *bytes, size_t len);
/* Those that were put are in the file by now: before anything of them is sent. */
void store_write_out(struct speaker *speaker);
void store_drop_mitigation(struct speaker *speaker, const char *id);
bool store_has_mitigation(const struct speaker *speaker, const char *id);
/* When the state server last had it; dropping it is cheap where there is none. */
void store_put_missing(struct speaker *speaker, const char *id, uint64_t confirmed_redis_ms);
void store_drop_missing(struct speaker *speaker, const char *id);
/* Of adapter_audit.c, which gets its entries back after a start; their keys begin so. */
#define STORE_AUDIT_PREFIX "w:"
/* Holds of Redis are not kept: they are read anew. These two wait for the disk. */
enum status store_put_hold(struct speaker *speaker, const struct hold *hold);
enum status store_drop_holds(struct speaker *speaker, const struct scope *scope,
                             uint64_t not_after_ms);
void store_put_state(struct speaker *speaker);
/* The disk took something not, so the journal may lack what changed, or have what has ended: drops
 * what is not known here any more and writes the holds again, and the caller every mitigation;
 * then, if no write failed, all is well. */
void store_catch_up(struct speaker *speaker);
void store_caught_up(struct speaker *speaker);
/* Brings the disk up to date on another thread, and writes the file anew where it pays. */
void store_tick(struct speaker *speaker);

#endif
