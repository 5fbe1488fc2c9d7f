#ifndef COMMON_BASE_TABLE_INDEX_H
#define COMMON_BASE_TABLE_INDEX_H

#include <stdint.h>
#include <string.h>

/*
 * The index of a table: an array of slots with linear probing; a slot's home is its tag modulo the
 * size. As the tag is in the slot, growing and removing never look at an entry. Removal shifts
 * later slots back, so there are no tombstones and probes stay short.
 */
struct slot {
    uint32_t tag;    /* low half of the hash */
    uint32_t number; /* of the entry, from 1; 0: the slot is empty */
};

struct index {
    struct slot *slots;
    uint32_t mask; /* slots - 1 */
};

static inline void index_put(const struct index *index, struct slot slot)
{
    uint32_t i = slot.tag & index->mask;

    while (index->slots[i].number != 0)
        i = (i + 1) & index->mask;
    index->slots[i] = slot;
}

/* Empties slot i and moves back what stands behind it and may come nearer to its home. */
static inline void index_remove(const struct index *index, uint32_t i)
{
    struct slot *slots = index->slots;
    uint32_t hole = i;

    for (;;) {
        i = (i + 1) & index->mask;
        if (slots[i].number == 0)
            break;
        uint32_t home = slots[i].tag & index->mask;
        if (((i - home) & index->mask) >= ((i - hole) & index->mask)) {
            slots[hole] = slots[i];
            hole = i;
        }
    }
    slots[hole] = (struct slot){0};
}

/* The number in the one of these four slots that has the tag; 0: none. Which it is decides no
 * branch, as that would be guessed wrong half of the time. Where several have it, as one of a
 * million tags is, what comes out may be the number of any entry, or of none. */
typedef uint32_t four_words __attribute__((vector_size(16)));
static inline uint32_t number_in_four(const struct slot *slots, uint32_t tag)
{
    const four_words sought = {tag, tag, tag, tag};
    four_words left, right;
    memcpy(&left, slots, sizeof(left));
    memcpy(&right, slots + 2, sizeof(right));
    four_words has_left = (four_words)(left == sought), has_right = (four_words)(right == sought);
    four_words found = (left & __builtin_shufflevector(has_left, has_left, 0, 0, 2, 2)) |
                       (right & __builtin_shufflevector(has_right, has_right, 0, 0, 2, 2));
    return found[1] | found[3];
}

#endif
