#include "common/base/clock.h"
#include "speaker/bgp/rib_out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Time to turn routes into UPDATE bytes for one peer: all with the same action, then each with its
 * own, which no message can share. */
enum { ROUTES = 10000 };

static void fill(struct rib *rib, struct rib_out *out, bool shared)
{
    for (uint32_t i = 0; i < ROUTES; i++) {
        uint8_t nlri[] = {11,         1,    32,   198, 51,   (uint8_t)(i >> 8),
                          (uint8_t)i, 0x03, 0x81, 17,  0x06, 0x81};
        uint8_t community[1][8] = {{0x80, 6}};
        struct communities communities = {.at = (const uint8_t(*)[8])community, .count = 1};
        uint32_t id, attributes;
        if (!shared)
            wire_put_uint_at(community[0] + 4, 4, i);
        if (rib_hold_nlri(rib, BGP_FLOW4, nlri, sizeof(nlri), &id) != STATUS_OK ||
            rib_hold_attributes(rib, &communities, &attributes) != STATUS_OK ||
            rib_out_want(out, id, attributes) != STATUS_OK)
            abort();
    }
}

static void run(bool shared)
{
    struct clock clock = clock_system();
    struct rib *rib = rib_new(ROUTES);
    struct rib_out out;
    struct rib_out_batch batch;
    struct update_path path = {.local_as = 64500, .ibgp = true, .as4 = true, .no_export = true};
    uint8_t bytes[BGP_MESSAGE_MAX];
    rib_out_init(&out, rib, ROUTES, 0);
    fill(rib, &out, shared);
    size_t messages = 0, octets = 0, routes = 0;
    uint64_t begin_us = clock_mono_us(&clock);
    rib_out_up(&out, 1U << BGP_FLOW4, begin_us);
    for (;;) {
        rib_out_next(&out, &path, begin_us, bytes, sizeof(bytes), &batch);
        if (batch.kind == RIB_OUT_NONE)
            break;
        messages++;
        octets += batch.len;
        routes += batch.count;
        rib_out_batch_done(&out, &batch);
    }
    uint64_t took_us = clock_mono_us(&clock) - begin_us;
    printf("bench_bgp %-18s %zu routes in %zu UPDATEs, %zu octets, %" PRIu64
           " us, %.2f us a route\n",
           shared ? "one action" : "an action a route", routes, messages, octets, took_us,
           (double)took_us / (double)routes);
    rib_out_done(&out);
    rib_free(rib);
}

int main(void)
{
    run(true);
    run(false);
    return 0;
}
