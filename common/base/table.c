#include "common/base/table.h"

#include "common/base/hash.h"
#include "common/base/pages.h"
#include "common/base/table_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * An entry, in a chunk that never moves:
 *
 *     | key, aligned to its end | header | caller's data … |
 *                                        ^ what callers hold
 */

/* Where a slot of the index before was: probes go on over it. No entry has this number. */
static const uint32_t gone = UINT32_MAX;

struct table {
    struct index index;
    /* While a large index grows: the one before, from which each insert moves a few slots on. An
     * entry is in one of them. No slots: it does not grow. */
    struct index before;
    uint32_t moved;                   /* slots of it that are gone */
    uint32_t count, used, first_free; /* used: entries ever handed out */
    uint32_t chunk_shift;
    size_t key_room, stride;
    uint8_t **chunks;
    size_t chunk_count;
    size_t block_chunks; /* as many fit a large page: past the first so many, they come together */
    struct table_options options;
};

static const size_t slots_first = 16;
/* From so many slots on an index grows little by little: to move them all takes a millisecond. */
static const size_t slots_gradual = 1 << 15;
enum { MOVED_AN_INSERT = 16 };
static const size_t chunk_bytes = 32 << 10; /* small enough for a table of a few entries */
static const size_t entries_max = (size_t)1 << 31;
static const size_t cache_line = 64;

static size_t round_up(size_t n, size_t to) /* to: a power of two */
{
    return (n + to - 1) & ~(to - 1);
}

static size_t round_up_8(size_t n)
{
    return round_up(n, 8);
}

static void index_done(struct index *index)
{
    pages_free(index->slots, ((size_t)index->mask + 1) * sizeof(struct slot));
    *index = (struct index){0};
}

/* Three quarters full is the most: about eight slots looked at for a key that is not there. */
static size_t slots_for(size_t entries)
{
    size_t slots = slots_first;

    while (slots / 4 * 3 < entries)
        slots *= 2;
    return slots;
}

struct table *table_new(const struct table_options *options)
{
    size_t key_max = options->key_max == 0 ? TABLE_KEY_MAX : options->key_max;

    assert(options->max < entries_max && key_max <= TABLE_KEY_MAX);

    struct table *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->options = *options;
    t->options.key_max = key_max;
    t->key_room = round_up_8(key_max);
    t->stride = t->key_room + sizeof(struct table_header) + round_up_8(options->entry_size);
    while ((t->stride << (t->chunk_shift + 1)) <= chunk_bytes &&
           ((size_t)1 << t->chunk_shift) < options->max)
        t->chunk_shift++;
    t->chunk_count = (options->max >> t->chunk_shift) + 1;
    assert(t->stride <= PAGES_LARGE);
    t->block_chunks = PAGES_LARGE / (t->stride << t->chunk_shift);
    t->chunks = calloc(t->chunk_count, sizeof(t->chunks[0]));
    t->index.slots = pages_new(slots_first * sizeof(struct slot));
    t->index.mask = (uint32_t)slots_first - 1;
    if (t->chunks == NULL || t->index.slots == NULL) {
        table_free(t);
        return NULL;
    }
    return t;
}

void table_free(struct table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; table->chunks != NULL && i < table->chunk_count; i++)
        if (i < table->block_chunks || i % table->block_chunks == 0)
            free(table->chunks[i]);
    free(table->chunks);
    index_done(&table->index);
    index_done(&table->before);
    free(table);
}

static void forget_before(struct table *t)
{
    index_done(&t->before);
    t->moved = 0;
}

void table_clear(struct table *table)
{
    forget_before(table);
    memset(table->index.slots, 0, ((size_t)table->index.mask + 1) * sizeof(struct slot));
    table->count = table->used = table->first_free = 0;
}

size_t table_count(const struct table *table)
{
    return table->count;
}

/* Numbers count from 1. */
static uint8_t *entry_at(const struct table *t, uint32_t number)
{
    uint32_t i = number - 1;
    size_t in_chunk = i & (((uint32_t)1 << t->chunk_shift) - 1);

    return t->chunks[i >> t->chunk_shift] + in_chunk * t->stride + t->key_room +
           sizeof(struct table_header);
}

static struct table_header *header_of(uint8_t *entry)
{
    return (struct table_header *)(void *)(entry - sizeof(struct table_header));
}

static uint8_t *key_of(uint8_t *entry, size_t key_len)
{
    return entry - sizeof(struct table_header) - key_len;
}

static uint64_t eight_at(const uint8_t *octets)
{
    uint64_t eight;
    memcpy(&eight, octets, sizeof(eight));
    return eight;
}

/* Keys are short, and a call costs more than they do. */
static inline bool same_octets(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint64_t differ = 0;
    if (len < 8)
        return memcmp(a, b, len) == 0;
    for (size_t i = 0; i + 8 < len; i += 8)
        differ |= eight_at(a + i) ^ eight_at(b + i);
    return (differ | (eight_at(a + len - 8) ^ eight_at(b + len - 8))) == 0;
}

static inline bool entry_has_key(uint8_t *entry, const void *key, size_t key_len)
{
    return header_of(entry)->key_len == key_len &&
           same_octets(key_of(entry, key_len), key, key_len);
}

uint64_t table_hash(const struct table *table, const void *key, size_t key_len)
{
    return hash_seeded(key, key_len, table->options.seed);
}

void table_prefetch(const struct table *table, uint64_t hash)
{
    __builtin_prefetch(&table->index.slots[(uint32_t)hash & table->index.mask]);
}

void table_prefetch_removal(const struct table *table, const void *entry)
{
    table_prefetch(table, ((const struct table_header *)entry - 1)->tag_or_next);
}

/* Header and key, what follows, and the data's end: three lines where an entry of two lies askew.
 * One of a line lies in it. */
static void prefetch_found(const struct table *table, const uint8_t *entry)
{
    const uint8_t *start = entry - sizeof(struct table_header) - table->key_room;
    __builtin_prefetch(start);
    if (table->stride <= cache_line)
        return;
    __builtin_prefetch(start + cache_line);
    __builtin_prefetch(entry + table->options.entry_size - 1);
}

static inline void *prefetch_in(const struct table *table, const struct index *index, uint32_t tag)
{
    const struct slot *slots = index->slots;
    const uint32_t home = tag & index->mask;
    const uint32_t number =
        __builtin_expect(home + 3 <= index->mask, true) ? number_in_four(slots + home, tag) : 0;

    if (__builtin_expect(number - 1 < table->used, true)) {
        uint8_t *entry = entry_at(table, number);
        prefetch_found(table, entry);
        return entry;
    }
    for (uint32_t i = tag & index->mask; slots[i].number != 0; i = (i + 1) & index->mask) {
        if (slots[i].tag != tag || slots[i].number == gone)
            continue;
        uint8_t *entry = entry_at(table, slots[i].number);
        prefetch_found(table, entry);
        return entry;
    }
    return NULL;
}

void *table_prefetch_entry(const struct table *table, uint64_t hash)
{
    void *entry;
    table_prefetch_entries(table, &hash, 1, &entry);
    return entry;
}

void table_prefetch_entries(const struct table *table, const uint64_t *hashes, size_t count,
                            void **ret_guesses)
{
    const bool grows = table->before.slots != NULL;

    for (size_t i = 0; i < count; i++) {
        ret_guesses[i] = prefetch_in(table, &table->index, (uint32_t)hashes[i]);
        if (ret_guesses[i] == NULL && grows)
            ret_guesses[i] = prefetch_in(table, &table->before, (uint32_t)hashes[i]);
    }
}

static inline void *find_in(const struct table *table, const struct index *index, uint32_t tag,
                            const void *key, size_t key_len)
{
    const struct slot *slots = index->slots;

    for (uint32_t i = tag & index->mask; slots[i].number != 0; i = (i + 1) & index->mask) {
        if (slots[i].tag != tag || slots[i].number == gone)
            continue;
        uint8_t *entry = entry_at(table, slots[i].number);
        if (entry_has_key(entry, key, key_len))
            return entry;
    }
    return NULL;
}

void *table_find_hashed(const struct table *table, uint64_t hash, const void *key, size_t key_len)
{
    void *entry = find_in(table, &table->index, (uint32_t)hash, key, key_len);
    if (entry == NULL && table->before.slots != NULL)
        entry = find_in(table, &table->before, (uint32_t)hash, key, key_len);
    return entry;
}

void *table_find_guessed(const struct table *table, void *guess, uint64_t hash, const void *key,
                         size_t key_len)
{
    if (guess != NULL && header_of(guess)->live && entry_has_key(guess, key, key_len))
        return guess;
    return table_find_hashed(table, hash, key, key_len);
}

void *table_find(const struct table *table, const void *key, size_t key_len)
{
    return table_find_hashed(table, table_hash(table, key, key_len), key, key_len);
}

/* Moves slots on from the index before, if there is one. */
static void move_some(struct table *t, size_t count)
{
    for (; t->before.slots != NULL && count > 0; count--) {
        struct slot *slot = &t->before.slots[t->moved];
        if (slot->number != 0 && slot->number != gone) {
            index_put(&t->index, *slot);
            slot->number = gone;
        }
        if (t->moved++ == t->before.mask)
            forget_before(t);
    }
}

static enum status index_grow(struct table *t, size_t slot_count)
{
    move_some(t, SIZE_MAX); /* of an earlier growth; inserts have long done it */
    struct slot *slots = pages_new(slot_count * sizeof(slots[0]));

    if (slots == NULL)
        return STATUS_NO_MEMORY;
    t->before = t->index;
    t->moved = 0;
    t->index = (struct index){slots, (uint32_t)(slot_count - 1)};
    if (slot_count < slots_gradual)
        move_some(t, SIZE_MAX);
    return STATUS_OK;
}

enum status table_reserve(struct table *table, size_t entries)
{
    if (((size_t)table->index.mask + 1) / 4 * 3 >= entries)
        return STATUS_OK;
    size_t slots = slots_for(entries < table->options.max ? entries : table->options.max);

    return slots <= (size_t)table->index.mask + 1 ? STATUS_OK : index_grow(table, slots);
}

static bool chunk_take(struct table *t, size_t chunk)
{
    const size_t bytes = t->stride << t->chunk_shift;
    if (chunk < t->block_chunks) {
        t->chunks[chunk] = aligned_alloc(cache_line, round_up(bytes, cache_line));
        return t->chunks[chunk] != NULL;
    }
    uint8_t *block = pages_block();
    if (block == NULL)
        return false;
    for (size_t i = 0; i < t->block_chunks && chunk + i < t->chunk_count; i++)
        t->chunks[chunk + i] = block + i * bytes;
    return true;
}

/* The number of an entry to fill, or 0. */
static uint32_t entry_take(struct table *t)
{
    uint32_t number = t->first_free;

    if (number != 0) {
        t->first_free = header_of(entry_at(t, number))->tag_or_next;
        if (t->first_free != 0) /* the next to be taken, most likely soon */
            prefetch_found(t, entry_at(t, t->first_free));
        return number;
    }
    size_t chunk = t->used >> t->chunk_shift;
    if (t->chunks[chunk] == NULL && !chunk_take(t, chunk))
        return 0;
    return ++t->used;
}

void *table_insert_hashed(struct table *table, uint64_t hash, const void *key, size_t key_len,
                          bool *ret_new)
{
    assert(key_len <= table->options.key_max);

    void *there = table_find_hashed(table, hash, key, key_len);
    if (there != NULL) {
        *ret_new = false;
        return there;
    }
    if (table->count >= table->options.max ||
        table_reserve(table, (size_t)table->count + 1) != STATUS_OK)
        return NULL;
    uint32_t number = entry_take(table);
    if (number == 0)
        return NULL;

    uint8_t *entry = entry_at(table, number);
    *header_of(entry) = (struct table_header){
        .tag_or_next = (uint32_t)hash, .key_len = (uint8_t)key_len, .live = true};
    memcpy(key_of(entry, key_len), key, key_len);
    memset(entry, 0, table->options.entry_size);
    index_put(&table->index, (struct slot){.tag = (uint32_t)hash, .number = number});
    move_some(table, MOVED_AN_INSERT);
    table->count++;
    *ret_new = true;
    return entry;
}

void *table_insert(struct table *table, const void *key, size_t key_len, bool *ret_new)
{
    return table_insert_hashed(table, table_hash(table, key, key_len), key, key_len, ret_new);
}

/* The entry's slot; false: it is in the other index. */
static bool slot_of(const struct table *t, const struct index *index, uint32_t tag,
                    const uint8_t *entry, uint32_t *ret_slot)
{
    const struct slot *slots = index->slots;

    for (uint32_t i = tag & index->mask; slots[i].number != 0; i = (i + 1) & index->mask)
        if (slots[i].tag == tag && slots[i].number != gone &&
            entry_at(t, slots[i].number) == entry) {
            *ret_slot = i;
            return true;
        }
    return false;
}

uint32_t table_number(const struct table *table, uint64_t hash, const void *entry)
{
    uint32_t i;
    if (slot_of(table, &table->index, (uint32_t)hash, entry, &i))
        return table->index.slots[i].number;
    bool is_before =
        table->before.slots != NULL && slot_of(table, &table->before, (uint32_t)hash, entry, &i);
    assert(is_before);
    return table->before.slots[i].number;
}

void *table_entry(const struct table *table, uint32_t number)
{
    return entry_at(table, number);
}

void table_remove_entry(struct table *table, void *entry)
{
    struct table_header *header = header_of(entry);
    uint32_t i, number;

    assert(header->live);
    if (slot_of(table, &table->index, header->tag_or_next, entry, &i)) {
        number = table->index.slots[i].number;
        index_remove(&table->index, i);
    } else {
        bool is_before = table->before.slots != NULL &&
                         slot_of(table, &table->before, header->tag_or_next, entry, &i);
        assert(is_before);
        number = table->before.slots[i].number;
        table->before.slots[i].number = gone; /* nothing moves there: `moved` may be anywhere */
    }
    *header = (struct table_header){.tag_or_next = table->first_free};
    table->first_free = number;
    table->count--;
}

bool table_remove(struct table *table, const void *key, size_t key_len)
{
    void *entry = table_find(table, key, key_len);

    if (entry == NULL)
        return false;
    table_remove_entry(table, entry);
    return true;
}

const void *table_key(const void *entry, size_t *ret_len)
{
    const uint8_t *data = entry;
    const struct table_header *header =
        (const struct table_header *)(const void *)(data - sizeof(*header));

    *ret_len = header->key_len;
    return data - sizeof(*header) - header->key_len;
}

void *table_next(const struct table *table, size_t *cursor)
{
    while (*cursor < table->used) {
        uint8_t *entry = entry_at(table, (uint32_t)++ * cursor);
        if (header_of(entry)->live)
            return entry;
    }
    return NULL;
}
