#include "collector/recall/chunk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ADDR_BITS = 62 };

size_t chunk_bytes(uint32_t room)
{
    return (size_t)room *
               (sizeof(struct recall_item) + sizeof(uint64_t) + sizeof(struct chunk_entry)) +
           CHUNK_LEVELS * sizeof(uint32_t);
}

enum status chunk_init(struct recall_chunk *chunk, uint32_t room)
{
    atomic_init(&chunk->state, CHUNK_BUSY);
    chunk->room = room;
    chunk->count = 0;
    chunk->items = calloc(room, sizeof(*chunk->items));
    chunk->keys = calloc(room, sizeof(*chunk->keys));
    chunk->order = calloc(room, sizeof(*chunk->order));
    chunk->above = calloc(CHUNK_LEVELS, sizeof(*chunk->above));
    bool made =
        chunk->items != NULL && chunk->keys != NULL && chunk->order != NULL && chunk->above != NULL;
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

void chunk_done(struct recall_chunk *chunk)
{
    free(chunk->items);
    free(chunk->keys);
    free(chunk->order);
    free(chunk->above);
    chunk->items = NULL;
    chunk->keys = NULL;
    chunk->order = NULL;
    chunk->above = NULL;
}

/* --- who has it --- */

bool chunk_pin(struct recall_chunk *chunk)
{
    unsigned int state = atomic_load_explicit(&chunk->state, memory_order_acquire);
    while (state != CHUNK_BUSY)
        if (atomic_compare_exchange_weak_explicit(&chunk->state, &state, state + 1,
                                                  memory_order_acquire, memory_order_acquire))
            return true;
    return false;
}

void chunk_unpin(struct recall_chunk *chunk)
{
    atomic_fetch_sub_explicit(&chunk->state, 1, memory_order_release);
}

bool chunk_take(struct recall_chunk *chunk)
{
    unsigned int nobody = 0;
    return atomic_compare_exchange_strong_explicit(&chunk->state, &nobody, CHUNK_BUSY,
                                                   memory_order_acquire, memory_order_relaxed) ||
           nobody == CHUNK_BUSY;
}

void chunk_publish(struct recall_chunk *chunk)
{
    atomic_store_explicit(&chunk->state, 0, memory_order_release);
}

/* --- the index --- */

/*
 * The index is in the order of side, family and address. Its keys are the beginnings of these, to
 * which an IPv4 address has nothing to add; hosts of IPv6 whose keys are the same stand in the
 * order of the rest, for which their items are read.
 */
enum index_part { PART_LOW, PART_MIDDLE, PART_KEY, PARTS };

static uint64_t word_of(const uint8_t *octets)
{
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++)
        word = word << 8 | octets[i];
    return word;
}

static uint64_t key_of(uint8_t side, uint8_t ip_version, const uint8_t host[16])
{
    return (uint64_t)(side & 1) << 63 | (uint64_t)(ip_version == 6) << 62 | word_of(host) >> 2;
}

static uint64_t part_of(const struct recall_item *item, enum index_part part)
{
    if (part == PART_LOW)
        return word_of(item->host + 8);
    if (part == PART_MIDDLE)
        return item->host[7] & 3;
    return key_of(item->side, item->ip_version, item->host);
}

enum { KEY_OCTETS = 8, DIGITS = 256 };

static uint8_t digit_of(const struct chunk_rank *rank, unsigned int octet)
{
    return (uint8_t)(rank->key >> (8 * octet));
}

/* Rising, and those of one key as they were: octet by octet from the lowest, without those that are
 * the same in all keys. */
static void by_key(struct chunk_sort *sort, uint32_t count)
{
    uint32_t places[KEY_OCTETS][DIGITS] = {{0}};
    for (uint32_t i = 0; i < count; i++)
        for (unsigned int octet = 0; octet < KEY_OCTETS; octet++)
            places[octet][digit_of(&sort->ranks[i], octet)]++;
    for (unsigned int octet = 0; octet < KEY_OCTETS; octet++) {
        uint32_t *place = places[octet], before = 0;
        if (count == 0 || place[digit_of(&sort->ranks[0], octet)] == count)
            continue;
        for (unsigned int digit = 0; digit < DIGITS; digit++) {
            uint32_t here = place[digit];
            place[digit] = before;
            before += here;
        }
        for (uint32_t i = 0; i < count; i++)
            sort->spare[place[digit_of(&sort->ranks[i], octet)]++] = sort->ranks[i];
        struct chunk_rank *was = sort->ranks;
        sort->ranks = sort->spare;
        sort->spare = was;
    }
}

static unsigned int level_of(float priority)
{
    int exponent = ilogbf(priority);
    return exponent < 0 ? 0 : exponent < CHUNK_LEVELS ? (unsigned int)exponent : CHUNK_LEVELS - 1;
}

/* Part by part from the lowest. IPv4 has only a key. */
static void index_order(const struct recall_chunk *chunk, struct chunk_sort *sort)
{
    bool has_ipv6 = false;
    for (uint32_t i = 0; i < chunk->count; i++) {
        sort->ranks[i].item = i;
        has_ipv6 |= chunk->items[i].ip_version == ADDR_IPV6;
    }
    for (enum index_part part = has_ipv6 ? PART_LOW : PART_KEY; part < PARTS; part++) {
        for (uint32_t i = 0; i < chunk->count; i++)
            sort->ranks[i].key = part_of(&chunk->items[sort->ranks[i].item], part);
        by_key(sort, chunk->count);
    }
}

static void make_index(struct recall_chunk *chunk, struct chunk_sort *sort)
{
    memset(chunk->above, 0, CHUNK_LEVELS * sizeof(*chunk->above));
    for (uint32_t i = 0; i < chunk->count; i++)
        chunk->above[level_of(chunk->items[i].priority)]++;
    for (unsigned int level = CHUNK_LEVELS - 1; level > 0; level--)
        chunk->above[level - 1] += chunk->above[level];
    index_order(chunk, sort);
    for (uint32_t i = 0; i < chunk->count; i++) {
        chunk->keys[i] = sort->ranks[i].key;
        uint32_t item = sort->ranks[i].item;
        chunk->order[i] = (struct chunk_entry){item, chunk->items[item].priority};
    }
}

/* The first key from `low` on that is not below this one; `high` where none before it is. */
static uint32_t first_from(const struct recall_chunk *chunk, uint64_t key, uint32_t low,
                           uint32_t high)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk->keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The same where it is probably near. */
static uint32_t first_near(const struct recall_chunk *chunk, uint64_t key, uint32_t low)
{
    uint32_t high = low;
    for (uint32_t step = 1; high < chunk->count && chunk->keys[high] < key; step *= 2) {
        low = high + 1;
        high = low + step;
    }
    return first_from(chunk, key, low, high < chunk->count ? high : chunk->count);
}

/* Of one key: below 0 where the host of an entry is before the prefix, above 0 where it is behind.
 */
static int host_beside(const struct recall_chunk *chunk, uint32_t entry,
                       const struct ip_prefix *prefix)
{
    const uint8_t *host = chunk->items[chunk->order[entry].item].host;
    const uint8_t *first = prefix->addr.octets;
    size_t whole = prefix->len / 8;
    int beside = memcmp(host, first, whole);
    if (beside != 0 || prefix->len % 8 == 0)
        return beside;
    unsigned int shift = 8 - prefix->len % 8U;
    return (host[whole] >> shift) - (first[whole] >> shift);
}

/* The first entry that is not below: the first in the prefix (below: -1) or behind it (below: 0).
 * `low` and `high` as above. */
static uint32_t first_host(const struct recall_chunk *chunk, const struct ip_prefix *prefix,
                           int below, uint32_t low, uint32_t high)
{
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (host_beside(chunk, middle, prefix) <= below)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
/* The same for the end of the prefix, which is probably near its beginning. */
static uint32_t end_near(const struct recall_chunk *chunk, const struct ip_prefix *prefix,
                         uint32_t low, uint32_t most)
{
    uint32_t high = low;
    for (uint32_t step = 1; high < most && host_beside(chunk, high, prefix) <= 0; step *= 2) {
        low = high + 1;
        high = low + step;
    }
    return first_host(chunk, prefix, 0, low, high < most ? high : most);
}

void chunk_range(const struct recall_chunk *chunk, uint8_t side, const struct ip_prefix *prefix,
                 uint32_t *ret_begin, uint32_t *ret_end)
{
    unsigned int len = prefix->len < KEY_ADDR_BITS ? prefix->len : KEY_ADDR_BITS;
    uint64_t host_bits = (UINT64_C(1) << KEY_ADDR_BITS) - 1;
    if (len > 0)
        host_bits >>= len;
    uint64_t key = key_of(side, prefix->addr.family, prefix->addr.octets) & ~host_bits;
    uint32_t begin = first_from(chunk, key, 0, chunk->count), end = chunk->count;
    if (key + host_bits != UINT64_MAX)
        end = first_near(chunk, key + host_bits + 1, begin);
    if (prefix->len > KEY_ADDR_BITS) {
        begin = first_host(chunk, prefix, -1, begin, end);
        end = end_near(chunk, prefix, begin, end);
    }
    *ret_begin = begin;
    *ret_end = end;
}

/* --- of items --- */

/* Priorities are positive, and the bits of a positive float are in the order of its value. */
static uint64_t falling(float priority)
{
    uint32_t bits;
    memcpy(&bits, &priority, sizeof(bits));
    return UINT32_MAX - bits;
}

void chunk_make(struct recall_chunk *chunk, const struct recall_item *items, uint32_t count,
                struct chunk_sort *sort)
{
    for (uint32_t i = 0; i < count; i++)
        sort->ranks[i] = (struct chunk_rank){falling(items[i].priority), i};
    by_key(sort, count);
    chunk->count = count;
    for (uint32_t i = 0; i < count; i++)
        chunk->items[i] = items[sort->ranks[i].item];
    make_index(chunk, sort);
}

/* --- of chunks --- */

struct union_host {
    const struct recall_item *item; /* its highest; NULL: no host */
    uint32_t count;
    float threshold;
};

struct chunk_union {
    uint32_t cap, mask;
    uint64_t seed;
    struct union_host *hosts;
    uint32_t *host_of; /* of each item taken */
};

static uint32_t hosts_for(uint32_t room)
{
    uint32_t hosts = 16;
    while (hosts < 2 * room)
        hosts *= 2;
    return hosts;
}

size_t chunk_union_bytes(uint32_t room)
{
    return hosts_for(room) * sizeof(struct union_host) + room * sizeof(uint32_t);
}

struct chunk_union *chunk_union_new(uint32_t room, uint32_t cap, uint64_t seed)
{
    struct chunk_union *u = calloc(1, sizeof(*u));
    if (u == NULL)
        return NULL;
    *u = (struct chunk_union){.cap = cap, .mask = hosts_for(room) - 1, .seed = seed};
    u->hosts = calloc(u->mask + 1, sizeof(*u->hosts));
    u->host_of = calloc(room, sizeof(*u->host_of));
    if (u->hosts == NULL || u->host_of == NULL) {
        chunk_union_free(u);
        return NULL;
    }
    return u;
}

void chunk_union_free(struct chunk_union *u)
{
    if (u == NULL)
        return;
    free(u->hosts);
    free(u->host_of);
    free(u);
}

static bool same_host(const struct recall_item *a, const struct recall_item *b)
{
    return a->side == b->side && a->ip_version == b->ip_version &&
           memcmp(a->host, b->host, sizeof(a->host)) == 0;
}

static uint32_t host_at(const struct chunk_union *u, const struct recall_item *item)
{
    uint32_t at = item_host_hash(item->host, item->side, u->seed) & u->mask;
    while (u->hosts[at].item != NULL && !same_host(u->hosts[at].item, item))
        at = (at + 1) & u->mask;
    return at;
}

enum { UNION_MAX = 64 };

/* The chunk whose next item has the highest priority of all that are left; from_count: none. */
static size_t highest(struct recall_chunk *const *from, size_t from_count, const uint32_t *next)
{
    size_t best = from_count;
    for (size_t i = 0; i < from_count; i++)
        if (next[i] < from[i]->count &&
            (best == from_count ||
             from[i]->items[next[i]].priority > from[best]->items[next[best]].priority))
            best = i;
    return best;
}

void chunk_unite(struct recall_chunk *chunk, struct recall_chunk *const *from, size_t from_count,
                 struct chunk_union *u, struct chunk_sort *sort)
{
    uint32_t next[UNION_MAX] = {0};
    float threshold = 0;
    size_t best;
    memset(u->hosts, 0, sizeof(*u->hosts) * (u->mask + 1));
    from_count = from_count < UNION_MAX ? from_count : UNION_MAX;
    chunk->count = 0;
    while ((best = highest(from, from_count, next)) < from_count) {
        const struct recall_item *item = &from[best]->items[next[best]++];
        uint32_t at = host_at(u, item);
        struct union_host *host = &u->hosts[at];
        if (host->count >= u->cap) {
            host->threshold = fmaxf(host->threshold, item->priority);
            continue;
        }
        if (chunk->count == chunk->room) {
            threshold = item->priority; /* the highest that the second step refuses */
            break;
        }
        if (host->item == NULL)
            host->item = item;
        host->count++;
        u->host_of[chunk->count] = at;
        chunk->items[chunk->count++] = *item;
    }
    chunk->threshold = threshold;
    for (size_t i = 0; i < from_count; i++)
        chunk->threshold = fmaxf(chunk->threshold, from[i]->threshold);
    for (uint32_t i = 0; i < chunk->count; i++) {
        struct recall_item *item = &chunk->items[i];
        item->threshold = fmaxf(item->threshold, threshold);
        item->threshold = fmaxf(item->threshold, u->hosts[u->host_of[i]].threshold);
    }
    make_index(chunk, sort);
}
