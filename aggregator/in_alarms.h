#ifndef AGGREGATOR_IN_ALARMS_H
#define AGGREGATOR_IN_ALARMS_H

#include "aggregator/window/window.h"
#include "common/redis/redis.h"

/*
 * The keys of the alarms that have not ended, from state Redis: read once a second, each alarm's
 * own hash once. While the server is away the last ones stay.
 */
struct in_alarms;

struct in_alarms_options {
    struct redis *redis; /* lent, until it has closed */
    const char *prefix;
    /* When they changed. */
    void (*on_pins)(void *owner, const struct window_pin *pins, size_t count);
    void *owner;
};

/* A key of an alarm has a row in every tick of 10,000, so there are no more than half as many. */
enum { IN_ALARMS_MAX = 5000 };

enum status in_alarms_start(struct in_alarms **ret_in, uv_loop_t *loop,
                            const struct in_alarms_options *options);
/* Stops asking; in_alarms_free() once the connection and the loop are done with it. */
void in_alarms_close(struct in_alarms *in, void (*on_closed)(void *owner), void *owner);
void in_alarms_free(struct in_alarms *in);

#endif
