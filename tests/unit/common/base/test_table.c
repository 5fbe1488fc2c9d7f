#include "common/base/table.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct table *table_of_u32(size_t max)
{
    struct table_options options = {
        .entry_size = sizeof(uint32_t), .key_max = sizeof(uint32_t), .max = max, .seed = 42};
    struct table *t = table_new(&options);

    cr_assert_not_null(t);
    return t;
}

static uint32_t *insert(struct table *t, uint32_t key, bool *ret_new)
{
    return table_insert(t, &key, sizeof(key), ret_new);
}

static uint32_t *find(struct table *t, uint32_t key)
{
    return table_find(t, &key, sizeof(key));
}

Test(table, an_entry_is_new_and_zeroed_once)
{
    struct table *t = table_of_u32(10);
    bool new = false;
    uint32_t *entry = insert(t, 7, &new);

    cr_assert(new &&*entry == 0);
    *entry = 70;
    cr_assert_eq(insert(t, 7, &new), entry);
    cr_assert_not(new);
    cr_assert_eq(*find(t, 7), 70);
    cr_assert_null(find(t, 8));
    cr_assert(table_remove(t, &(uint32_t){7}, 4));
    cr_assert_not(table_remove(t, &(uint32_t){7}, 4));
    entry = insert(t, 7, &new);
    cr_assert(new &&*entry == 0, "what was there before does not shine through");
    table_free(t);
    table_free(NULL);
}

Test(table, keys_of_all_lengths_differ_and_are_given_back)
{
    struct table_options options = {.entry_size = 8, .max = 1000, .seed = 1};
    struct table *t = table_new(&options);
    uint8_t key[TABLE_KEY_MAX] = {0};
    size_t *entries[TABLE_KEY_MAX + 1];
    bool new;

    for (size_t len = 0; len <= TABLE_KEY_MAX; len++) {
        entries[len] = table_insert(t, key, len, &new);
        cr_assert(new);
        *entries[len] = len;
    }
    for (size_t len = 0; len <= TABLE_KEY_MAX; len++) {
        size_t got_len = 999;
        cr_assert_eq(table_find(t, key, len), entries[len]);
        cr_assert_eq(memcmp(table_key(entries[len], &got_len), key, len), 0);
        cr_assert_eq(got_len, len);
        cr_assert_eq((uintptr_t)entries[len] % 8, 0);
    }
    table_free(t);
}

Test(table, at_its_maximum_it_takes_no_more_until_one_goes)
{
    struct table *t = table_of_u32(100);
    bool new;

    for (uint32_t i = 0; i < 100; i++)
        cr_assert_not_null(insert(t, i, &new));
    cr_assert_null(insert(t, 100, &new));
    cr_assert_not_null(insert(t, 50, &new));
    cr_assert_not(new);
    cr_assert(table_remove(t, &(uint32_t){50}, 4));
    cr_assert_not_null(insert(t, 100, &new));
    cr_assert_null(insert(t, 101, &new));
    cr_assert_eq(table_count(t), 100);
    table_free(t);
}

Test(table, a_maximum_of_none_takes_nothing)
{
    struct table *t = table_of_u32(0);
    bool new;
    size_t cursor = 0;

    cr_assert_null(insert(t, 1, &new));
    cr_assert_null(table_next(t, &cursor));
    table_free(t);
}

Test(table, entries_never_move_while_the_index_grows)
{
    enum { KEYS = 20000 };
    struct table *t = table_of_u32(KEYS);
    static uint32_t *entries[KEYS];
    bool new;

    for (uint32_t i = 0; i < KEYS; i++) {
        entries[i] = insert(t, i, &new);
        *entries[i] = i;
    }
    for (uint32_t i = 0; i < KEYS; i++)
        cr_assert(find(t, i) == entries[i] && *entries[i] == i);
    table_free(t);
}

Test(table, reserve_keeps_what_is_there_and_stops_at_the_maximum)
{
    struct table *t = table_of_u32(1000);
    bool new;

    *insert(t, 5, &new) = 55;
    cr_assert_eq(table_reserve(t, 500), STATUS_OK);
    cr_assert_eq(table_reserve(t, SIZE_MAX), STATUS_OK);
    cr_assert_eq(*find(t, 5), 55);
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_not_null(insert(t, i, &new));
    cr_assert_eq(table_count(t), 1000);
    table_free(t);
}

Test(table, cleared_it_is_as_new)
{
    struct table *t = table_of_u32(1000);
    size_t cursor = 0;
    bool new;

    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            uint32_t *entry = insert(t, i, &new);
            cr_assert(new &&*entry == 0);
            *entry = 9;
        }
        for (uint32_t i = 0; i < 1000; i += 3)
            table_remove(t, &i, sizeof(i));
        table_clear(t);
        cr_assert_eq(table_count(t), 0);
        cr_assert_null(find(t, 1));
        cr_assert_null(table_next(t, &cursor));
    }
    table_free(t);
}

Test(table, a_walk_meets_each_entry_once_and_may_remove_it)
{
    enum { KEYS = 3000 };
    struct table *t = table_of_u32(KEYS);
    static int met[KEYS];
    bool new;

    for (uint32_t i = 0; i < KEYS; i++)
        *insert(t, i, &new) = i;
    size_t cursor = 0;
    for (uint32_t *entry; (entry = table_next(t, &cursor)) != NULL;) {
        met[*entry]++;
        if (*entry % 3 != 0)
            table_remove_entry(t, entry);
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        cr_assert_eq(met[i], 1);
        cr_assert_eq(find(t, i) != NULL, i % 3 == 0);
    }
    cr_assert_eq(table_count(t), KEYS / 3);
    table_free(t);
}

/* Hashes of the caller's choice: long probe chains that wrap around the end of the index. */
Test(table, crowded_homes_survive_removal_in_any_order)
{
    enum { KEYS = 12 };

    srand(8);
    for (int round = 0; round < 2000; round++) {
        struct table *t = table_of_u32(KEYS);
        uint64_t hashes[KEYS];
        bool here[KEYS], new;

        for (uint32_t k = 0; k < KEYS; k++) {
            hashes[k] = (uint64_t)(13 + rand() % 4) | (uint64_t)(rand() % 2) << 20;
            cr_assert_not_null(table_insert_hashed(t, hashes[k], &k, sizeof(k), &new));
            here[k] = true;
        }
        for (int step = 0; step < 3 * KEYS; step++) {
            uint32_t k = (uint32_t)(rand() % KEYS);
            void *entry = table_find_hashed(t, hashes[k], &k, sizeof(k));
            cr_assert_eq(entry != NULL, here[k]);
            if (here[k])
                table_remove_entry(t, entry);
            else
                table_insert_hashed(t, hashes[k], &k, sizeof(k), &new);
            here[k] = !here[k];
        }
        for (uint32_t k = 0; k < KEYS; k++)
            cr_assert_eq(table_find_hashed(t, hashes[k], &k, sizeof(k)) != NULL, here[k]);
        table_free(t);
    }
}

Test(table, a_guess_among_keys_of_one_hash_leads_to_each_of_them)
{
    enum { KEYS = 60, HASHES = 20 };
    struct table *t = table_of_u32(KEYS);
    uint32_t *entries[KEYS];
    bool new;

    for (uint32_t key = 0; key < KEYS; key++)
        entries[key] = table_insert_hashed(t, key % HASHES, &key, sizeof(key), &new);
    for (uint32_t key = 0; key < KEYS + HASHES; key++) {
        uint32_t *guess = table_prefetch_entry(t, key % HASHES);
        const uint32_t *found = table_find_guessed(t, guess, key % HASHES, &key, sizeof(key));
        cr_assert_eq(found, key < KEYS ? entries[key] : NULL);
    }
    table_free(t);
}

Test(table, agrees_with_an_array_over_random_steps, .timeout = 60)
{
    enum { KEYS = 4000, STEPS = 400000 };
    struct table *t = table_of_u32(KEYS / 2);
    static uint32_t *entries[KEYS], *guesses[KEYS], values[KEYS];
    size_t count = 0;
    bool new;

    srand(9);
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t key = (uint32_t)(rand() % KEYS);
        if (rand() % 100 < (step / 50000 % 2 == 0 ? 70 : 30)) {
            uint64_t hash = table_hash(t, &key, sizeof(key));
            table_prefetch(t, hash);
            uint32_t *guess = table_prefetch_entry(t, hash);
            uint32_t *stale = guesses[key];
            guesses[key] = guess;
            cr_assert_eq(table_find_guessed(t, guess, hash, &key, sizeof(key)), entries[key]);
            cr_assert_eq(table_find_guessed(t, stale, hash, &key, sizeof(key)), entries[key]);
            uint32_t *entry = table_insert_hashed(t, hash, &key, sizeof(key), &new);
            cr_assert_eq(entry == NULL, entries[key] == NULL && count == KEYS / 2);
            if (entry == NULL)
                continue;
            cr_assert_eq(new, entries[key] == NULL);
            cr_assert(new || entry == entries[key]);
            cr_assert_eq(*entry, new ? 0 : values[key]);
            count += new;
            entries[key] = entry;
            *entry = values[key] = step;
        } else {
            cr_assert_eq(table_remove(t, &key, sizeof(key)), entries[key] != NULL);
            count -= entries[key] != NULL;
            entries[key] = NULL;
        }
        cr_assert_eq(table_count(t), count);
    }
    for (uint32_t key = 0; key < KEYS; key++)
        cr_assert_eq(find(t, key), entries[key]);
    table_free(t);
}

/* A large index grows little by little, so entries come and go while they are in two of them. */
Test(table, while_a_large_index_grows_all_are_found_and_go, .timeout = 60)
{
    enum { KEYS = 120000, STEPS = 600000 };
    struct table *t = table_of_u32(KEYS);
    static uint32_t *entries[KEYS];
    size_t count = 0, cursor = 0, met = 0;
    bool new;

    srand(11);
    for (uint32_t step = 0; step < STEPS; step++) {
        uint32_t key = (uint32_t)((rand() & 0xffff) * 2 + (rand() & 1)) % KEYS;
        uint64_t hash = table_hash(t, &key, sizeof(key));
        cr_assert_eq(table_find_hashed(t, hash, &key, sizeof(key)), entries[key]);
        cr_assert(entries[key] == NULL || table_prefetch_entry(t, hash) != NULL);
        cr_assert(entries[key] == NULL ||
                  table_entry(t, table_number(t, hash, entries[key])) == entries[key]);
        if (rand() % 3 > 0) {
            uint32_t *entry = table_insert_hashed(t, hash, &key, sizeof(key), &new);
            cr_assert(entry != NULL && new == (entries[key] == NULL));
            cr_assert(new || entry == entries[key]);
            count += new;
            entries[key] = entry;
        } else {
            cr_assert_eq(table_remove(t, &key, sizeof(key)), entries[key] != NULL);
            count -= entries[key] != NULL;
            entries[key] = NULL;
        }
    }
    cr_assert_eq(table_count(t), count);
    cr_assert_gt(count, 60000); /* so that it grew twice in little steps */
    for (uint32_t key = 0; key < KEYS; key++)
        cr_assert_eq(find(t, key), entries[key]);
    while (table_next(t, &cursor) != NULL)
        met++;
    cr_assert_eq(met, count);
    table_clear(t);
    cr_assert_null(find(t, 1));
    table_free(t);
}

Test(table, seeds_give_hashes_of_their_own)
{
    struct table_options one = {.max = 1, .seed = 1}, two = {.max = 1, .seed = 2};
    struct table *a = table_new(&one), *b = table_new(&two);

    cr_assert_neq(table_hash(a, "key", 3), table_hash(b, "key", 3));
    table_free(a);
    table_free(b);
}

Test(table, a_large_one_finds_what_it_holds_and_takes_again_what_was_given_back)
{
    enum { ENTRIES = 150000, SIZE = 40 }; /* three large pages */
    struct table_options options = {.entry_size = SIZE, .key_max = 8, .max = ENTRIES, .seed = 3};
    struct table *t = table_new(&options);
    bool new;
    cr_assert_not_null(t);
    for (int round = 0; round < 2; round++) {
        for (uint64_t key = 0; key < ENTRIES; key++) {
            uint64_t *entry = table_insert(t, &key, sizeof(key), &new);
            cr_assert(entry != NULL && new &&entry[0] == 0 && entry[SIZE / 8 - 1] == 0);
            entry[0] = entry[SIZE / 8 - 1] = key + 1;
        }
        cr_assert_null(table_insert(t, &(uint64_t){ENTRIES}, 8, &new));
        for (uint64_t key = 0; key < ENTRIES; key++) {
            uint64_t *entry = table_find(t, &key, sizeof(key));
            cr_assert(entry != NULL && entry[0] == key + 1 && entry[SIZE / 8 - 1] == key + 1);
            table_remove_entry(t, entry);
        }
        cr_assert_eq(table_count(t), 0);
    }
    table_free(t);
}
