#include "aggregator/pace.h"

void pace_input(struct pace *pace, bool has_hot)
{
    pace->is_waiting = true;
    pace->matters = pace->matters || has_hot || pace->rows > 0;
}

static uint64_t gap_ms(const struct pace *pace)
{
    if (!pace->is_waiting || !pace->matters)
        return PACE_IDLE_MS;
    uint64_t gap = pace->rows / PACE_ROWS_A_MS;
    gap = gap > PACE_GAP_MS ? gap : PACE_GAP_MS;
    return gap < PACE_GAP_MAX_MS ? gap : PACE_GAP_MAX_MS;
}

uint64_t pace_wait_ms(const struct pace *pace, uint64_t now_ms)
{
    if (pace->last_ms == 0)
        return 0;
    uint64_t due_ms = pace->last_ms + gap_ms(pace);
    return due_ms > now_ms ? due_ms - now_ms : 0;
}

void pace_ticked(struct pace *pace, uint64_t now_ms, uint64_t rows)
{
    *pace = (struct pace){.last_ms = now_ms, .rows = rows};
}
