#ifndef SPEAKER_FIRST_READING_H
#define SPEAKER_FIRST_READING_H

#include <stdbool.h>
#include <stdint.h>

/*
 * After a start nothing is announced before the desired state has been read: the journal knows
 * neither what ended meanwhile nor which holds came. Routers with graceful restart go on filtering
 * until then. Without a state server the journal must do, after a moment.
 *
 *   first_reading_begin() → first_reading_goes_on() … first_reading_end(), or first_reading_tick()
 *
 * Time is monotonic and comes in as a parameter; {0} waits for nothing.
 */
enum {
    /* No word of the state server for so long: it is away. One that is near answers in
     * milliseconds, and one that starts beside us within a second. */
    FIRST_READING_SILENCE_MS = 3000,
    /* It answers, and the reading ends all the same not, as with a server that is lost again and
     * again. All that there can be is read in a third of that. */
    FIRST_READING_MOST_MS = 30000
};

struct first_reading {
    uint64_t silent_at_ms, over_at_ms; /* 0: nothing waits */
};

void first_reading_begin(struct first_reading *reading, uint64_t now_ms);
/* A part of it has come. */
void first_reading_goes_on(struct first_reading *reading, uint64_t now_ms);
/* All of it has. */
void first_reading_end(struct first_reading *reading);
/* True once: it has been waited for in vain. */
bool first_reading_tick(struct first_reading *reading, uint64_t now_ms);
/* Announcements wait. */
bool first_reading_waits(const struct first_reading *reading);

#endif
