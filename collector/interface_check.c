#include "collector/interface_check.h"

#include <math.h>

enum {
    BLOCK_MS = 60 * 1000,
    BLOCK_MOST_MS = 10 * 60 * 1000, /* with too few samples by then, nothing can be said */
    SAMPLES_LEAST = 50,             /* fewer do not know their own variance */
    BLOCKS_IN_A_ROW = 3
};

static const double Z = 2.576;    /* 99 % of a normal distribution, both sides */
static const double FACTOR = 1.3; /* frames are counted with or without their ends, tags, padding */

const char *interface_verdict_name(enum interface_verdict verdict)
{
    static const char *const names[] = {[INTERFACE_UNKNOWN] = "unknown",
                                        [INTERFACE_FITS] = "fits",
                                        [INTERFACE_LOW] = "low",
                                        [INTERFACE_HIGH] = "high"};
    return names[verdict];
}

static void add(struct interface_sums *sum, const struct interface_sums *more)
{
    sum->octets += more->octets;
    sum->scaled += more->scaled;
    sum->variance += more->variance;
    sum->counted += more->counted;
    sum->samples += more->samples;
    sum->ms += more->ms;
}

static enum interface_verdict judge(const struct interface_sums *block)
{
    double error = Z * sqrt(block->variance);
    if (block->scaled + error < block->counted / FACTOR)
        return INTERFACE_LOW;
    if (block->scaled - error > block->counted * FACTOR)
        return INTERFACE_HIGH;
    return INTERFACE_FITS;
}

/* A counter that stands still beside samples does not count at all. */
static bool has_enough(const struct interface_sums *block)
{
    return block->samples >= SAMPLES_LEAST && block->octets > 0 && block->counted > 0;
}

void interface_check_counted(struct interface_check *check, uint64_t octets, uint64_t ms)
{
    struct interface_sums *block = &check->block;
    check->open.counted = (double)octets;
    check->open.ms = ms;
    add(block, &check->open);
    check->open = (struct interface_sums){0};
    if (block->ms < BLOCK_MS || (!has_enough(block) && block->ms < BLOCK_MOST_MS))
        return;
    if (!has_enough(block)) {
        *check = (struct interface_check){0};
        return;
    }
    enum interface_verdict verdict = judge(block);
    bool again = verdict == check->leaning && check->judged.samples > 0;
    check->in_a_row = !again                              ? 1
                      : check->in_a_row < BLOCKS_IN_A_ROW ? (uint8_t)(check->in_a_row + 1)
                                                          : BLOCKS_IN_A_ROW;
    check->leaning = (uint8_t)verdict;
    check->judged = *block;
    *block = (struct interface_sums){0};
}

void interface_check_restart(struct interface_check *check)
{
    check->open = check->block = (struct interface_sums){0};
}

struct interface_share interface_check_share(const struct interface_check *check)
{
    const struct interface_sums *judged = &check->judged;
    struct interface_share share = {.verdict = INTERFACE_UNKNOWN};
    if (judged->samples == 0)
        return share;
    if (check->leaning == INTERFACE_FITS || check->in_a_row == BLOCKS_IN_A_ROW)
        share.verdict = (enum interface_verdict)check->leaning;
    share.share = judged->scaled / judged->counted;
    share.error = Z * sqrt(judged->variance) / judged->counted;
    share.said = judged->scaled / judged->octets;
    share.suggested = judged->counted / judged->octets;
    return share;
}
