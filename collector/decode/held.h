#ifndef COLLECTOR_DECODE_HELD_H
#define COLLECTOR_DECODE_HELD_H

#include "collector/decode/state.h"

/*
 * Data sets whose template has not come yet: kept for some seconds, in memory that is taken once,
 * and decoded when the template is told. Each exporter may hold so much and no more, and so may
 * all together; at either limit what came first goes first, so that a sender who never tells his
 * templates pushes out only his own. A set is spread over blocks of one size, which is why nobody
 * can leave gaps that others cannot use.
 */
struct held_pool;

/* Its part of the limits was judged before. NULL: no memory. */
struct held_pool *held_pool_new(const struct decode_limits *limits, uint64_t seed);
void held_pool_free(struct held_pool *pool);

/* Keeps what is left of the set. */
void held_keep(struct decode_context *context, uint16_t id, const struct wire_reader *set);
/* A template was just told: what waited for it is decoded, in the order in which it came, and given
 * to the sink with the time at which it came. Options are read at once, flows when the datagram
 * ends: what it says of sampling behind the template holds for them too. */
void held_note_template(struct decode_context *context, uint16_t id, bool options);
/* The datagram ends. */
void held_decode(struct decode_context *context);

/* The template was withdrawn: what came before can never be read. */
void held_drop(struct decode *decode, struct decode_domain *domain, uint16_t id);
void held_drop_domain(struct decode *decode, struct decode_domain *domain);

/* Sets that lookups have passed so far, by which tests see that they do not walk over them all. */
uint64_t held_steps(const struct held_pool *pool);

#endif
