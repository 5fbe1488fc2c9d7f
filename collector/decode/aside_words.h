#ifndef COLLECTOR_DECODE_ASIDE_WORDS_H
#define COLLECTOR_DECODE_ASIDE_WORDS_H

#include "collector/decode/state.h"

/* The words of aside.h, and the room for them. Only aside.c writes them. */

/* Several words may be asked for one template, so each has short lists. */
enum { ASIDE_BUCKET_BITS = 7, ASIDE_BUCKETS = 1 << ASIDE_BUCKET_BITS };
/* What was told of a template that the word has not: it stands, as it is the same for another
 * stream, or has not come yet. Of those used last, or told first, as a set may ask for each:
 * routers tell it of a few. */
enum { ASIDE_TIMEOUTS = 32, ASIDE_SLOT_BITS = 6, ASIDE_SLOTS = 1 << ASIDE_SLOT_BITS };
struct aside_timeout {
    uint16_t id;
    struct timeout timeout;
};
struct aside_word {
    uint32_t serial; /* of its stream */
    uint32_t count;  /* of templates */
    struct decode_template *buckets[ASIDE_BUCKETS];
    struct chain templates; /* from the most to the least recently used */
    struct samplers rates;
    bool has_all_rates; /* they stood: not only what its stream said since */
    bool rate_stale;    /* as that of a domain */
    double only_rate;   /* the same */
    uint64_t boot_ms;   /* 0: not told */
    struct timeouts timeouts;
    struct aside_timeout of_templates[ASIDE_TIMEOUTS];
    uint32_t of_templates_count;
    uint8_t slots[ASIDE_SLOTS]; /* under the domain's secret; numbers from 1 on */
    size_t bytes;               /* with all that it holds */
};

/* Of each stream that is followed, and of one that a datagram begins. */
enum { ASIDE_WORDS = SEQUENCE_STREAMS + 1 };
struct aside {
    struct chain of_exporter; /* from the most to the least recently told */
    struct decode_domain *domain;
    struct aside_word *words[ASIDE_WORDS]; /* NULL: none */
    /* By which words the datagram at hand is read: places in `words`, its own first, then of those
     * that its stream goes on from, the nearest first. */
    uint8_t line[ASIDE_WORDS], line_len;
    bool needs_all; /* while it is read, no word is one that nobody would miss */
};

/* By which words the context's datagram is read. Only where there are any. */
void aside_words_begin(struct decode_context *context);
/* NULL: there is none, and no room for it. */
struct aside_word *aside_word_for(struct decode_context *context, uint32_t serial);
/* What the context's stream said itself; NULL: nothing. */
struct aside_word *aside_word_own(const struct decode_context *context);

struct decode_template *aside_word_find(const struct decode_domain *domain, struct aside_word *word,
                                        uint16_t id);
struct decode_template *aside_word_oldest(const struct aside_word *word);
/* Of an id that it has none of. False: there is no room, and it is still the caller's. */
bool aside_word_put(struct decode_context *context, struct aside_word *word,
                    struct decode_template *t);
void aside_word_leave(struct decode *decode, struct decode_domain *domain, struct aside_word *word,
                      struct decode_template *gone);

/* Makes room for what the word is about to take. */
bool aside_word_room(struct decode_context *context, const struct aside_word *word, size_t bytes);
void aside_word_take(struct decode *decode, struct decode_domain *domain, struct aside_word *word,
                     size_t bytes);

/* Timeouts of the domain and its templates: into a word, beside what its stream told since, which
 * leaves the templates none; none from now on, which gives how many there were; and those of the
 * word again. */
void aside_timeouts_keep(struct decode_context *context, struct aside_word *word);
uint32_t aside_timeouts_clear(struct decode_domain *domain);
void aside_timeouts_restore(struct decode_context *context, const struct aside_word *word);
/* Where that of a template goes which the stream's own word has not; NULL: there is no room. */
struct timeout *aside_timeouts_enter(struct decode_context *context, uint16_t id);
/* NULL: none of it. */
const struct timeout *aside_timeouts_find(const struct decode_domain *domain,
                                          struct aside_word *word, uint16_t id);

#endif
