#ifndef COMMON_BASE_WIRE_H
#define COMMON_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reader over bytes that someone else owns. The first read that does not fit makes the reader
 * failed for good, and from then on every read gives zero, so a decoder may read a whole header
 * and test `failed` once. A zero count alone never proves success: test before looping.
 */
struct wire_reader {
    const uint8_t *pos;
    size_t left;
    bool failed;
};

static inline struct wire_reader wire_reader_of(const void *bytes, size_t len)
{
    return (struct wire_reader){.pos = bytes, .left = len};
}

/* The next n bytes, or NULL. All other reads go through here or wire_peek(): these are the only
 * bounds checks. */
static inline const uint8_t *wire_take(struct wire_reader *r, size_t n)
{
    if (r->failed || n > r->left) {
        r->failed = true;
        r->left = 0;
        return NULL;
    }
    const uint8_t *at = r->pos;
    if (n > 0)
        r->pos += n;
    r->left -= n;
    return at;
}

/* The next n bytes, which stay to be read; NULL: there are fewer. */
static inline const uint8_t *wire_peek(const struct wire_reader *r, size_t n)
{
    return n > r->left || r->failed ? NULL : r->pos;
}

/* For octets that wire_take() or wire_peek() gave, where one check serves many reads. */
static inline uint16_t wire_u16_at(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t wire_u32_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t wire_u64_at(const uint8_t *at)
{
    return (uint64_t)wire_u32_at(at) << 32 | wire_u32_at(at + 4);
}

static inline uint8_t wire_u8(struct wire_reader *r)
{
    const uint8_t *p = wire_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t wire_u16(struct wire_reader *r)
{
    const uint8_t *p = wire_take(r, 2);
    return p ? wire_u16_at(p) : 0;
}

static inline uint32_t wire_u32(struct wire_reader *r)
{
    const uint8_t *p = wire_take(r, 4);
    return p ? wire_u32_at(p) : 0;
}

static inline uint32_t wire_u24(struct wire_reader *r)
{
    const uint8_t *p = wire_take(r, 3);
    return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint64_t wire_u64(struct wire_reader *r)
{
    uint64_t high = wire_u32(r);
    return high << 32 | wire_u32(r);
}

/* An unsigned integer of 1 to 8 octets. */
static inline uint64_t wire_uint(struct wire_reader *r, size_t n)
{
    const uint8_t *p = n <= 8 ? wire_take(r, n) : NULL;
    uint64_t value = 0;
    if (p == NULL) {
        r->failed = true;
        r->left = 0;
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

static inline void wire_skip(struct wire_reader *r, size_t n)
{
    (void)wire_take(r, n);
}

/* The next n bytes as a reader of their own: a set, a TLV or an attribute cannot read its
 * neighbour. */
static inline struct wire_reader wire_sub(struct wire_reader *r, size_t n)
{
    const uint8_t *at = wire_take(r, n);
    return (struct wire_reader){.pos = at, .left = r->failed ? 0 : n, .failed = r->failed};
}

/*
 * Writer into a buffer that someone else owns; the mirror of the reader. The first write that does
 * not fit makes it failed for good, and later writes do nothing.
 */
struct wire_writer {
    uint8_t *start;
    size_t len, room;
    bool failed;
};

static inline struct wire_writer wire_writer_of(void *bytes, size_t room)
{
    return (struct wire_writer){.start = bytes, .room = room};
}

/* Room for n more octets, or NULL. All writes go through here. */
static inline uint8_t *wire_reserve(struct wire_writer *w, size_t n)
{
    if (w->failed || n > w->room - w->len) {
        w->failed = true;
        return NULL;
    }
    uint8_t *at = w->start + w->len;
    w->len += n;
    return at;
}

static inline void wire_put_uint_at(uint8_t *at, size_t n, uint64_t value)
{
    for (size_t i = n; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static inline void wire_put_uint(struct wire_writer *w, size_t n, uint64_t value)
{
    uint8_t *at = wire_reserve(w, n);
    if (at != NULL)
        wire_put_uint_at(at, n, value);
}

static inline void wire_put_u8(struct wire_writer *w, uint8_t v)
{
    wire_put_uint(w, 1, v);
}

static inline void wire_put_u16(struct wire_writer *w, uint16_t v)
{
    wire_put_uint(w, 2, v);
}

static inline void wire_put_u32(struct wire_writer *w, uint32_t v)
{
    wire_put_uint(w, 4, v);
}

static inline void wire_put_u64(struct wire_writer *w, uint64_t v)
{
    wire_put_uint(w, 8, v);
}

static inline void wire_put_bytes(struct wire_writer *w, const void *bytes, size_t n)
{
    uint8_t *at = wire_reserve(w, n);
    const uint8_t *from = bytes;
    for (size_t i = 0; at != NULL && i < n; i++)
        at[i] = from[i];
}

/*
 * A length of n octets that is not known yet: hold it, write the rest, then fill it in. A length
 * that does not fit its octets fails the writer.
 */
static inline size_t wire_hold(struct wire_writer *w, size_t n)
{
    size_t at = w->len;
    wire_put_uint(w, n, 0);
    return at;
}

static inline void wire_fill_len(struct wire_writer *w, size_t held_at, size_t n)
{
    if (w->failed)
        return;
    uint64_t len = w->len - held_at - n;
    if (n < 8 && len >> (n * 8) != 0) {
        w->failed = true;
        return;
    }
    wire_put_uint_at(w->start + held_at, n, len);
}

#endif
