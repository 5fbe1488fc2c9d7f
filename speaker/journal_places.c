#include "speaker/journal_places.h"

#include "common/base/hash.h"
#include "common/base/table.h"
#include "speaker/journal.h"

#include <stdlib.h>

/* "m:" and an id. */
enum { SHORT_KEY_MAX = 44 };

struct places {
    struct table *of_short, *of_long;
};

static struct table *new_table(size_t key_max, size_t max)
{
    struct table_options options = {.entry_size = sizeof(struct place),
                                    .key_max = key_max,
                                    .max = max,
                                    .seed = hash_random_seed()};
    return table_new(&options);
}

static struct table *table_of(const struct places *places, size_t key_len)
{
    return key_len <= SHORT_KEY_MAX ? places->of_short : places->of_long;
}

struct places *places_new(size_t max)
{
    struct places *places = calloc(1, sizeof(*places));
    if (places == NULL)
        return NULL;
    places->of_short = new_table(SHORT_KEY_MAX, max);
    places->of_long = new_table(JOURNAL_KEY_MAX, max);
    if (places->of_short != NULL && places->of_long != NULL)
        return places;
    places_free(places);
    return NULL;
}

void places_free(struct places *places)
{
    if (places == NULL)
        return;
    table_free(places->of_short);
    table_free(places->of_long);
    free(places);
}

struct place *places_find(const struct places *places, const char *key, size_t key_len)
{
    return table_find(table_of(places, key_len), key, key_len);
}

struct place *places_insert(struct places *places, const char *key, size_t key_len)
{
    bool is_new;
    return table_insert(table_of(places, key_len), key, key_len, &is_new);
}

void places_remove(struct places *places, const char *key, size_t key_len)
{
    (void)table_remove(table_of(places, key_len), key, key_len);
}

size_t places_count(const struct places *places)
{
    return table_count(places->of_short) + table_count(places->of_long);
}

const struct place *places_next(const struct places *places, struct places_cursor *cursor)
{
    const struct place *place =
        table_next(cursor->in_long ? places->of_long : places->of_short, &cursor->at);
    if (place != NULL || cursor->in_long)
        return place;
    *cursor = (struct places_cursor){.in_long = true};
    return places_next(places, cursor);
}
