#include "collector/tally/tally_internal.h"

#include <stdlib.h>

static const struct {
    const char *name, *text;
} reasons[TALLY_REASON_COUNT] = {
#define X(name, text) {#name, text},
    TALLY_REASON_LIST(X)
#undef X
};

const char *tally_reason_name(enum tally_reason reason)
{
    return (unsigned int)reason < TALLY_REASON_COUNT ? reasons[reason].name : "UNKNOWN";
}

const char *tally_reason_text(enum tally_reason reason)
{
    return (unsigned int)reason < TALLY_REASON_COUNT ? reasons[reason].text : "unknown reason";
}

/* --- counts --- */

static void free_filters(struct filter **filters, size_t count)
{
    for (size_t i = 0; filters != NULL && i < count; i++)
        filter_free(filters[i]);
    free(filters);
}

static struct filter **make_filters(const struct tally_options *options)
{
    const struct model *model = options->model;
    struct filter **filters = calloc(model->count_count + 1, sizeof(struct filter *));
    for (size_t i = 0; filters != NULL && i < model->count_count; i++) {
        filters[i] = filter_new(model, &model->counts[i], options->ipv6_host_len);
        if (filters[i] == NULL) {
            free_filters(filters, i);
            return NULL;
        }
    }
    return filters;
}

static enum status make_rows(struct tally *tally, struct rows *rows,
                             const struct tally_options *options)
{
    uint32_t workers = options->live_workers > 0 ? options->live_workers : 1;
    return rows_init(rows, &(struct rows_options){
                               .model = options->model,
                               .max_keys = options->max_keys,
                               .urgent_score = options->urgent_share / workers,
                               .seed = options->seed,
                               .exporter_rows = tally->exporters.rows,
                               .counters = &tally->counters,
                           });
}

static void take_filters(struct tally *tally, struct filter **filters)
{
    const struct model *model = tally->options.model;
    tally->filters = filters;
    tally->filter_count = model->count_count;
    tally->asks_direction = tally->options.wants_direction;
    for (size_t i = 0; i < model->count_count; i++)
        tally->asks_direction |= model->counts[i].spec.direction != DIRECTION_ANY;
}

struct tally *tally_new(const struct tally_options *options)
{
    struct tally *tally = calloc(1, sizeof(*tally));
    if (tally == NULL)
        return NULL;
    tally->options = *options;
    struct filter **filters = make_filters(options);
    if (filters != NULL)
        take_filters(tally, filters);
    if (filters == NULL ||
        exporters_init(&tally->exporters, options->exporters_max, options->seed) != STATUS_OK ||
        make_rows(tally, &tally->rows, options) != STATUS_OK) {
        tally_free(tally);
        return NULL;
    }
    exporters_reload(&tally->exporters, options->model);
    return tally;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    rows_done(&tally->rows);
    exporters_done(&tally->exporters);
    free_filters(tally->filters, tally->filter_count);
    free(tally);
}

static uint16_t *map_counts(const struct model *from, const struct model *to)
{
    uint16_t *map = calloc(from->count_count + 1, sizeof(*map));
    for (size_t i = 0; map != NULL && i < from->count_count; i++) {
        map[i] = UINT16_MAX;
        for (size_t j = 0; j < to->count_count; j++)
            if (to->counts[j].id == from->counts[i].id)
                map[i] = (uint16_t)j;
    }
    return map;
}

enum status tally_reload(struct tally *tally, const struct tally_options *options)
{
    struct rows rows;
    tally_settle(tally);
    struct filter **filters = make_filters(options);
    uint16_t *map = map_counts(tally->options.model, options->model);
    if (filters == NULL || map == NULL || make_rows(tally, &rows, options) != STATUS_OK) {
        free_filters(filters, options->model->count_count);
        free(map);
        return STATUS_NO_MEMORY;
    }
    rows_move(&rows, &tally->rows, map);
    rows_done(&tally->rows);
    free_filters(tally->filters, tally->filter_count);
    free(map);
    uint32_t exporters_max = tally->options.exporters_max;
    tally->rows = rows;
    tally->options = *options;
    tally->options.exporters_max = exporters_max; /* sized once */
    take_filters(tally, filters);
    exporters_reload(&tally->exporters, options->model);
    return STATUS_OK;
}

/* --- records --- */

struct tally_exporter *tally_exporter(struct tally *tally, const struct ip_addr *addr,
                                      uint64_t now_ms)
{
    enum tally_reason reason;
    /* A sender that gives its number away may still have records waiting under it. */
    if (exporters_may_give_away(&tally->exporters) && tally_exporter_find(tally, addr) == NULL)
        tally_settle(tally);
    struct tally_exporter *exporter = exporters_enter(&tally->exporters, tally->options.model, addr,
                                                      now_ms, &tally->counters, &reason);
    if (exporter == NULL)
        tally->counters.refused[FORMAT_COUNT][reason]++;
    return exporter;
}

const struct tally_stranger *tally_strangers(const struct tally *tally, size_t *ret_count)
{
    *ret_count = tally->exporters.stranger_count;
    return tally->exporters.strangers;
}

void tally_exporter_unheard(struct tally_exporter *exporter)
{
    exporter->heard_ms = exporter->heard_before_ms;
}

void tally_settle(struct tally *tally)
{
    rows_settle(&tally->rows, &tally->rings);
}

/* An addition whose identity is at its place. */
static inline void take(struct tally *tally, size_t table, uint64_t hash, uint32_t at_ms)
{
    if (ring_take(&tally->rings.of[table], tally->rows.tables[table], hash, at_ms))
        rows_go_on(&tally->rows, &tally->rings, table);
}

/* A record is counted by none, by short keys, by long ones, or by both. */
enum counted { COUNTED_SHORT = 1 << ROWS_SHORT, COUNTED_LONG = 1 << ROWS_LONG };

/* One that has short keys. head: the low word without count and key. */
static inline bool count_short(struct tally *tally, const struct filter *filter,
                               const struct flow_record *flow, uint64_t head, uint32_t at_ms)
{
    struct identity_words words;
    if (!filter_short_key(filter, flow, &words))
        return false;
    words.low |= head;
    identity_put_words(
        rings_identity(&tally->rings, ROWS_SHORT, ring_place(&tally->rings.of[ROWS_SHORT])), words);
    take(tally, ROWS_SHORT, identity_hash_words(words, tally->rows.seed), at_ms);
    return true;
}

/* Any key. Gives what the record is counted by with it. */
static __attribute__((noinline)) unsigned int count_long(struct tally *tally,
                                                         const struct filter *filter,
                                                         struct filter_record record, uint64_t head,
                                                         uint32_t at_ms, unsigned int counted)
{
    struct rings *rings = &tally->rings;
    struct identity identity;
    identity_put_words(&identity, (struct identity_words){.low = head}); /* zeros end a short one */
    if (!filter_key(filter, record, &identity.key))
        return counted;
    size_t len = identity_len(&identity), table = len == IDENTITY_SHORT ? ROWS_SHORT : ROWS_LONG;
    if (table == ROWS_LONG && !(counted & COUNTED_LONG))
        *ring_volume(&rings->of[ROWS_LONG]) = *ring_volume(&rings->of[ROWS_SHORT]);
    memcpy(rings_identity(rings, table, ring_place(&rings->of[table])), &identity, len);
    take(tally, table, identity_hash(&identity, len, tally->rows.seed), at_ms);
    return counted | 1U << table;
}

/* By each count that wants it. The record's volume is where that of short keys has its place. */
static inline unsigned int count(struct tally *tally, struct filter_record record, uint64_t head,
                                 uint32_t at_ms)
{
    unsigned int counted = 0;
    for (size_t i = 0; i < tally->filter_count; i++, head += (uint64_t)1 << WORD_COUNT) {
        const struct filter *filter = tally->filters[i];
        if (!filter_passes(filter, record))
            continue;
        if (count_short(tally, filter, record.flow, head, at_ms))
            counted |= COUNTED_SHORT;
        else
            counted = count_long(tally, filter, record, head, at_ms, counted);
    }
    if (counted & COUNTED_SHORT)
        ring_next_record(&tally->rings.of[ROWS_SHORT]);
    if (counted & COUNTED_LONG)
        ring_next_record(&tally->rings.of[ROWS_LONG]);
    return counted;
}

/* Where several exporters see one packet, only the one on whose boundary it enters counts it. */
static bool enters(const struct config_exporter *config, const struct flow_record *flow)
{
    if (config == NULL || config->boundary_count == 0)
        return true;
    for (size_t i = 0; flow->has & FLOW_INPUT_IF && i < config->boundary_count; i++)
        if (config->boundary[i] == flow->input_if)
            return true;
    return false;
}

void tally_refuse(struct tally *tally, struct tally_exporter *exporter,
                  const struct flow_record *flow, enum tally_reason reason)
{
    tally->counters.refused[flow->format][reason]++;
    exporter->refused[reason]++;
}

static bool is_refused(struct tally *tally, struct tally_exporter *exporter,
                       const struct flow_record *flow)
{
    enum tally_reason reason = volume_judge(flow, exporter->config);
    if (reason == TALLY_REASON_COUNT)
        return false;
    tally_refuse(tally, exporter, flow, reason);
    return true;
}

/* Of one that is not refused. */
static bool is_to_count(struct tally *tally, struct tally_exporter *exporter,
                        const struct flow_record *flow)
{
    struct tally_counters *counters = &tally->counters;
    counters->records++;
    exporter->records++;
    counters->unknown_rate += flow->sampling_rate == 0;
    if (enters(exporter->config, flow))
        return true;
    counters->outside_boundary++;
    return false;
}

bool tally_add(struct tally *tally, struct tally_exporter *exporter, const struct flow_record *flow,
               uint64_t since_ms)
{
    struct filter_record record = {.flow = flow, .exporter = &exporter->addr};

    tally->direction = DIRECTION_ANY;
    if (!(flow->has & (FLOW_BYTES | FLOW_PACKETS))) {
        tally->counters.without_volume++;
        return true;
    }
    if (is_refused(tally, exporter, flow))
        return false;
    if (!is_to_count(tally, exporter, flow))
        return true;
    if (tally->asks_direction)
        record.direction = tally->direction = model_direction(tally->options.model, flow);
    struct volume *volume = ring_volume(&tally->rings.of[ROWS_SHORT]);
    volume_of(flow, volume);
    uint64_t head = identity_low((struct identity_head){.exporter = (uint16_t)exporter->index,
                                                        .duration_class = volume->duration_class});
    tally->counters.uncounted += count(tally, record, head, (uint32_t)since_ms) == 0;
    return true;
}

enum direction tally_direction(const struct tally *tally)
{
    return tally->direction;
}

/* --- what leaves --- */

bool tally_has_urgent(const struct tally *tally)
{
    return tally->rows.urgent_count > 0;
}

size_t tally_rows(const struct tally *tally)
{
    return rows_total(&tally->rows);
}

size_t tally_exporter_count(const struct tally *tally)
{
    return tally->exporters.used;
}

const struct tally_exporter *tally_exporter_at(const struct tally *tally, size_t index)
{
    return index < tally->exporters.used ? tally->exporters.items[index] : NULL;
}

const struct tally_exporter *tally_exporter_find(const struct tally *tally,
                                                 const struct ip_addr *addr)
{
    return table_find(tally->exporters.table, addr, sizeof(*addr));
}

void tally_next_interval(struct tally *tally)
{
    for (size_t i = 0; i < tally->exporters.used; i++)
        if (tally->exporters.items[i] != NULL)
            tally->exporters.items[i]->records = 0;
}

const struct tally_counters *tally_counters(const struct tally *tally)
{
    return &tally->counters;
}
