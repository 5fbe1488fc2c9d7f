#include "speaker/first_reading.h"

void first_reading_begin(struct first_reading *reading, uint64_t now_ms)
{
    reading->silent_at_ms = now_ms + FIRST_READING_SILENCE_MS;
    reading->over_at_ms = now_ms + FIRST_READING_MOST_MS;
}

void first_reading_goes_on(struct first_reading *reading, uint64_t now_ms)
{
    if (first_reading_waits(reading))
        reading->silent_at_ms = now_ms + FIRST_READING_SILENCE_MS;
}

void first_reading_end(struct first_reading *reading)
{
    *reading = (struct first_reading){0};
}

bool first_reading_tick(struct first_reading *reading, uint64_t now_ms)
{
    if (!first_reading_waits(reading) ||
        (now_ms < reading->silent_at_ms && now_ms < reading->over_at_ms))
        return false;
    first_reading_end(reading);
    return true;
}

bool first_reading_waits(const struct first_reading *reading)
{
    return reading->over_at_ms != 0;
}
