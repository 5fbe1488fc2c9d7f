#ifndef COMMON_BASE_TEXT_H
#define COMMON_BASE_TEXT_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growing text. The first failure (memory, or more than max octets) sticks; test `failed` once. */
struct text {
    char *at; /* NUL-terminated; NULL while empty */
    size_t len, room, max;
    bool failed;
};

void text_init(struct text *t, size_t max); /* max 0: 16 MiB */
void text_done(struct text *t);
void text_clear(struct text *t); /* empty and good again; the memory is kept */
void text_add(struct text *t, const char *s);
void text_add_bytes(struct text *t, const void *bytes, size_t len);
void text_addf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One more of several things said in a line: after "; " where something is there already. */
void text_add_itemf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *text_str(const struct text *t); /* never NULL */

/*
 * Quantities as people write them, strictly: digits, an optional fraction, a multiplier and a unit,
 * no space. `what` a value is wants decides which units it takes; a bare number is STATUS_MALFORMED
 * except where said.
 *   rates:  bps kbps Mbps Gbps Tbps | B/s kB/s MB/s GB/s     (decimal multipliers)
 *   counts: 500k, 1.5M, 2G, or a bare number                 (pps, fps: the name implies the unit)
 *   sizes:  B, KiB, MiB, GiB and kB, MB, GB
 *   times:  us ms s m h d
 * No leading zero but in "0" and "0.5". STATUS_RANGE when the value does not fit or is no whole
 * number of what is returned ("1500us" in ms); only sizes are rounded down instead, as 1.1GiB is
 * a sensible thing to write.
 */
enum status text_parse_bit_rate(uint64_t *ret_bps, const char *s);      /* needs its unit */
enum status text_parse_bit_rate_bare(uint64_t *ret_bps, const char *s); /* "1G" is bits/s */
enum status text_parse_count(uint64_t *ret_count, const char *s);
enum status text_parse_size(uint64_t *ret_bytes, const char *s);
enum status text_parse_duration_ms(uint64_t *ret_ms, const char *s);
enum status text_parse_percent(double *ret_share, const char *s); /* "80%" is 0.8 */
enum status text_parse_u64(uint64_t *ret_value, const char *s,
                           uint64_t max); /* decimal, no sign, no leading 0 */
/* Pairs of digits of either case; none is a length of 0; STATUS_LIMIT when room is too small. */
enum status text_parse_hex(uint8_t *ret_bytes, size_t room, size_t *ret_len, const char *s);

enum { TEXT_QUANTITY_MAX = 32 };
const char *text_format_bit_rate(double bps, char ret_text[TEXT_QUANTITY_MAX]); /* "1.25 Gbps" */
const char *text_format_count(double n, char ret_text[TEXT_QUANTITY_MAX]);      /* "1.5M" */
const char *text_format_size(double bytes, char ret_text[TEXT_QUANTITY_MAX]);   /* "32.0 MiB" */
const char *text_format_duration_ms(uint64_t ms, char ret_text[TEXT_QUANTITY_MAX]); /* "1m30s" */
void text_add_hex(struct text *t, const uint8_t *bytes, size_t len);
void text_add_json_string(struct text *t,
                          const char *s); /* quoted; controls escaped, invalid UTF-8 replaced */

/* As much as room takes, and never half a character. */
void text_copy(char *ret_text, size_t room, const char *s);

/* Octets of the valid UTF-8 sequence at s (1 to 4, and 1 for the final NUL), or 0. */
size_t text_utf8_len(const char *s, uint32_t *ret_code_point);

/* Sums that stop at the largest value instead of wrapping. */
static inline uint64_t sat_add_u64(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}
static inline uint64_t sat_mul_u64(uint64_t a, uint64_t b)
{
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

#endif
