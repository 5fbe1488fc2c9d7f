#ifndef SPEAKER_HOLDS_H
#define SPEAKER_HOLDS_H

#include "proto/scope.h"

/*
 * What may not be announced, and by whose word: the hash weir:hold as it was last read, entries of
 * weir:stops, and this speaker's own socket. A route goes out only where none of them matches.
 */
enum hold_source { HOLD_REDIS, HOLD_STOPS, HOLD_SOCKET };

struct hold {
    struct scope scope;
    uint8_t source;             /* enum hold_source */
    uint64_t since_ms;          /* state Redis time */
    char why[NAME_MAX_LEN * 2]; /* who and why, as it was given */
};

enum { HOLDS_MAX = 256 };
struct holds {
    struct hold items[HOLDS_MAX];
    size_t count;
};

/* Replaces the hold of equal scope and source; where there are too many, one of all takes the place
 * of a narrower one. LIMIT: there are too many; then nothing changed. */
enum status holds_set(struct holds *holds, const struct hold *hold);
/* Ends those of a source that match the scope ("all" ends every one) and are not newer. */
size_t holds_end(struct holds *holds, enum hold_source source, const struct scope *scope,
                 uint64_t not_after_ms);

/* Nothing may be announced to anybody. */
bool holds_all(const struct holds *holds);

/* What a hold is asked about. platforms: names of those that the peer is in. */
struct hold_question {
    const char *peer, *method, *alarm;
    const char *const *platforms;
    size_t platform_count;
    uint8_t family; /* ADDR_IPV4, ADDR_IPV6 */
};
bool holds_match(const struct scope *scope, const struct hold_question *question);
/* The first hold that matches, or NULL. */
const struct hold *holds_find(const struct holds *holds, const struct hold_question *question);

#endif
