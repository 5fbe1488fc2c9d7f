#include "tests/support/sflow_twice.h"

#include "common/base/wire.h"

#include <stdlib.h>
#include <string.h>

/* A datagram has one record for each sample of at least 40 octets. */
enum { KEPT_MAX = 65536 / 40, STRANGER_LEN = 8, STRANGER = 4413 << 12 | 9 };

struct side {
    struct decode *decode;
    size_t count;
    struct flow_record *flows;
};

/* Of the last datagram. Not each one's own: a fuzzer makes one for every input. */
static struct flow_record kept[2][KEPT_MAX];

struct sflow_twice {
    struct side sides[2];
    uint64_t now_ms, records;
};

struct sflow_twice *sflow_twice_new(void)
{
    struct sflow_twice *twice = calloc(1, sizeof(*twice));
    if (twice == NULL)
        abort();
    for (size_t i = 0; i < 2; i++) {
        twice->sides[i].decode = decode_new(&(struct decode_limits){0}, 7);
        if (twice->sides[i].decode == NULL)
            abort();
        twice->sides[i].flows = kept[i];
    }
    return twice;
}

void sflow_twice_free(struct sflow_twice *twice)
{
    decode_free(twice->sides[0].decode);
    decode_free(twice->sides[1].decode);
    free(twice);
}

/* --- the disguise --- */

static void copy(struct wire_writer *w, struct wire_reader *r, size_t len)
{
    const uint8_t *from = wire_take(r, len);
    if (from != NULL)
        wire_put_bytes(w, from, len);
}

/* False: no whole sample is left. */
static bool disguise_sample(struct wire_writer *w, struct wire_reader *r)
{
    struct wire_reader ahead = *r;
    uint32_t type = wire_u32(&ahead), len = wire_u32(&ahead);
    struct wire_reader body = wire_sub(&ahead, len);
    size_t head_len = type == 1 ? 32 : type == 3 ? 44 : 0;
    if (ahead.failed)
        return false;
    const uint8_t *head = wire_peek(&body, head_len);
    uint32_t records = head_len > 0 && head != NULL ? wire_u32_at(head + head_len - 4) : UINT32_MAX;
    if (records != UINT32_MAX) {
        wire_put_u32(w, type);
        wire_put_u32(w, len + STRANGER_LEN);
        wire_put_bytes(w, head, head_len - 4);
        wire_put_u32(w, records + 1);
        wire_put_u32(w, STRANGER);
        wire_put_u32(w, 0);
        wire_skip(r, 8 + head_len);
        copy(w, r, len - head_len);
    } else {
        copy(w, r, 8 + (size_t)len);
    }
    size_t padding = (4 - len % 4) % 4;
    copy(w, r, padding < r->left ? padding : r->left);
    return true;
}

uint8_t *sflow_disguise(const uint8_t *bytes, size_t len, size_t *ret_len)
{
    size_t room = len + (len / 40 + 1) * STRANGER_LEN;
    uint8_t *disguised = malloc(room);
    if (disguised == NULL)
        abort();
    struct wire_writer w = wire_writer_of(disguised, room);
    struct wire_reader r = wire_reader_of(bytes, len), ahead = r;
    uint32_t version = wire_u32(&ahead), addr = wire_u32(&ahead);
    size_t header_len = 8 + (addr == 1 ? 4U : addr == 2 ? 16U : 0U) + 16;
    if (version == 5 && addr <= 2 && header_len <= len) {
        copy(&w, &r, header_len);
        uint32_t samples = wire_u32_at(bytes + header_len - 4);
        while (samples-- > 0 && disguise_sample(&w, &r))
            ;
    }
    copy(&w, &r, r.left);
    if (w.failed)
        abort();
    *ret_len = w.len;
    return disguised;
}

/* --- both --- */

static void keep(void *owner, const struct flow_record *flow)
{
    struct side *side = owner;
    if (side->count < KEPT_MAX)
        side->flows[side->count] = *flow;
    side->count++;
}

static void ignore_late(void *owner, const struct flow_record *flow, uint64_t came_ms)
{
    (void)owner;
    (void)flow;
    (void)came_ms;
}

/* Apart from the octets between, which belong to no member. */
static bool same(const struct flow_record *a, const struct flow_record *b)
{
    const size_t first = offsetof(struct flow_record, duration_ms) + sizeof(a->duration_ms);
    const size_t second = offsetof(struct flow_record, sampling_rate);
    return memcmp(a, b, first) == 0 &&
           memcmp((const char *)a + second, (const char *)b + second, sizeof(*a) - second) == 0;
}

static enum decode_reason feed(struct side *side, const struct decode_source *source,
                               const uint8_t *bytes, size_t len, uint64_t now_ms)
{
    struct decode_sink sink = {
        .on_record = keep, .on_discard = keep, .on_late = ignore_late, .owner = side};
    /* A block of its own, so that a read one octet past the end is seen. */
    uint8_t *block = malloc(len > 0 ? len : 1);
    if (block == NULL)
        abort();
    memcpy(block, bytes, len);
    side->count = 0;
    enum decode_reason reason = decode_datagram(side->decode, source, block, len, now_ms, &sink);
    free(block);
    return reason;
}

const char *sflow_twice_feed(struct sflow_twice *twice, const struct decode_source *source,
                             const uint8_t *bytes, size_t len)
{
    struct side *plain = &twice->sides[0], *other = &twice->sides[1];
    size_t disguised_len;
    uint8_t *disguised = sflow_disguise(bytes, len, &disguised_len);
    enum decode_reason reason = feed(plain, source, bytes, len, ++twice->now_ms);
    enum decode_reason other_reason = feed(other, source, disguised, disguised_len, twice->now_ms);
    free(disguised);
    twice->records += plain->count;
    if (reason != other_reason)
        return "the reasons differ";
    if (plain->count != other->count)
        return "one gave more records";
    for (size_t i = 0; i < plain->count && i < KEPT_MAX; i++)
        if (!same(&plain->flows[i], &other->flows[i]))
            return "a record differs";
    if (memcmp(decode_counters(plain->decode), decode_counters(other->decode),
               sizeof(struct decode_counters)) != 0)
        return "the counters differ";
    return NULL;
}

uint64_t sflow_twice_datagrams(const struct sflow_twice *twice)
{
    return twice->now_ms;
}

uint64_t sflow_twice_records(const struct sflow_twice *twice)
{
    return twice->records;
}
