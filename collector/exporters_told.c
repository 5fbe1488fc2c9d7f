#include "collector/exporters_told.h"

#include <string.h>

enum status exporters_told_init(struct exporters_told *told, size_t max, size_t labels_max,
                                uint64_t seed)
{
    struct table_options options = {.entry_size = sizeof(struct exporter_told),
                                    .key_max = sizeof(struct ip_addr),
                                    .max = max,
                                    .seed = seed};
    told->max = max;
    for (unsigned int t = 0; t < DECODE_TRUSTS; t++)
        chain_init(&told->used[t]);
    told->table = table_new(&options);
    options.entry_size = 1;
    options.max = labels_max;
    told->labels = table_new(&options);
    return told->table != NULL && told->labels != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void exporters_told_done(struct exporters_told *told)
{
    table_free(told->table);
    table_free(told->labels);
    told->table = told->labels = NULL;
}

static bool make_room(struct exporters_told *told, enum decode_trust trust,
                      struct ip_addr *ret_gone)
{
    for (unsigned int t = 0; t <= trust; t++) {
        struct chain *oldest = told->used[t].prev;
        if (oldest == &told->used[t])
            continue;
        struct exporter_told *gone = CHAIN_OWNER(oldest, struct exporter_told, used);
        size_t len;
        memcpy(ret_gone, table_key(gone, &len), sizeof(*ret_gone));
        chain_drop(oldest);
        table_remove_entry(told->table, gone);
        return true;
    }
    return false;
}

static bool gets_label(struct exporters_told *told, const struct ip_addr *exporter,
                       enum decode_trust trust)
{
    bool is_new;
    return trust == DECODE_BY_ADDRESS ||
           table_insert(told->labels, exporter, sizeof(*exporter), &is_new) != NULL;
}

struct exporter_told *exporters_told_enter(struct exporters_told *told,
                                           const struct ip_addr *exporter, enum decode_trust trust,
                                           struct ip_addr *ret_gone)
{
    bool is_new = false;
    struct exporter_told *entry = table_find(told->table, exporter, sizeof(*exporter));
    ret_gone->family = ADDR_NONE;
    if (entry == NULL) {
        if (table_count(told->table) >= told->max && !make_room(told, trust, ret_gone))
            return NULL;
        entry = table_insert(told->table, exporter, sizeof(*exporter), &is_new);
        if (entry == NULL)
            return NULL;
    } else {
        chain_drop(&entry->used);
    }
    if (is_new || entry->trust != trust)
        entry->labelled = gets_label(told, exporter, trust);
    entry->trust = (uint8_t)trust;
    chain_push(&told->used[trust], &entry->used);
    return entry;
}

uint64_t exporters_told_lost(struct exporter_told *told, const struct decode_counts *counts)
{
    /* One that was forgotten and comes again counts from 0 again. */
    uint64_t before = counts->datagrams < told->datagrams ? 0 : told->sequence_lost;
    bool is_more = counts->sequence_lost > before;
    told->sequence_lost = is_more ? counts->sequence_lost : before;
    return is_more ? counts->sequence_lost - before : 0;
}
