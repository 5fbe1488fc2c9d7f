#include "collector/tally/exporters.h"

#include <stdlib.h>

enum status exporters_init(struct exporters *exporters, uint32_t max, uint64_t seed)
{
    exporters->max = max == 0 || max > DELTA_EXPORTERS_MAX ? DELTA_EXPORTERS_MAX : max;
    exporters->items = calloc(exporters->max, sizeof(struct tally_exporter *));
    exporters->rows = calloc(exporters->max, sizeof(uint32_t));
    exporters->table = table_new(&(struct table_options){
        .entry_size = sizeof(struct tally_exporter),
        .key_max = sizeof(struct ip_addr),
        .max = exporters->max,
        .seed = seed,
    });
    return exporters->items == NULL || exporters->rows == NULL || exporters->table == NULL
               ? STATUS_NO_MEMORY
               : STATUS_OK;
}

void exporters_done(struct exporters *exporters)
{
    table_free(exporters->table);
    free(exporters->items);
    free(exporters->rows);
    *exporters = (struct exporters){0};
}

static const struct config_exporter *config_of(const struct model *model,
                                               const struct ip_addr *addr)
{
    int32_t at = model->exporters == NULL ? LPM_NONE : lpm_lookup(model->exporters, addr);
    return at == LPM_NONE ? NULL : &model->config->exporters[at];
}

bool exporters_are_full(const struct exporters *exporters)
{
    return exporters->used == exporters->max;
}

/* The number of an exporter that may go; max where all that were looked at are in use. Looking at
 * some only keeps a stranger who invents senders from making each of them expensive. */
static uint32_t number_to_free(struct exporters *exporters)
{
    enum { LOOKS = 16 };
    uint32_t found = exporters->max;
    for (int i = 0; i < LOOKS; i++) {
        uint32_t at = exporters->hand;
        exporters->hand = (at + 1) % exporters->max;
        if (exporters->items[at] == NULL)
            return at;
        if (exporters->rows[at] > 0)
            continue;
        if (found == exporters->max ||
            exporters->items[at]->heard_ms < exporters->items[found]->heard_ms)
            found = at;
    }
    return found;
}

static bool take_number(struct exporters *exporters, struct tally_counters *counters,
                        uint32_t *ret_number)
{
    if (!exporters_are_full(exporters)) {
        *ret_number = exporters->used++;
        return true;
    }
    uint32_t number = number_to_free(exporters);
    if (number == exporters->max)
        return false;
    if (exporters->items[number] != NULL) {
        table_remove_entry(exporters->table, exporters->items[number]);
        exporters->items[number] = NULL;
        counters->evicted_exporters++;
    }
    *ret_number = number;
    return true;
}

struct tally_exporter *exporters_enter(struct exporters *exporters, const struct model *model,
                                       const struct ip_addr *addr, uint64_t now_ms,
                                       struct tally_counters *counters,
                                       enum tally_reason *ret_reason)
{
    bool is_new;
    uint32_t number;
    struct tally_exporter *exporter = table_find(exporters->table, addr, sizeof(*addr));
    const struct config_exporter *config = exporter != NULL ? exporter->config : NULL;

    if (exporter == NULL)
        config = config_of(model, addr);
    if (config == NULL && model->exporters != NULL) {
        *ret_reason = TALLY_UNLISTED;
        return NULL;
    }
    if (exporter == NULL) {
        *ret_reason = TALLY_EXPORTERS;
        if (!take_number(exporters, counters, &number))
            return NULL;
        exporter = table_insert(exporters->table, addr, sizeof(*addr), &is_new);
        if (exporter == NULL)
            return NULL; /* the number stays free for the next */
        exporter->addr = *addr;
        exporter->config = config;
        exporter->index = number;
        exporters->items[number] = exporter;
    }
    exporter->heard_before_ms = exporter->heard_ms;
    exporter->heard_ms = now_ms;
    return exporter;
}

void exporters_reload(struct exporters *exporters, const struct model *model)
{
    for (uint32_t i = 0; i < exporters->used; i++)
        if (exporters->items[i] != NULL)
            exporters->items[i]->config = config_of(model, &exporters->items[i]->addr);
}
