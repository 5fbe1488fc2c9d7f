#ifndef COMMON_BASE_TABLE_H
#define COMMON_BASE_TABLE_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Hash table of fixed-size entries under keys of up to 128 octets, seeded, with a maximum. The
 * index (open addressing) lies apart from the entries, which never move while they live, so
 * pointers to an entry stay good until it is removed. Memory is taken as the table fills, never
 * past max.
 */
struct table;

enum { TABLE_KEY_MAX = 128 };
/* Before each entry lie so many octets of the table's own, and before them the key, with key_max as
 * its room. Where that and entry_size are 64 together, an entry is one line of the cache. */
enum { TABLE_HEADER = 8 };
struct table_header {
    uint32_t tag_or_next; /* a free entry: the number of the next free one, 0 at the end */
    uint8_t key_len;
    bool live;
    uint8_t unused[2];
};
_Static_assert(sizeof(struct table_header) == TABLE_HEADER, "it keeps entries aligned");

struct table_options {
    size_t entry_size; /* octets of the caller's data in each entry; it is aligned to 8 */
    size_t key_max;    /* longest key that will come, up to TABLE_KEY_MAX: entries are sized by it;
                          0: TABLE_KEY_MAX */
    size_t max;        /* entries, below 2^31 */
    uint64_t seed;
};

struct table *table_new(const struct table_options *options); /* NULL: out of memory */
void table_free(struct table *table);
void table_clear(struct table *table); /* keeps the memory */
/* Makes the index large enough for that many entries, so that it need not grow until then. Without
 * it the index doubles now and then; a large one does so little by little, some slots with each
 * insert, so that none takes long. */
enum status table_reserve(struct table *table, size_t entries);
size_t table_count(const struct table *table);

uint64_t table_hash(const struct table *table, const void *key, size_t key_len);
/* Brings the index line of this hash into the cache; call some keys ahead of find or insert. */
void table_prefetch(const struct table *table, uint64_t hash);
/* Brings the entry's lines; call after the index line has come, some keys ahead again. Gives the
 * entry that this hash most likely is for: a guess, for table_find_guessed(). */
void *table_prefetch_entry(const struct table *table, uint64_t hash);
/* The same of many at once. */
void table_prefetch_entries(const struct table *table, const uint64_t *hashes, size_t count,
                            void **ret_guesses);

/* Of an entry that has come: the index line that its removal takes it from. */
void table_prefetch_removal(const struct table *table, const void *entry);

void *table_find(const struct table *table, const void *key, size_t key_len); /* NULL: not there */
void *table_find_hashed(const struct table *table, uint64_t hash, const void *key, size_t key_len);
/* The same, but looks at the guess first (NULL: none), which may have been removed since. */
void *table_find_guessed(const struct table *table, void *guess, uint64_t hash, const void *key,
                         size_t key_len);
/* The entry, new and zeroed when *ret_new; NULL when the table is at its maximum or out of memory.
 */
void *table_insert(struct table *table, const void *key, size_t key_len, bool *ret_new);
void *table_insert_hashed(struct table *table, uint64_t hash, const void *key, size_t key_len,
                          bool *ret_new);
/* An entry in four octets instead of a pointer's eight, good as long as that; below 2^31. */
uint32_t table_number(const struct table *table, uint64_t hash, const void *entry);
void *table_entry(const struct table *table, uint32_t number);
bool table_remove(struct table *table, const void *key, size_t key_len);
void table_remove_entry(struct table *table, void *entry);
const void *table_key(const void *entry, size_t *ret_len);
/* Whether an entry, which may have been removed since, is there under this key of 16 octets. */
static inline bool table_entry_has_16(const void *entry, const void *key)
{
    const struct table_header *header = (const struct table_header *)entry - 1;
    uint64_t a[2], b[2];
    memcpy(a, (const uint8_t *)header - sizeof(a), sizeof(a));
    memcpy(b, key, sizeof(b));
    return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0 && header->live && header->key_len == sizeof(a);
}

/* Walk in no particular order: start with *cursor = 0; NULL at the end. Removing the entry just
 * given is allowed. A walk may pause while entries are inserted and removed: whichever stay are
 * given once, and of the others some may be. */
void *table_next(const struct table *table, size_t *cursor);

#endif
