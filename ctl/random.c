#include "ctl/random.h"

#include <math.h>
#include <stdlib.h>

uint64_t random_gap(struct random *r, uint32_t n)
{
    if (n <= 1)
        return 0;
    /* 1 - share is never 0, and its logarithm at least -37. */
    return (uint64_t)(log(1 - random_share(r)) / log1p(-1.0 / n));
}

/* Each cell holds an equal part of the whole: what one index has too little of, one that has too
 * much of it fills up. `share` becomes what is left of each. */
static void fill_cells(struct random_alias *alias, double *share, uint32_t *small, uint32_t *large)
{
    uint32_t smalls = 0, larges = 0;
    for (uint32_t i = 0; i < alias->count; i++) {
        alias->cells[i] = (struct random_cell){UINT32_MAX, i};
        if (share[i] < 1)
            small[smalls++] = i;
        else
            large[larges++] = i;
    }
    while (smalls > 0 && larges > 0) {
        uint32_t poor = small[--smalls], rich = large[larges - 1];
        alias->cells[poor] = (struct random_cell){(uint32_t)(share[poor] * 0x1p32), rich};
        share[rich] -= 1 - share[poor];
        if (share[rich] < 1) {
            larges--;
            small[smalls++] = rich;
        }
    }
}

enum status random_alias_init(struct random_alias *alias, const double *weights, uint32_t count)
{
    double *share = calloc(count, sizeof(*share)), sum = 0;
    uint32_t *lists = calloc((size_t)count * 2, sizeof(*lists));
    *alias = (struct random_alias){.cells = calloc(count, sizeof(*alias->cells)), .count = count};
    enum status status = STATUS_NO_MEMORY;
    if (share == NULL || lists == NULL || alias->cells == NULL)
        goto done;
    for (uint32_t i = 0; i < count; i++)
        sum += weights[i];
    for (uint32_t i = 0; i < count; i++)
        share[i] = sum > 0 ? weights[i] * count / sum : 1;
    fill_cells(alias, share, lists, lists + count);
    status = STATUS_OK;
done:
    free(share);
    free(lists);
    if (status != STATUS_OK)
        random_alias_done(alias);
    return status;
}

enum status random_alias_init_zipf(struct random_alias *alias, uint32_t count, double exponent)
{
    double *weights = calloc(count, sizeof(*weights));
    if (weights == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        weights[i] = exponent == 0 ? 1 : pow((double)i + 1, -exponent);
    enum status status = random_alias_init(alias, weights, count);
    free(weights);
    return status;
}

void random_alias_done(struct random_alias *alias)
{
    free(alias->cells);
    *alias = (struct random_alias){0};
}

void random_tail_init(struct random_tail *tail, double exponent)
{
    double sum = 0, all = 1 - pow(RANDOM_TAIL_SPAN, -exponent);
    for (unsigned int i = 0; i < RANDOM_TAIL_STEPS; i++) {
        double below = ((double)i + 0.5) / RANDOM_TAIL_STEPS;
        double value = pow(1 - below * all, -1 / exponent);
        tail->quantiles[i] = (float)value;
        sum += value;
    }
    for (unsigned int i = 0; i < RANDOM_TAIL_STEPS; i++)
        tail->quantiles[i] = (float)((double)tail->quantiles[i] * RANDOM_TAIL_STEPS / sum);
}
