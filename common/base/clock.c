#include "common/base/clock.h"

#include <stdio.h>
#include <time.h>

/* 9999-12-31T23:59:59.999Z: later times would not fit the four digits of RFC 3339's year. */
static const uint64_t wall_max_ms = 253402300799999;

static uint64_t system_mono_us(void *owner)
{
    struct timespec now;

    (void)owner;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t system_wall_ms(void *owner)
{
    struct timespec now;

    (void)owner;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct clock clock_system(void)
{
    return (struct clock){.mono_us = system_mono_us, .wall_ms = system_wall_ms};
}

static uint64_t fake_mono_us(void *owner)
{
    return ((const struct clock_fake *)owner)->mono_us;
}

static uint64_t fake_wall_ms(void *owner)
{
    return ((const struct clock_fake *)owner)->wall_ms;
}

struct clock clock_of_fake(struct clock_fake *fake)
{
    return (struct clock){.mono_us = fake_mono_us, .wall_ms = fake_wall_ms, .owner = fake};
}

void clock_fake_advance_ms(struct clock_fake *fake, uint64_t ms)
{
    fake->mono_us += ms * 1000;
    fake->wall_ms += ms;
}

const char *clock_format_wall(uint64_t wall_ms, char ret_text[CLOCK_TEXT_MAX])
{
    if (wall_ms > wall_max_ms)
        wall_ms = wall_max_ms;

    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char date_time[20] = "";

    gmtime_r(&seconds, &tm);
    strftime(date_time, sizeof(date_time), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret_text, CLOCK_TEXT_MAX, "%s.%03uZ", date_time, (unsigned int)(wall_ms % 1000));
    return ret_text;
}
