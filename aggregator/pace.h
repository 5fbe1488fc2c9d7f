#ifndef AGGREGATOR_PACE_H
#define AGGREGATOR_PACE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When a shard's next tick is due. Input brings one at once, and then at most one every 10 ms; a
 * tick of many rows costs everybody who reads it, so the gap grows with the rows of the last one,
 * up to 250 ms. Without anything to say there is one every half second: twice as often as readers
 * need to tell silence from peace.
 */
struct pace {
    uint64_t last_ms; /* of the last tick; 0: none yet */
    uint64_t rows;    /* of it */
    bool is_waiting;  /* input came that no tick has told of */
    bool matters;     /* and it may have a row, or takes one away */
};

enum { PACE_GAP_MS = 10, PACE_GAP_MAX_MS = 250, PACE_ROWS_A_MS = 40, PACE_IDLE_MS = 500 };

void pace_input(struct pace *pace, bool has_hot);
/* How long until then; 0: now. */
uint64_t pace_wait_ms(const struct pace *pace, uint64_t now_ms);
void pace_ticked(struct pace *pace, uint64_t now_ms, uint64_t rows);

#endif
