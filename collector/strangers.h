#ifndef COLLECTOR_STRANGERS_H
#define COLLECTOR_STRANGERS_H

#include "collector/tally/tally.h"
#include "common/base/text.h"

#include <uv.h>

/*
 * Who sent although the list of exporters does not have him: an operator who forgot a router looks
 * here. Each worker tells once a second, from its thread; the collector reads what all of them
 * told. A few addresses are all that is ever kept, since anybody can make more.
 */
enum { STRANGERS_WORKERS_MAX = 256 };

struct strangers {
    uv_mutex_t lock;
    struct strangers_of_worker {
        uint64_t refused;
        struct tally_stranger last[TALLY_STRANGERS];
        size_t count;
    } workers[STRANGERS_WORKERS_MAX];
};

enum status strangers_init(struct strangers *strangers);
void strangers_done(struct strangers *strangers);
void strangers_tell(struct strangers *strangers, uint32_t worker, const struct tally *tally);
/* Empties both where nobody came within the last ten minutes; else what a person reads ("12
 * datagrams, the last from 203.0.113.7"), and the addresses, the last one first. */
void strangers_read(struct strangers *strangers, uint64_t now_ms, struct text *ret_words,
                    struct text *ret_addresses);

#endif
