#include "common/base/table.h"

#include "common/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * The index is an array of slots with linear probing; a slot's home is its tag modulo the size.
 * As the tag is in the slot, growing and removing never look at an entry. Removal shifts later
 * slots back, so there are no tombstones and probes stay short.
 *
 * An entry, in a chunk that never moves:
 *
 *     | key, aligned to its end | header | caller's data … |
 *                                        ^ what callers hold
 */
struct slot {
    uint32_t tag;    /* low half of the hash */
    uint32_t number; /* of the entry, from 1; 0: the slot is empty */
};

struct header {
    uint32_t tag_or_next; /* a free entry: the number of the next free one, 0 at the end */
    uint8_t key_len;
    uint8_t live;
    uint8_t unused[2];
};

struct table {
    struct slot *slots;
    uint32_t mask;                    /* slots - 1 */
    uint32_t count, used, first_free; /* used: entries ever handed out */
    uint32_t chunk_shift;
    size_t key_room, stride;
    uint8_t **chunks;
    size_t chunk_count;
    struct table_options options;
};

static const size_t slots_first = 16;
static const size_t chunk_bytes = 32 << 10; /* small enough for a table of a few entries */
static const size_t entries_max = (size_t)1 << 31;

static size_t round_up_8(size_t n)
{
    return (n + 7) & ~(size_t)7;
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
    t->stride = t->key_room + sizeof(struct header) + round_up_8(options->entry_size);
    while ((t->stride << (t->chunk_shift + 1)) <= chunk_bytes &&
           ((size_t)1 << t->chunk_shift) < options->max)
        t->chunk_shift++;
    t->chunk_count = (options->max >> t->chunk_shift) + 1;
    t->chunks = calloc(t->chunk_count, sizeof(t->chunks[0]));
    t->slots = calloc(slots_first, sizeof(t->slots[0]));
    t->mask = (uint32_t)slots_first - 1;
    if (t->chunks == NULL || t->slots == NULL) {
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
        free(table->chunks[i]);
    free(table->chunks);
    free(table->slots);
    free(table);
}

void table_clear(struct table *table)
{
    memset(table->slots, 0, ((size_t)table->mask + 1) * sizeof(table->slots[0]));
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
           sizeof(struct header);
}

static struct header *header_of(uint8_t *entry)
{
    return (struct header *)(void *)(entry - sizeof(struct header));
}

static uint8_t *key_of(uint8_t *entry, size_t key_len)
{
    return entry - sizeof(struct header) - key_len;
}

static bool entry_has_key(uint8_t *entry, const void *key, size_t key_len)
{
    return header_of(entry)->key_len == key_len &&
           memcmp(key_of(entry, key_len), key, key_len) == 0;
}

uint64_t table_hash(const struct table *table, const void *key, size_t key_len)
{
    return hash_seeded(key, key_len, table->options.seed);
}

void table_prefetch(const struct table *table, uint64_t hash)
{
    __builtin_prefetch(&table->slots[(uint32_t)hash & table->mask]);
}

void *table_prefetch_entry(const struct table *table, uint64_t hash)
{
    uint32_t tag = (uint32_t)hash;

    for (uint32_t i = tag & table->mask; table->slots[i].number != 0; i = (i + 1) & table->mask) {
        if (table->slots[i].tag != tag)
            continue;
        uint8_t *entry = entry_at(table, table->slots[i].number);
        /* The key, the data and their end: three lines where an entry of two lies askew. */
        __builtin_prefetch(entry - table->key_room);
        __builtin_prefetch(entry + 40);
        __builtin_prefetch(entry + table->options.entry_size - 1);
        return entry;
    }
    return NULL;
}

void *table_find_hashed(const struct table *table, uint64_t hash, const void *key, size_t key_len)
{
    uint32_t tag = (uint32_t)hash;

    for (uint32_t i = tag & table->mask; table->slots[i].number != 0; i = (i + 1) & table->mask) {
        if (table->slots[i].tag != tag)
            continue;
        uint8_t *entry = entry_at(table, table->slots[i].number);
        if (entry_has_key(entry, key, key_len))
            return entry;
    }
    return NULL;
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

static void index_put(struct slot *slots, uint32_t mask, struct slot slot)
{
    uint32_t i = slot.tag & mask;

    while (slots[i].number != 0)
        i = (i + 1) & mask;
    slots[i] = slot;
}

static enum status index_resize(struct table *t, size_t slot_count)
{
    struct slot *slots = calloc(slot_count, sizeof(slots[0]));

    if (slots == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i <= t->mask; i++)
        if (t->slots[i].number != 0)
            index_put(slots, (uint32_t)(slot_count - 1), t->slots[i]);
    free(t->slots);
    t->slots = slots;
    t->mask = (uint32_t)(slot_count - 1);
    return STATUS_OK;
}

enum status table_reserve(struct table *table, size_t entries)
{
    size_t slots = slots_for(entries < table->options.max ? entries : table->options.max);

    return slots <= (size_t)table->mask + 1 ? STATUS_OK : index_resize(table, slots);
}

/* The number of an entry to fill, or 0. */
static uint32_t entry_take(struct table *t)
{
    uint32_t number = t->first_free;

    if (number != 0) {
        t->first_free = header_of(entry_at(t, number))->tag_or_next;
        return number;
    }
    size_t chunk = t->used >> t->chunk_shift;
    if (t->chunks[chunk] == NULL) {
        t->chunks[chunk] = malloc(t->stride << t->chunk_shift);
        if (t->chunks[chunk] == NULL)
            return 0;
    }
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
    *header_of(entry) =
        (struct header){.tag_or_next = (uint32_t)hash, .key_len = (uint8_t)key_len, .live = true};
    memcpy(key_of(entry, key_len), key, key_len);
    memset(entry, 0, table->options.entry_size);
    index_put(table->slots, table->mask, (struct slot){.tag = (uint32_t)hash, .number = number});
    table->count++;
    *ret_new = true;
    return entry;
}

void *table_insert(struct table *table, const void *key, size_t key_len, bool *ret_new)
{
    return table_insert_hashed(table, table_hash(table, key, key_len), key, key_len, ret_new);
}

/* Empties slot i and moves back what stands behind it and may come nearer to its home. */
static void index_remove(struct table *t, uint32_t i)
{
    uint32_t hole = i;

    for (;;) {
        i = (i + 1) & t->mask;
        if (t->slots[i].number == 0)
            break;
        uint32_t home = t->slots[i].tag & t->mask;
        if (((i - home) & t->mask) >= ((i - hole) & t->mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (struct slot){0};
}

void table_remove_entry(struct table *table, void *entry)
{
    struct header *header = header_of(entry);
    uint32_t i = header->tag_or_next & table->mask;

    assert(header->live);
    while (table->slots[i].tag != header->tag_or_next ||
           entry_at(table, table->slots[i].number) != entry) {
        i = (i + 1) & table->mask;
        assert(table->slots[i].number != 0);
    }
    uint32_t number = table->slots[i].number;
    index_remove(table, i);
    *header = (struct header){.tag_or_next = table->first_free};
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
    const struct header *header = (const struct header *)(const void *)(data - sizeof(*header));

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
