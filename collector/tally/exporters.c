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

bool exporters_may_give_away(const struct exporters *exporters)
{
    return exporters->used == exporters->max ||
           exporters->others >= exporters->max - exporters->set_aside;
}

static bool gives_way(const struct exporters *exporters, uint32_t at, bool to_host)
{
    return exporters->rows[at] == 0 && (to_host || !exporters->items[at]->is_host);
}

/* Those that are not listed by their own address first, then those heard longest ago. */
static bool goes_before(const struct tally_exporter *a, const struct tally_exporter *b)
{
    return a->is_host != b->is_host ? b->is_host : a->heard_ms < b->heard_ms;
}

/* The number of an exporter that may go; max where all that were looked at are in use. Looking at
 * some only keeps a stranger who invents senders from making each of them expensive. */
static uint32_t number_to_free(struct exporters *exporters, bool to_host)
{
    enum { LOOKS = 16 };
    uint32_t found = exporters->max;
    for (int i = 0; i < LOOKS; i++) {
        uint32_t at = exporters->hand;
        exporters->hand = (at + 1) % exporters->used;
        if (exporters->items[at] == NULL)
            return at;
        if (gives_way(exporters, at, to_host) &&
            (found == exporters->max || goes_before(exporters->items[at], exporters->items[found])))
            found = at;
    }
    return found;
}

static void forget(struct exporters *exporters, uint32_t number, struct tally_counters *counters)
{
    struct tally_exporter *gone = exporters->items[number];
    if (gone == NULL)
        return;
    exporters->others -= !gone->is_host;
    exporters->items[number] = NULL;
    table_remove_entry(exporters->table, gone);
    counters->evicted_exporters++;
}

static bool has_free_number(const struct exporters *exporters, bool for_host)
{
    return exporters->used < exporters->max &&
           (for_host || exporters->others < exporters->max - exporters->set_aside);
}

static bool take_number(struct exporters *exporters, bool for_host, struct tally_counters *counters,
                        uint32_t *ret_number)
{
    if (has_free_number(exporters, for_host)) {
        *ret_number = exporters->used++;
        return true;
    }
    if (exporters->used == 0)
        return false;
    uint32_t number = number_to_free(exporters, for_host);
    if (number == exporters->max)
        return false;
    forget(exporters, number, counters);
    *ret_number = number;
    return true;
}

static void note_stranger(struct exporters *exporters, const struct ip_addr *addr, uint64_t now_ms)
{
    struct tally_stranger *at = exporters->strangers, *oldest = at;
    const struct tally_stranger *end = at + exporters->stranger_count;
    for (; at < end && !addr_equal(&at->addr, addr); at++)
        if (at->last_ms < oldest->last_ms)
            oldest = at;
    if (at == end && exporters->stranger_count < TALLY_STRANGERS)
        exporters->stranger_count++;
    else if (at == end)
        at = oldest;
    if (!addr_equal(&at->addr, addr))
        *at = (struct tally_stranger){.addr = *addr};
    at->datagrams++;
    at->last_ms = now_ms;
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
        config = model_exporter(model, addr);
    if (config == NULL && model->exporters != NULL) {
        *ret_reason = TALLY_UNLISTED;
        note_stranger(exporters, addr, now_ms);
        return NULL;
    }
    if (exporter == NULL) {
        *ret_reason = TALLY_EXPORTERS;
        bool is_host = config != NULL && model_is_host(config);
        if (!take_number(exporters, is_host, counters, &number))
            return NULL;
        exporter = table_insert(exporters->table, addr, sizeof(*addr), &is_new);
        if (exporter == NULL)
            return NULL; /* the number stays free for the next */
        exporter->addr = *addr;
        exporter->config = config;
        exporter->is_host = is_host;
        exporters->others += !is_host;
        exporter->index = number;
        exporters->items[number] = exporter;
    }
    exporter->heard_before_ms = exporter->heard_ms;
    exporter->heard_ms = now_ms;
    return exporter;
}

void exporters_reload(struct exporters *exporters, const struct model *model)
{
    exporters->set_aside = exporters->others = 0;
    for (size_t i = 0; i < model->config->exporter_count; i++)
        if (exporters->set_aside < exporters->max && model_is_host(&model->config->exporters[i]))
            exporters->set_aside++;
    for (uint32_t i = 0; i < exporters->used; i++) {
        struct tally_exporter *exporter = exporters->items[i];
        if (exporter == NULL)
            continue;
        exporter->config = model_exporter(model, &exporter->addr);
        exporter->is_host = exporter->config != NULL && model_is_host(exporter->config);
        exporters->others += !exporter->is_host;
    }
}
