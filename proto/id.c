#include "common/base/hash.h"
#include "proto/alarm.h"

#include <inttypes.h>
#include <stdio.h>

void id_make(char ret_id[ID_TEXT_MAX], char letter, uint64_t now_ms)
{
    /* A tick may raise thousands of alarms in one millisecond: 40 bits keep them apart. */
    uint64_t chance = hash_random_seed() & 0xffffffffff;
    (void)snprintf(ret_id, ID_TEXT_MAX, "%c-%" PRIu64 "-%010" PRIx64, letter, now_ms, chance);
}
