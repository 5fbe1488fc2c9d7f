#ifndef COLLECTOR_DECODE_ASIDE_H
#define COLLECTOR_DECODE_ASIDE_H

#include "collector/decode/aside_words.h"

/*
 * What a domain's streams of numbers say of its templates and rates while another stream counts:
 * for each of them a word of its own, which changes nothing of what stands. Until its stream is the
 * one that counts (an exporter began anew) only that stream's own data are read by it; then it is
 * adopted. A stream that goes on from another, of which datagrams were lost, is read by that one's
 * word too. What a stream that may come back told, and another then replaced, becomes its word
 * again: rates as a whole, since those that the other added are not its own.
 *
 * Each word has room for as much as the domain itself, so no stream pushes out what another said;
 * and there is a word for each stream that is followed, so who said something last always gets one.
 * All of them together have only memory that nobody else needs. Where that is at its end, what
 * gives way is of streams that are not followed any more, then what was saved for the former main
 * stream, then of the word that holds most.
 */

/* NULL: neither it nor those that it goes on from said anything of it. */
struct decode_template *aside_find(const struct decode_context *context, uint16_t id);
/* The same of rates: the nearest word that told any. */
struct aside_word *aside_rates(const struct decode_context *context);

/* What the datagram's own stream said of it itself. */
struct decode_template *aside_own(const struct decode_context *context, uint16_t id);
/* Takes over `t`, which is in no domain, or frees it where there is no room. */
void aside_put(struct decode_context *context, struct decode_template *t);
void aside_withdraw(struct decode_context *context, uint16_t id);
void aside_withdraw_all(struct decode_context *context, bool options);
void aside_put_rate(struct decode_context *context, const struct decode_sampler *said);
void aside_put_boot(struct decode_context *context, uint64_t boot_ms);
/* Where the stream's timeouts go; NULL: there is no room. */
struct timeouts *aside_timeouts(struct decode_context *context);
/* By which its records are read; NULL: neither it nor those that it goes on from told any. */
struct aside_word *aside_timeouts_told(const struct decode_context *context);

/* Takes a template that stands away: should the stream come back that it is of, it is its again. */
void aside_keep(struct decode_context *context, struct decode_template *old);
/* The same of all rates and times, before the context's stream changes the first of them. What is
 * told of times is another's no more from then on: of several the longest counts, and that may be
 * one of a stream that is silent. */
void aside_keep_rates(struct decode_context *context);
/* The datagram's stream is the one that counts from now on: what it said stands. */
void aside_adopt(struct decode_context *context);
/* False: there is nothing. */
bool aside_drop(struct decode *decode, struct decode_domain *domain);
/* The same for want of room, which is counted. */
void aside_give_way(struct decode *decode, struct decode_domain *domain);

#endif
