#include "aggregator/window/exporters.h"

#include "common/base/table.h"

#include <stdlib.h>
#include <string.h>

enum status exporters_init(struct exporters *exporters, uint64_t seed)
{
    const struct table_options options = {.entry_size = sizeof(uint32_t),
                                          .key_max = sizeof(struct ip_addr),
                                          .max = ROLLUP_EXPORTERS_MAX,
                                          .seed = seed};
    *exporters = (struct exporters){.numbers = table_new(&options)};
    return exporters->numbers != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void exporters_done(struct exporters *exporters)
{
    table_free(exporters->numbers);
    free(exporters->items);
    *exporters = (struct exporters){0};
}

/* One more number, or, when all were given, one without an owner: the table has room for as many,
 * so there is one. */
static uint32_t take_number(struct exporters *exporters)
{
    if (exporters->count == ROLLUP_EXPORTERS_MAX) {
        uint32_t i = 0;
        while (exporters->items[i].addr.family != ADDR_NONE)
            i++;
        return i;
    }
    if (exporters->count == exporters->room) {
        size_t room = exporters->room == 0 ? 64 : exporters->room * 2;
        struct exporter *grown = realloc(exporters->items, room * sizeof(*grown));
        if (grown == NULL)
            return EXPORTER_NONE;
        exporters->items = grown;
        exporters->room = room;
    }
    return (uint32_t)exporters->count++;
}

uint32_t exporters_hear(struct exporters *exporters, const struct ip_addr *addr, uint64_t heard_ms)
{
    bool is_new;
    uint32_t *number = table_insert(exporters->numbers, addr, sizeof(*addr), &is_new);
    if (number == NULL)
        return EXPORTER_NONE;
    if (is_new) {
        *number = take_number(exporters);
        if (*number == EXPORTER_NONE) {
            table_remove_entry(exporters->numbers, number);
            return EXPORTER_NONE;
        }
        exporters->items[*number] = (struct exporter){.addr = *addr};
    }
    struct exporter *exporter = &exporters->items[*number];
    if (heard_ms > exporter->heard_ms)
        exporter->heard_ms = heard_ms;
    return *number;
}

void exporters_note_two_senders(struct exporters *exporters, uint32_t number, uint64_t at_ms)
{
    if (at_ms > exporters->items[number].two_senders_ms)
        exporters->items[number].two_senders_ms = at_ms;
}

void exporters_forget(struct exporters *exporters, uint64_t now_ms)
{
    for (size_t i = 0; i < exporters->count; i++) {
        struct exporter *exporter = &exporters->items[i];
        if (exporter->addr.family == ADDR_NONE || now_ms < exporter->heard_ms + EXPORTER_KEEP_MS)
            continue;
        (void)table_remove(exporters->numbers, &exporter->addr, sizeof(exporter->addr));
        *exporter = (struct exporter){0};
    }
}
