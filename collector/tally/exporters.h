#ifndef COLLECTOR_TALLY_EXPORTERS_H
#define COLLECTOR_TALLY_EXPORTERS_H

#include "collector/tally/tally.h"
#include "common/base/table.h"

/* The senders that count, each with a small number that rows hold. Exporters that are listed by
 * their own address have as many numbers as they are set aside, so that a flood of senders that
 * fall under a listed prefix, or under nothing, leaves them theirs. When the others are taken, one
 * that no row stands for gives its number away: of some, the one heard longest ago. */
struct exporters {
    struct table *table;           /* by address: the exporter itself */
    struct tally_exporter **items; /* by number, NULL where free */
    uint32_t *rows;                /* by number: how many rows stand for it */
    uint32_t used, max;
    uint32_t set_aside; /* for those that are listed by their own address */
    uint32_t others;    /* who are not, and have a number */
    uint32_t hand;      /* where the search for a number to free goes on */
    struct tally_stranger strangers[TALLY_STRANGERS];
    size_t stranger_count;
};

enum status exporters_init(struct exporters *exporters, uint32_t max, uint64_t seed);
void exporters_done(struct exporters *exporters);
/* A new one may take the number of another. */
bool exporters_may_give_away(const struct exporters *exporters);
/* NULL, with the reason: not listed, or no number is free. */
struct tally_exporter *exporters_enter(struct exporters *exporters, const struct model *model,
                                       const struct ip_addr *addr, uint64_t now_ms,
                                       struct tally_counters *counters,
                                       enum tally_reason *ret_reason);
/* Looks every exporter up in the list, the first time too. */
void exporters_reload(struct exporters *exporters, const struct model *model);

#endif
