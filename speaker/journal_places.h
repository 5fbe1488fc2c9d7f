#ifndef SPEAKER_JOURNAL_PLACES_H
#define SPEAKER_JOURNAL_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Where in the journal's file the value of each key is. Nearly all keys are short, those of
 * mitigations, and there are a hundred thousand of them; a table has room for its longest key in
 * each entry, so the few long ones, of holds, have a table of their own.
 */
struct place {
    uint64_t at;  /* of the value in the file */
    uint32_t len; /* of the value */
};

struct places;
struct places *places_new(size_t max); /* of either sort; NULL: out of memory */
void places_free(struct places *places);

struct place *places_find(const struct places *places, const char *key, size_t key_len);
struct place *places_insert(struct places *places, const char *key, size_t key_len);
void places_remove(struct places *places, const char *key, size_t key_len);
size_t places_count(const struct places *places);

/* Walk: begins with zeros, NULL at the end; the key is that of table_key(). */
struct places_cursor {
    size_t at;
    bool in_long;
};
const struct place *places_next(const struct places *places, struct places_cursor *cursor);

#endif
