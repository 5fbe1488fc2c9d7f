#include "proto/rollup.h"

#include "proto/columns.h"
#include "proto/map.h"
#include "proto/message.h"
#include "proto/rollup.pb-c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef Weir__V1__RollupTick rollup_message;

/* 4000 rows with all their windows, contributors and the longest keys take 4 MB; the rest is for
 * columns that newer builds add. */
enum { ROLLUP_LEN_MAX = 8 << 20, ROLLUP_FIELDS_MAX = 256 + ROLLUP_BLINDS_MAX };
enum {
    RATES_MAX = ROLLUP_ROWS_MAX * ROLLUP_WINDOWS_MAX,
    CONTRIBUTORS_MAX = ROLLUP_ROWS_MAX * ROLLUP_CONTRIBUTORS_MAX,
    WINDOWS_MAX = ROLLUP_COUNTS_MAX * ROLLUP_WINDOWS_MAX,
};

static const struct map_field rollup_map[] = {
    MAP_SMALL(struct rollup_tick, schema, rollup_message, schema, UINT32_MAX),
    MAP_TEXT(struct rollup_tick, shard, rollup_message, shard),
    MAP_TEXT(struct rollup_tick, aggregator, rollup_message, aggregator),
    MAP_U64(struct rollup_tick, epoch, rollup_message, epoch),
    MAP_U64(struct rollup_tick, sequence, rollup_message, sequence),
    MAP_U64(struct rollup_tick, covers_until_ms, rollup_message, covers_until_ms),
    MAP_SMALL(struct rollup_tick, part, rollup_message, part, UINT32_MAX),
    MAP_SMALL(struct rollup_tick, parts, rollup_message, parts, UINT32_MAX),
    MAP_BOOL(struct rollup_tick, truncated, rollup_message, truncated),
    MAP_DOUBLE(struct rollup_tick, truncated_ratio, rollup_message, truncated_ratio),
    MAP_BOOL(struct rollup_tick, blind, rollup_message, blind),
};
enum { ROLLUP_MAP = sizeof(rollup_map) / sizeof(rollup_map[0]) };

enum rollup_group {
    GROUP_BLINDS,
    GROUP_COUNTS,
    GROUP_WINDOWS,
    GROUP_EXPORTERS,
    GROUP_ROWS,
    GROUP_RATES,
    GROUP_CONTRIBUTORS
};

static const struct scan_column rollup_columns[] = {
    {12, GROUP_BLINDS},
    {13, GROUP_BLINDS},
    {14, GROUP_COUNTS},
    {15, GROUP_COUNTS},
    {16, GROUP_WINDOWS},
    {17, GROUP_COUNTS},
    {18, GROUP_COUNTS},
    {19, GROUP_COUNTS},
    {21, GROUP_EXPORTERS},
    {22, GROUP_ROWS},
    {23, GROUP_ROWS},
    {25, GROUP_ROWS},
    {26, GROUP_ROWS},
    {27, GROUP_RATES},
    {28, GROUP_RATES},
    {29, GROUP_RATES},
    {30, GROUP_RATES},
    {31, GROUP_RATES},
    {32, GROUP_CONTRIBUTORS},
    {33, GROUP_CONTRIBUTORS},
    {44, GROUP_RATES | SCAN_LATER},
    {45, GROUP_EXPORTERS | SCAN_LATER},
};

static const struct scan_rules rollup_rules = {
    .type = &weir__v1__rollup_tick__descriptor,
    .len_max = ROLLUP_LEN_MAX,
    .fields_max = ROLLUP_FIELDS_MAX,
    .columns = rollup_columns,
    .column_count = sizeof(rollup_columns) / sizeof(rollup_columns[0]),
    .group_max = {ROLLUP_BLINDS_MAX, ROLLUP_COUNTS_MAX, WINDOWS_MAX, ROLLUP_EXPORTERS_MAX,
                  ROLLUP_ROWS_MAX, RATES_MAX, CONTRIBUTORS_MAX},
};

/* --- encode ------------------------------------------------------------------------------------
 */

/* Room for the columns of the largest part; only what is used gets touched. */
struct rollup_scratch {
    char *blinds[ROLLUP_BLINDS_MAX];
    uint32_t blind_since_ms[ROLLUP_BLINDS_MAX];
    uint64_t count_ids[ROLLUP_COUNTS_MAX];
    uint32_t window_count[ROLLUP_COUNTS_MAX], windows_ms[WINDOWS_MAX];
    double floor_bytes[ROLLUP_COUNTS_MAX], floor_packets[ROLLUP_COUNTS_MAX];
    double floor_flows[ROLLUP_COUNTS_MAX];
    uint32_t heard_age_ms[ROLLUP_EXPORTERS_MAX], two_senders[ROLLUP_EXPORTERS_MAX];
    uint8_t addrs[ROLLUP_EXPORTERS_MAX * COLUMN_ADDR_MAX];
    uint32_t count[ROLLUP_ROWS_MAX], key_len[ROLLUP_ROWS_MAX];
    uint32_t contributor_count[ROLLUP_ROWS_MAX];
    uint64_t samples[ROLLUP_ROWS_MAX];
    uint8_t keys[ROLLUP_ROWS_MAX * KEY_BYTES_MAX];
    double bytes[RATES_MAX], packets[RATES_MAX], flows[RATES_MAX];
    double var_bytes[RATES_MAX], var_packets[RATES_MAX], var_flows[RATES_MAX];
    uint32_t contributor_exporter[CONTRIBUTORS_MAX], contributor_share[CONTRIBUTORS_MAX];
};

static enum status blinds_to_columns(const struct rollup_tick *tick, struct rollup_scratch *s,
                                     rollup_message *m)
{
    for (size_t i = 0; i < tick->blind_count; i++) {
        const struct rollup_blind *blind = &tick->blinds[i];
        if (memchr(blind->contributor, 0, sizeof(blind->contributor)) == NULL)
            return STATUS_LIMIT;
        s->blinds[i] = message_lend(blind->contributor);
        s->blind_since_ms[i] = blind->since_ms;
    }
    m->n_blind_contributors = m->n_blind_since_ms = tick->blind_count;
    m->blind_contributors = s->blinds;
    m->blind_since_ms = s->blind_since_ms;
    return STATUS_OK;
}

static enum status counts_to_columns(const struct rollup_tick *tick, struct rollup_scratch *s,
                                     rollup_message *m)
{
    size_t windows = 0, n = tick->count_count;
    for (size_t i = 0; i < n; i++) {
        const struct rollup_count *count = &tick->counts[i];
        if (count->window_count > ROLLUP_WINDOWS_MAX)
            return STATUS_LIMIT;
        if (!isfinite(count->floor_bytes) || !isfinite(count->floor_packets) ||
            !isfinite(count->floor_flows))
            return STATUS_RANGE;
        s->count_ids[i] = count->id;
        s->window_count[i] = (uint32_t)count->window_count;
        s->floor_bytes[i] = count->floor_bytes;
        s->floor_packets[i] = count->floor_packets;
        s->floor_flows[i] = count->floor_flows;
        for (size_t j = 0; j < count->window_count; j++)
            s->windows_ms[windows++] = count->windows_ms[j];
    }
    m->n_count_ids = m->n_count_window_count = n;
    m->n_count_floor_bytes = m->n_count_floor_packets = m->n_count_floor_flows = n;
    m->n_windows_ms = windows;
    m->count_ids = s->count_ids;
    m->count_window_count = s->window_count;
    m->windows_ms = s->windows_ms;
    m->count_floor_bytes = s->floor_bytes;
    m->count_floor_packets = s->floor_packets;
    m->count_floor_flows = s->floor_flows;
    return STATUS_OK;
}

static void exporters_to_columns(const struct rollup_tick *tick, struct rollup_scratch *s,
                                 rollup_message *m)
{
    struct wire_writer addrs = wire_writer_of(s->addrs, sizeof(s->addrs));
    bool any_two = false;
    for (size_t i = 0; i < tick->exporter_count; i++) {
        columns_put_addr(&addrs, &tick->exporters[i].addr);
        s->heard_age_ms[i] = tick->exporters[i].heard_age_ms;
        s->two_senders[i] = tick->exporters[i].two_senders;
        any_two |= tick->exporters[i].two_senders;
    }
    m->exporter_addrs = (ProtobufCBinaryData){addrs.len, s->addrs};
    m->n_exporter_heard_age_ms = tick->exporter_count;
    m->exporter_heard_age_ms = s->heard_age_ms;
    m->n_exporter_two_senders = any_two ? tick->exporter_count : 0;
    m->exporter_two_senders = s->two_senders;
}

static bool rates_valid(const struct rollup_rates *r)
{
    return isfinite(r->bytes) && isfinite(r->packets) && isfinite(r->flows) &&
           isfinite(r->var_bytes) && isfinite(r->var_packets) && isfinite(r->var_flows) &&
           r->bytes >= 0 && r->packets >= 0 && r->flows >= 0 && r->var_bytes >= 0 &&
           r->var_packets >= 0 && r->var_flows >= 0;
}

/* Appends one row's rates and contributors to their columns. */
static enum status row_to_columns(const struct rollup_tick *tick, const struct rollup_row *row,
                                  struct rollup_scratch *s, rollup_message *m)
{
    if (row->count >= tick->count_count || row->key.len > KEY_BYTES_MAX)
        return STATUS_RANGE;
    if (row->contributor_count > ROLLUP_CONTRIBUTORS_MAX)
        return STATUS_LIMIT;
    for (size_t j = 0; j < tick->counts[row->count].window_count; j++) {
        size_t at = m->n_rate_bytes++;
        if (!rates_valid(&row->rates[j]))
            return STATUS_RANGE;
        s->bytes[at] = row->rates[j].bytes;
        s->packets[at] = row->rates[j].packets;
        s->flows[at] = row->rates[j].flows;
        s->var_bytes[at] = row->rates[j].var_bytes;
        s->var_packets[at] = row->rates[j].var_packets;
        s->var_flows[at] = row->rates[j].var_flows;
    }
    for (size_t j = 0; j < row->contributor_count; j++) {
        size_t at = m->n_contributor_exporter++;
        if (row->contributors[j].exporter >= tick->exporter_count ||
            row->contributors[j].share_permille > 1000)
            return STATUS_RANGE;
        s->contributor_exporter[at] = row->contributors[j].exporter;
        s->contributor_share[at] = row->contributors[j].share_permille;
    }
    return STATUS_OK;
}

static enum status rows_to_columns(const struct rollup_tick *tick, struct rollup_scratch *s,
                                   rollup_message *m)
{
    size_t keys_len = 0, n = tick->row_count;
    for (size_t i = 0; i < n; i++) {
        const struct rollup_row *row = &tick->rows[i];
        enum status status = row_to_columns(tick, row, s, m);
        if (status != STATUS_OK)
            return status;
        s->count[i] = row->count;
        s->samples[i] = row->samples;
        s->contributor_count[i] = (uint32_t)row->contributor_count;
        s->key_len[i] = row->key.len;
        memcpy(s->keys + keys_len, row->key.bytes, row->key.len);
        keys_len += row->key.len;
    }
    m->n_row_count = m->n_row_key_len = m->n_row_samples = m->n_row_contributor_count = n;
    m->row_count = s->count;
    m->row_key_len = s->key_len;
    m->row_keys = (ProtobufCBinaryData){keys_len, s->keys};
    m->row_samples = s->samples;
    m->row_contributor_count = s->contributor_count;
    m->n_rate_packets = m->n_rate_flows = m->n_rate_bytes;
    m->n_rate_var_bytes = m->n_rate_var_packets = m->n_rate_var_flows = m->n_rate_bytes;
    m->rate_bytes = s->bytes;
    m->rate_packets = s->packets;
    m->rate_flows = s->flows;
    m->rate_var_bytes = s->var_bytes;
    m->rate_var_packets = s->var_packets;
    m->rate_var_flows = s->var_flows;
    m->n_contributor_share_permille = m->n_contributor_exporter;
    m->contributor_exporter = s->contributor_exporter;
    m->contributor_share_permille = s->contributor_share;
    return STATUS_OK;
}

enum status rollup_encode(const struct rollup_tick *tick, struct text *ret_bytes)
{
    rollup_message m;
    weir__v1__rollup_tick__init(&m);
    if (tick->schema != ROLLUP_SCHEMA)
        return STATUS_UNSUPPORTED;
    if (tick->part >= tick->parts)
        return STATUS_RANGE;
    if (tick->row_count > ROLLUP_ROWS_MAX || tick->count_count > ROLLUP_COUNTS_MAX ||
        tick->exporter_count > ROLLUP_EXPORTERS_MAX || tick->blind_count > ROLLUP_BLINDS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(rollup_map, ROLLUP_MAP, tick, &m);
    if (status != STATUS_OK)
        return status;
    struct rollup_scratch *scratch = malloc(sizeof(*scratch));
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    status = blinds_to_columns(tick, scratch, &m);
    if (status == STATUS_OK)
        status = counts_to_columns(tick, scratch, &m);
    if (status == STATUS_OK) {
        exporters_to_columns(tick, scratch, &m);
        status = rows_to_columns(tick, scratch, &m);
    }
    if (status == STATUS_OK)
        status = message_append(&rollup_rules, &m.base, NULL, ret_bytes);
    free(scratch);
    return status;
}

/* --- decode ------------------------------------------------------------------------------------
 */

static enum status blinds_from_columns(struct rollup_tick *tick, const rollup_message *m)
{
    for (size_t i = 0; i < tick->blind_count; i++) {
        struct rollup_blind *blind = &tick->blinds[i];
        size_t len = strlen(m->blind_contributors[i]);
        if (len >= sizeof(blind->contributor))
            return STATUS_MALFORMED;
        memcpy(blind->contributor, m->blind_contributors[i], len + 1);
        blind->since_ms = m->blind_since_ms[i];
    }
    return STATUS_OK;
}

static enum status counts_from_columns(struct rollup_tick *tick, const rollup_message *m)
{
    size_t windows = 0;
    for (size_t i = 0; i < tick->count_count; i++) {
        struct rollup_count *count = &tick->counts[i];
        size_t n = m->count_window_count[i];
        if (n > ROLLUP_WINDOWS_MAX || n > m->n_windows_ms - windows)
            return STATUS_MALFORMED;
        count->id = m->count_ids[i];
        count->window_count = n;
        for (size_t j = 0; j < n; j++)
            count->windows_ms[j] = m->windows_ms[windows++];
        count->floor_bytes = m->count_floor_bytes[i];
        count->floor_packets = m->count_floor_packets[i];
        count->floor_flows = m->count_floor_flows[i];
        if (!isfinite(count->floor_bytes) || !isfinite(count->floor_packets) ||
            !isfinite(count->floor_flows))
            return STATUS_MALFORMED;
    }
    return windows == m->n_windows_ms ? STATUS_OK : STATUS_MALFORMED;
}

static enum status exporters_from_columns(struct rollup_tick *tick, const rollup_message *m)
{
    struct wire_reader addrs = wire_reader_of(m->exporter_addrs.data, m->exporter_addrs.len);
    for (size_t i = 0; i < tick->exporter_count; i++) {
        if (columns_take_addr(&addrs, false, &tick->exporters[i].addr) != STATUS_OK)
            return STATUS_MALFORMED;
        tick->exporters[i].heard_age_ms = m->exporter_heard_age_ms[i];
        tick->exporters[i].two_senders =
            m->n_exporter_two_senders > 0 && m->exporter_two_senders[i] != 0;
    }
    return columns_end(&addrs) ? STATUS_OK : STATUS_MALFORMED;
}

/* Where the next row's entries begin in the flattened columns. */
struct row_cursor {
    struct wire_reader keys;
    size_t rates, contributors;
};

static enum status row_from_columns(const struct rollup_tick *tick, struct rollup_row *row,
                                    const rollup_message *m, struct row_cursor *at)
{
    size_t windows = tick->counts[row->count].window_count;
    if (windows > m->n_rate_bytes - at->rates)
        return STATUS_MALFORMED;
    for (size_t j = 0; j < windows; j++, at->rates++) {
        row->rates[j] = (struct rollup_rates){
            .bytes = m->rate_bytes[at->rates],
            .packets = m->rate_packets[at->rates],
            .flows = m->rate_flows[at->rates],
            .var_bytes = m->rate_var_bytes[at->rates],
            .var_packets = m->rate_var_packets[at->rates],
            .var_flows = m->n_rate_var_flows > 0 ? m->rate_var_flows[at->rates] : 0,
        };
        if (!rates_valid(&row->rates[j]))
            return STATUS_MALFORMED;
    }
    if (row->contributor_count > ROLLUP_CONTRIBUTORS_MAX ||
        row->contributor_count > m->n_contributor_exporter - at->contributors)
        return STATUS_MALFORMED;
    for (size_t j = 0; j < row->contributor_count; j++, at->contributors++) {
        uint32_t exporter = m->contributor_exporter[at->contributors];
        uint32_t share = m->contributor_share_permille[at->contributors];
        if (exporter >= tick->exporter_count || share > 1000)
            return STATUS_MALFORMED;
        row->contributors[j].exporter = exporter;
        row->contributors[j].share_permille = (uint16_t)share;
    }
    return STATUS_OK;
}

static enum status rows_from_columns(struct rollup_tick *tick, const rollup_message *m)
{
    struct row_cursor at = {.keys = wire_reader_of(m->row_keys.data, m->row_keys.len)};
    for (size_t i = 0; i < tick->row_count; i++) {
        struct rollup_row *row = &tick->rows[i];
        if (m->row_count[i] >= tick->count_count ||
            columns_take_key(&at.keys, m->row_key_len[i], &row->key) != STATUS_OK)
            return STATUS_MALFORMED;
        row->count = m->row_count[i];
        row->samples = m->row_samples[i];
        row->contributor_count = m->row_contributor_count[i];
        enum status status = row_from_columns(tick, row, m, &at);
        if (status != STATUS_OK)
            return status;
    }
    return columns_end(&at.keys) && at.rates == m->n_rate_bytes &&
                   at.contributors == m->n_contributor_exporter
               ? STATUS_OK
               : STATUS_MALFORMED;
}

static enum status tick_from_message(struct rollup_tick *ret_tick, const rollup_message *m,
                                     const struct scan_result *lens)
{
    if (m->schema != ROLLUP_SCHEMA)
        return STATUS_UNSUPPORTED;
    if (map_check(rollup_map, ROLLUP_MAP, m) != STATUS_OK || m->part >= m->parts)
        return STATUS_MALFORMED;
    struct rollup_tick tick = {
        .blind_count = lens->group_len[GROUP_BLINDS],
        .count_count = lens->group_len[GROUP_COUNTS],
        .exporter_count = lens->group_len[GROUP_EXPORTERS],
        .row_count = lens->group_len[GROUP_ROWS],
    };
    map_to_noun(rollup_map, ROLLUP_MAP, m, &tick);
    tick.blinds = calloc(tick.blind_count + 1, sizeof(*tick.blinds));
    tick.counts = calloc(tick.count_count + 1, sizeof(*tick.counts));
    tick.exporters = calloc(tick.exporter_count + 1, sizeof(*tick.exporters));
    tick.rows = calloc(tick.row_count + 1, sizeof(*tick.rows));
    enum status status = STATUS_OK;
    if (tick.blinds == NULL || tick.counts == NULL || tick.exporters == NULL || tick.rows == NULL)
        status = STATUS_NO_MEMORY;
    if (status == STATUS_OK)
        status = blinds_from_columns(&tick, m);
    if (status == STATUS_OK)
        status = counts_from_columns(&tick, m);
    if (status == STATUS_OK)
        status = exporters_from_columns(&tick, m);
    if (status == STATUS_OK)
        status = rows_from_columns(&tick, m);
    if (status != STATUS_OK) {
        rollup_done(&tick);
        return status;
    }
    *ret_tick = tick;
    return STATUS_OK;
}

enum status rollup_decode(struct rollup_tick *ret_tick, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    if (len > 0 && scan_schema(bytes, len) > ROLLUP_SCHEMA)
        return STATUS_UNSUPPORTED;
    enum status status = message_unpack(&rollup_rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    status = tick_from_message(ret_tick, (const rollup_message *)message, &lens);
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

void rollup_done(struct rollup_tick *tick)
{
    if (tick == NULL)
        return;
    free(tick->blinds);
    free(tick->counts);
    free(tick->exporters);
    free(tick->rows);
    tick->blinds = NULL;
    tick->counts = NULL;
    tick->exporters = NULL;
    tick->rows = NULL;
    tick->blind_count = tick->count_count = tick->exporter_count = tick->row_count = 0;
}
