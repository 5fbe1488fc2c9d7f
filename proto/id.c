#include "common/base/hash.h"
#include "proto/alarm.h"

#include <inttypes.h>
#include <stdio.h>

void id_make(char ret_id[ID_TEXT_MAX], char letter, uint64_t now_ms)
{
    unsigned int chance = (unsigned int)(hash_random_seed() & 0xffff);
    (void)snprintf(ret_id, ID_TEXT_MAX, "%c-%" PRIu64 "-%04x", letter, now_ms, chance);
}
