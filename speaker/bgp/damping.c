#include "speaker/bgp/damping.h"

#include "speaker/bgp/open.h"

void damping_fall(struct damping *damping, uint64_t now_ms, uint64_t usual_ms, uint32_t random)
{
    uint64_t wait_ms = usual_ms < DAMPING_WAIT_MAX_MS ? usual_ms : DAMPING_WAIT_MAX_MS;
    for (uint32_t i = 0; i < damping->falls && wait_ms < DAMPING_WAIT_MAX_MS; i++)
        wait_ms *= 2;
    if (wait_ms > DAMPING_WAIT_MAX_MS)
        wait_ms = DAMPING_WAIT_MAX_MS;
    damping->until_ms = now_ms + (damping->falls == 0 ? open_retry_ms(wait_ms, 0, random)
                                                      : open_jitter_ms(wait_ms, random));
    if (damping->falls < UINT32_MAX)
        damping->falls++;
}

void damping_stood(struct damping *damping, uint64_t stood_ms)
{
    if (stood_ms >= DAMPING_STABLE_MS)
        *damping = (struct damping){0};
}

bool damping_keeps_us(const struct damping *damping, uint64_t now_ms)
{
    return now_ms < damping->until_ms;
}

bool damping_keeps_peer(const struct damping *damping, uint64_t now_ms)
{
    return damping->falls >= DAMPING_FREE_FALLS && now_ms < damping->until_ms;
}
