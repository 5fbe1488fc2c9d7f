#ifndef TESTS_UNIT_PROTO_NOUNS_H
#define TESTS_UNIT_PROTO_NOUNS_H

#include "proto/delta.h"
#include "proto/rollup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nouns made from a seed, for tests that hold for any noun. */

static inline uint64_t chance(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15U; /* splitmix64 */
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static inline uint64_t chance_below(uint64_t *seed, uint64_t limit)
{
    return chance(seed) % limit;
}

/* Small, large and largest values: each length of a varint comes up. */
static inline uint64_t chance_u64(uint64_t *seed)
{
    return chance(seed) >> chance_below(seed, 64);
}

static inline uint32_t chance_u32(uint64_t *seed)
{
    return (uint32_t)(chance(seed) >> (32 + chance_below(seed, 32)));
}

static inline double chance_double(uint64_t *seed)
{
    return (double)chance_u64(seed) / 7;
}

static inline void chance_text(uint64_t *seed, char *ret_text, size_t room)
{
    size_t len = chance_below(seed, room);
    for (size_t i = 0; i < len; i++)
        ret_text[i] = (char)('!' + chance_below(seed, 90));
    memset(ret_text + len, 0, room - len);
}

static inline struct ip_addr chance_addr(uint64_t *seed)
{
    uint8_t octets[16];
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)chance(seed);
    return addr_from_octets(chance_below(seed, 2) == 0 ? ADDR_IPV4 : ADDR_IPV6, octets);
}

static inline struct flow_key chance_key(uint64_t *seed)
{
    struct flow_key key = {0};
    for (unsigned int d = DIM_DST_ADDR; d <= DIM_LAST; d++) {
        if (chance_below(seed, 3) != 0)
            continue;
        size_t width = dimension_width((enum dimension)d);
        struct ip_addr addr = chance_addr(seed);
        if (width == 0)
            key_add_addr(&key, (enum dimension)d, &addr);
        else
            key_add_number(&key, (enum dimension)d, chance(seed) >> (64 - 8 * width));
    }
    return key;
}

static inline bool key_equal(const struct flow_key *a, const struct flow_key *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* --- delta -------------------------------------------------------------------------------------
 */

static inline void chance_delta(uint64_t *seed, size_t rows, struct delta_batch *ret_batch)
{
    memset(ret_batch, 0, sizeof(*ret_batch));
    ret_batch->schema = DELTA_SCHEMA;
    chance_text(seed, ret_batch->collector, sizeof(ret_batch->collector));
    chance_text(seed, ret_batch->shard, sizeof(ret_batch->shard));
    ret_batch->epoch = chance_u64(seed);
    ret_batch->worker = chance_u32(seed);
    ret_batch->workers = chance_u32(seed);
    ret_batch->sequence = chance_u64(seed);
    ret_batch->interval_ms = chance_u32(seed);
    ret_batch->age_ms = chance_u32(seed);
    ret_batch->residual_bytes = chance_u64(seed);
    ret_batch->residual_packets = chance_u64(seed);
    ret_batch->count_count = 1 + chance_below(seed, 40);
    for (size_t i = 0; i < ret_batch->count_count; i++)
        ret_batch->counts[i] = chance(seed);
    ret_batch->exporter_count = 1 + chance_below(seed, 40);
    ret_batch->exporters = calloc(ret_batch->exporter_count, sizeof(ret_batch->exporters[0]));
    for (size_t i = 0; i < ret_batch->exporter_count; i++)
        ret_batch->exporters[i] = (struct delta_exporter){
            chance_addr(seed), chance_u32(seed), chance_u64(seed), chance_u32(seed) % 8 == 0};
    ret_batch->row_count = rows;
    ret_batch->rows = calloc(rows + 1, sizeof(ret_batch->rows[0]));
    for (size_t i = 0; i < rows; i++)
        ret_batch->rows[i] = (struct delta_row){
            .count = (uint32_t)chance_below(seed, ret_batch->count_count),
            .exporter = (uint32_t)chance_below(seed, ret_batch->exporter_count),
            .bytes = chance_u64(seed),
            .packets = chance_u64(seed),
            .flows = chance_u64(seed),
            .samples = chance_u64(seed),
            .var_bytes = chance_double(seed),
            .var_packets = chance_double(seed),
            .var_flows = chance_double(seed),
            .duration_ms = chance_u32(seed),
            .age_ticks = chance_u32(seed),
            .key = chance_key(seed),
        };
}

static inline bool delta_row_equal(const struct delta_row *a, const struct delta_row *b)
{
    return a->count == b->count && a->exporter == b->exporter && a->bytes == b->bytes &&
           a->packets == b->packets && a->flows == b->flows && a->samples == b->samples &&
           a->var_bytes == b->var_bytes && a->var_packets == b->var_packets &&
           a->var_flows == b->var_flows && a->duration_ms == b->duration_ms &&
           a->age_ticks == b->age_ticks && key_equal(&a->key, &b->key);
}

static inline bool delta_equal(const struct delta_batch *a, const struct delta_batch *b)
{
    if (a->schema != b->schema || strcmp(a->collector, b->collector) != 0 ||
        strcmp(a->shard, b->shard) != 0 || a->epoch != b->epoch || a->worker != b->worker ||
        a->workers != b->workers || a->sequence != b->sequence ||
        a->interval_ms != b->interval_ms || a->age_ms != b->age_ms ||
        a->residual_bytes != b->residual_bytes || a->residual_packets != b->residual_packets ||
        a->count_count != b->count_count || a->exporter_count != b->exporter_count ||
        a->row_count != b->row_count)
        return false;
    for (size_t i = 0; i < a->count_count; i++) {
        if (a->counts[i] != b->counts[i])
            return false;
    }
    for (size_t i = 0; i < a->exporter_count; i++) {
        const struct delta_exporter *x = &a->exporters[i], *y = &b->exporters[i];
        if (!addr_equal(&x->addr, &y->addr) || x->heard_age_ms != y->heard_age_ms ||
            x->records != y->records || x->two_senders != y->two_senders)
            return false;
    }
    for (size_t i = 0; i < a->row_count; i++) {
        if (!delta_row_equal(&a->rows[i], &b->rows[i]))
            return false;
    }
    return true;
}

/* --- rollup ------------------------------------------------------------------------------------
 */

static inline struct rollup_count chance_rollup_count(uint64_t *seed)
{
    struct rollup_count count = {.id = chance(seed),
                                 .window_count = chance_below(seed, ROLLUP_WINDOWS_MAX + 1)};
    for (size_t i = 0; i < count.window_count; i++)
        count.windows_ms[i] = chance_u32(seed);
    count.floor_bytes = chance_double(seed);
    count.floor_packets = chance_double(seed);
    count.floor_flows = chance_double(seed);
    return count;
}

static inline struct rollup_row chance_rollup_row(uint64_t *seed, const struct rollup_tick *tick)
{
    struct rollup_row row = {.count = (uint32_t)chance_below(seed, tick->count_count),
                             .key = chance_key(seed),
                             .samples = chance_u64(seed)};
    for (size_t i = 0; i < tick->counts[row.count].window_count; i++)
        row.rates[i] =
            (struct rollup_rates){chance_double(seed), chance_double(seed), chance_double(seed),
                                  chance_double(seed), chance_double(seed), chance_double(seed)};
    row.contributor_count = chance_below(seed, ROLLUP_CONTRIBUTORS_MAX + 1);
    for (size_t i = 0; i < row.contributor_count; i++) {
        row.contributors[i].exporter = (uint32_t)chance_below(seed, tick->exporter_count);
        row.contributors[i].share_permille = (uint16_t)chance_below(seed, 1001);
    }
    return row;
}

static inline void chance_rollup(uint64_t *seed, size_t rows, struct rollup_tick *ret_tick)
{
    struct rollup_tick tick = {.schema = ROLLUP_SCHEMA,
                               .epoch = chance_u64(seed),
                               .sequence = chance_u64(seed),
                               .covers_until_ms = chance_u64(seed),
                               .part = chance_u32(seed) >> 1,
                               .truncated = chance_below(seed, 2) == 0,
                               .truncated_ratio = chance_double(seed),
                               .blind = chance_below(seed, 2) == 0,
                               .blind_count = chance_below(seed, 5),
                               .count_count = 1 + chance_below(seed, 5),
                               .exporter_count = 1 + chance_below(seed, 5),
                               .row_count = rows};
    tick.parts = tick.part + 1;
    chance_text(seed, tick.shard, sizeof(tick.shard));
    chance_text(seed, tick.aggregator, sizeof(tick.aggregator));
    tick.blinds = calloc(tick.blind_count + 1, sizeof(tick.blinds[0]));
    for (size_t i = 0; i < tick.blind_count; i++) {
        chance_text(seed, tick.blinds[i].contributor, sizeof(tick.blinds[i].contributor));
        tick.blinds[i].since_ms = chance_u32(seed);
    }
    tick.counts = calloc(tick.count_count, sizeof(tick.counts[0]));
    for (size_t i = 0; i < tick.count_count; i++)
        tick.counts[i] = chance_rollup_count(seed);
    tick.exporters = calloc(tick.exporter_count, sizeof(tick.exporters[0]));
    for (size_t i = 0; i < tick.exporter_count; i++)
        tick.exporters[i] = (struct rollup_exporter){chance_addr(seed), chance_u32(seed),
                                                     chance_u32(seed) % 8 == 0};
    tick.rows = calloc(rows + 1, sizeof(tick.rows[0]));
    for (size_t i = 0; i < rows; i++)
        tick.rows[i] = chance_rollup_row(seed, &tick);
    *ret_tick = tick;
}

/* Both sides are zeroed where nothing is set, and none of these structs has doubles that are not
 * numbers, so whole rows may be compared as octets. */
static inline bool rollup_equal(const struct rollup_tick *a, const struct rollup_tick *b)
{
    if (a->schema != b->schema || strcmp(a->shard, b->shard) != 0 ||
        strcmp(a->aggregator, b->aggregator) != 0 || a->epoch != b->epoch ||
        a->sequence != b->sequence || a->covers_until_ms != b->covers_until_ms ||
        a->part != b->part || a->parts != b->parts || a->truncated != b->truncated ||
        a->truncated_ratio != b->truncated_ratio || a->blind != b->blind ||
        a->blind_count != b->blind_count || a->count_count != b->count_count ||
        a->exporter_count != b->exporter_count || a->row_count != b->row_count)
        return false;
    for (size_t i = 0; i < a->blind_count; i++) {
        if (strcmp(a->blinds[i].contributor, b->blinds[i].contributor) != 0 ||
            a->blinds[i].since_ms != b->blinds[i].since_ms)
            return false;
    }
    for (size_t i = 0; i < a->exporter_count; i++) {
        if (!addr_equal(&a->exporters[i].addr, &b->exporters[i].addr) ||
            a->exporters[i].heard_age_ms != b->exporters[i].heard_age_ms ||
            a->exporters[i].two_senders != b->exporters[i].two_senders)
            return false;
    }
    for (size_t i = 0; i < a->count_count; i++) {
        if (memcmp(&a->counts[i], &b->counts[i], sizeof(a->counts[i])) != 0)
            return false;
    }
    for (size_t i = 0; i < a->row_count; i++) {
        const struct rollup_row *x = &a->rows[i], *y = &b->rows[i];
        if (x->count != y->count || !key_equal(&x->key, &y->key) || x->samples != y->samples ||
            x->contributor_count != y->contributor_count ||
            memcmp(x->rates, y->rates, sizeof(x->rates)) != 0)
            return false;
        for (size_t j = 0; j < x->contributor_count; j++) {
            if (x->contributors[j].exporter != y->contributors[j].exporter ||
                x->contributors[j].share_permille != y->contributors[j].share_permille)
                return false;
        }
    }
    return true;
}

#endif
