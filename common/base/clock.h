#ifndef COMMON_BASE_CLOCK_H
#define COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Time as a parameter: what needs the time is given a clock, and a test gives one that it moves. */
struct clock {
    uint64_t (*mono_us)(void *owner); /* monotonic, for durations */
    uint64_t (*wall_ms)(void *owner); /* Unix time, for people and for Redis ids */
    void *owner;
};

struct clock clock_system(void);

struct clock_fake {
    uint64_t mono_us, wall_ms;
};
struct clock clock_of_fake(struct clock_fake *fake);
void clock_fake_advance_ms(struct clock_fake *fake, uint64_t ms);

static inline uint64_t clock_mono_us(const struct clock *c)
{
    return c->mono_us(c->owner);
}
static inline uint64_t clock_mono_ms(const struct clock *c)
{
    return c->mono_us(c->owner) / 1000;
}
static inline uint64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c->owner);
}

/* RFC 3339 with milliseconds, UTC: "2026-01-02T03:04:05.678Z". */
enum { CLOCK_TEXT_MAX = 28 };
const char *clock_format_wall(uint64_t wall_ms, char ret_text[CLOCK_TEXT_MAX]);

#endif
