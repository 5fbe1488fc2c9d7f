#include "proto/delta.h"

#include "proto/columns.h"
#include "proto/delta.pb-c.h"
#include "proto/map.h"
#include "proto/message.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef Weir__V1__DeltaBatch delta_message;

/* 4000 rows of the longest keys and largest numbers take 0.8 MB; the rest is for columns that newer
 * builds add. */
enum { DELTA_LEN_MAX = 4 << 20, DELTA_FIELDS_MAX = 256 };

static const struct map_field delta_map[] = {
    MAP_SMALL(struct delta_batch, schema, delta_message, schema, UINT32_MAX),
    MAP_TEXT(struct delta_batch, collector, delta_message, collector),
    MAP_U64(struct delta_batch, epoch, delta_message, epoch),
    MAP_SMALL(struct delta_batch, worker, delta_message, worker, UINT32_MAX),
    MAP_SMALL(struct delta_batch, workers, delta_message, workers, UINT32_MAX),
    MAP_TEXT(struct delta_batch, shard, delta_message, shard),
    MAP_U64(struct delta_batch, sequence, delta_message, sequence),
    MAP_SMALL(struct delta_batch, interval_ms, delta_message, interval_ms, UINT32_MAX),
    MAP_SMALL(struct delta_batch, age_ms, delta_message, age_ms, UINT32_MAX),
    MAP_U64(struct delta_batch, residual_bytes, delta_message, residual_bytes),
    MAP_U64(struct delta_batch, residual_packets, delta_message, residual_packets),
};
enum { DELTA_MAP = sizeof(delta_map) / sizeof(delta_map[0]) };

enum delta_group { GROUP_COUNTS, GROUP_EXPORTERS, GROUP_ROWS };

static const struct scan_column delta_columns[] = {
    {12, GROUP_COUNTS},
    {14, GROUP_EXPORTERS},
    {15, GROUP_EXPORTERS},
    {16, GROUP_ROWS},
    {17, GROUP_ROWS},
    {18, GROUP_ROWS},
    {20, GROUP_ROWS},
    {21, GROUP_ROWS},
    {22, GROUP_ROWS},
    {23, GROUP_ROWS},
    {24, GROUP_ROWS},
    {25, GROUP_ROWS},
    {26, GROUP_ROWS},
    {27, GROUP_ROWS},
    {32, GROUP_ROWS | SCAN_LATER},
    {33, GROUP_EXPORTERS | SCAN_LATER},
};

static const struct scan_rules delta_rules = {
    .type = &weir__v1__delta_batch__descriptor,
    .len_max = DELTA_LEN_MAX,
    .fields_max = DELTA_FIELDS_MAX,
    .columns = delta_columns,
    .column_count = sizeof(delta_columns) / sizeof(delta_columns[0]),
    .group_max = {DELTA_COUNTS_MAX, DELTA_EXPORTERS_MAX, DELTA_ROWS_MAX},
};

/* --- rows --------------------------------------------------------------------------------------
 */

/* The sum stays finite, since readers refuse a variance that is not. */
static double variance_add(double a, double b)
{
    double sum = a + b;
    return sum < DBL_MAX ? sum : DBL_MAX;
}

static double weight(const struct delta_row *row)
{
    return (double)row->bytes + (double)row->packets + (double)row->flows;
}

void delta_row_add(struct delta_row *row, const struct delta_row *other)
{
    const double mine = weight(row), its = weight(other);
    if (mine + its > 0)
        row->duration_ms =
            (uint32_t)((mine * row->duration_ms + its * other->duration_ms) / (mine + its) + 0.5);
    else if (other->duration_ms > row->duration_ms)
        row->duration_ms = other->duration_ms;
    row->bytes = sat_add_u64(row->bytes, other->bytes);
    row->packets = sat_add_u64(row->packets, other->packets);
    row->flows = sat_add_u64(row->flows, other->flows);
    row->samples = sat_add_u64(row->samples, other->samples);
    row->var_bytes = variance_add(row->var_bytes, other->var_bytes);
    row->var_packets = variance_add(row->var_packets, other->var_packets);
    row->var_flows = variance_add(row->var_flows, other->var_flows);
    if (other->age_ticks > row->age_ticks)
        row->age_ticks = other->age_ticks;
}

static bool variance_valid(double variance)
{
    return isfinite(variance) && variance >= 0;
}

static bool variances_valid(const struct delta_row *row)
{
    return variance_valid(row->var_bytes) && variance_valid(row->var_packets) &&
           variance_valid(row->var_flows);
}

/* --- encode ------------------------------------------------------------------------------------
 */

/* Room for the columns of the largest batch; only what is used gets touched. */
struct delta_scratch {
    uint32_t heard_age_ms[DELTA_EXPORTERS_MAX], two_senders[DELTA_EXPORTERS_MAX];
    uint64_t records[DELTA_EXPORTERS_MAX];
    uint8_t addrs[DELTA_EXPORTERS_MAX * COLUMN_ADDR_MAX];
    uint32_t count[DELTA_ROWS_MAX], exporter[DELTA_ROWS_MAX], key_len[DELTA_ROWS_MAX];
    uint32_t duration_ms[DELTA_ROWS_MAX], age_ticks[DELTA_ROWS_MAX];
    uint64_t bytes[DELTA_ROWS_MAX], packets[DELTA_ROWS_MAX];
    uint64_t flows[DELTA_ROWS_MAX], samples[DELTA_ROWS_MAX];
    double var_bytes[DELTA_ROWS_MAX], var_packets[DELTA_ROWS_MAX], var_flows[DELTA_ROWS_MAX];
    uint8_t keys[DELTA_ROWS_MAX * KEY_BYTES_MAX];
};

static void exporters_to_columns(const struct delta_batch *batch, struct delta_scratch *s,
                                 delta_message *m)
{
    struct wire_writer addrs = wire_writer_of(s->addrs, sizeof(s->addrs));
    bool any_two = false;
    for (size_t i = 0; i < batch->exporter_count; i++) {
        columns_put_addr(&addrs, &batch->exporters[i].addr);
        s->heard_age_ms[i] = batch->exporters[i].heard_age_ms;
        s->records[i] = batch->exporters[i].records;
        s->two_senders[i] = batch->exporters[i].two_senders;
        any_two |= batch->exporters[i].two_senders;
    }
    m->exporter_addrs = (ProtobufCBinaryData){addrs.len, s->addrs};
    m->n_exporter_heard_age_ms = m->n_exporter_records = batch->exporter_count;
    m->exporter_heard_age_ms = s->heard_age_ms;
    m->exporter_records = s->records;
    m->n_exporter_two_senders = any_two ? batch->exporter_count : 0;
    m->exporter_two_senders = s->two_senders;
}

static enum status rows_to_columns(const struct delta_batch *batch, struct delta_scratch *s,
                                   delta_message *m)
{
    size_t keys_len = 0, n = batch->row_count;
    for (size_t i = 0; i < n; i++) {
        const struct delta_row *row = &batch->rows[i];
        if (row->count >= batch->count_count || row->exporter >= batch->exporter_count ||
            row->key.len > KEY_BYTES_MAX || !variances_valid(row))
            return STATUS_RANGE;
        s->count[i] = row->count;
        s->exporter[i] = row->exporter;
        s->bytes[i] = row->bytes;
        s->packets[i] = row->packets;
        s->flows[i] = row->flows;
        s->samples[i] = row->samples;
        s->var_bytes[i] = row->var_bytes;
        s->var_packets[i] = row->var_packets;
        s->var_flows[i] = row->var_flows;
        s->duration_ms[i] = row->duration_ms;
        s->age_ticks[i] = row->age_ticks;
        s->key_len[i] = row->key.len;
        memcpy(s->keys + keys_len, row->key.bytes, row->key.len);
        keys_len += row->key.len;
    }
    m->n_row_count = m->n_row_exporter = m->n_row_key_len = m->n_row_bytes = m->n_row_packets = n;
    m->n_row_flows = m->n_row_samples = m->n_row_var_bytes = m->n_row_var_packets = n;
    m->n_row_var_flows = n;
    m->n_row_duration_ms = m->n_row_age_ticks = n;
    m->row_count = s->count;
    m->row_exporter = s->exporter;
    m->row_key_len = s->key_len;
    m->row_keys = (ProtobufCBinaryData){keys_len, s->keys};
    m->row_bytes = s->bytes;
    m->row_packets = s->packets;
    m->row_flows = s->flows;
    m->row_samples = s->samples;
    m->row_var_bytes = s->var_bytes;
    m->row_var_packets = s->var_packets;
    m->row_var_flows = s->var_flows;
    m->row_duration_ms = s->duration_ms;
    m->row_age_ticks = s->age_ticks;
    return STATUS_OK;
}

enum status delta_encode(const struct delta_batch *batch, struct text *ret_bytes)
{
    delta_message m;
    weir__v1__delta_batch__init(&m);
    if (batch->schema != DELTA_SCHEMA)
        return STATUS_UNSUPPORTED;
    if (batch->row_count > DELTA_ROWS_MAX || batch->count_count > DELTA_COUNTS_MAX ||
        batch->exporter_count > DELTA_EXPORTERS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(delta_map, DELTA_MAP, batch, &m);
    if (status != STATUS_OK)
        return status;
    struct delta_scratch *scratch = malloc(sizeof(*scratch));
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    m.n_counts = batch->count_count;
    m.counts = (uint64_t *)(uintptr_t)batch->counts; /* the message only reads them */
    exporters_to_columns(batch, scratch, &m);
    status = rows_to_columns(batch, scratch, &m);
    if (status == STATUS_OK)
        status = message_append(&delta_rules, &m.base, NULL, ret_bytes);
    free(scratch);
    return status;
}

/* --- decode ------------------------------------------------------------------------------------
 */

static enum status exporters_from_columns(struct delta_exporter *exporters, size_t n,
                                          const delta_message *m)
{
    struct wire_reader addrs = wire_reader_of(m->exporter_addrs.data, m->exporter_addrs.len);
    for (size_t i = 0; i < n; i++) {
        if (columns_take_addr(&addrs, false, &exporters[i].addr) != STATUS_OK)
            return STATUS_MALFORMED;
        exporters[i].heard_age_ms = m->exporter_heard_age_ms[i];
        exporters[i].records = m->exporter_records[i];
        exporters[i].two_senders = m->n_exporter_two_senders > 0 && m->exporter_two_senders[i] != 0;
    }
    return columns_end(&addrs) ? STATUS_OK : STATUS_MALFORMED;
}

static enum status rows_from_columns(struct delta_row *rows, size_t n, const delta_message *m)
{
    struct wire_reader keys = wire_reader_of(m->row_keys.data, m->row_keys.len);
    for (size_t i = 0; i < n; i++) {
        struct delta_row *row = &rows[i];
        if (m->row_count[i] >= m->n_counts || m->row_exporter[i] >= m->n_exporter_records ||
            columns_take_key(&keys, m->row_key_len[i], &row->key) != STATUS_OK)
            return STATUS_MALFORMED;
        row->count = m->row_count[i];
        row->exporter = m->row_exporter[i];
        row->bytes = m->row_bytes[i];
        row->packets = m->row_packets[i];
        row->flows = m->row_flows[i];
        row->samples = m->row_samples[i];
        row->var_bytes = m->row_var_bytes[i];
        row->var_packets = m->row_var_packets[i];
        row->var_flows = m->n_row_var_flows > 0 ? m->row_var_flows[i] : 0;
        row->duration_ms = m->row_duration_ms[i];
        row->age_ticks = m->row_age_ticks[i];
        if (!variances_valid(row))
            return STATUS_MALFORMED;
    }
    return columns_end(&keys) ? STATUS_OK : STATUS_MALFORMED;
}

/* Fills *ret_batch last, so that it is written only on success. */
static enum status batch_from_message(struct delta_batch *ret_batch, const delta_message *m,
                                      const struct scan_result *lens)
{
    size_t n_exporters = lens->group_len[GROUP_EXPORTERS], n_rows = lens->group_len[GROUP_ROWS];
    if (m->schema != DELTA_SCHEMA)
        return STATUS_UNSUPPORTED;
    if (map_check(delta_map, DELTA_MAP, m) != STATUS_OK)
        return STATUS_MALFORMED;
    struct delta_exporter *exporters = calloc(n_exporters + 1, sizeof(*exporters));
    struct delta_row *rows = calloc(n_rows + 1, sizeof(*rows));
    enum status status = exporters == NULL || rows == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        status = exporters_from_columns(exporters, n_exporters, m);
    if (status == STATUS_OK)
        status = rows_from_columns(rows, n_rows, m);
    if (status != STATUS_OK) {
        free(exporters);
        free(rows);
        return status;
    }
    memset(ret_batch, 0, sizeof(*ret_batch));
    map_to_noun(delta_map, DELTA_MAP, m, ret_batch);
    if (m->n_counts > 0)
        memcpy(ret_batch->counts, m->counts, m->n_counts * sizeof(m->counts[0]));
    ret_batch->count_count = m->n_counts;
    ret_batch->exporters = exporters;
    ret_batch->exporter_count = n_exporters;
    ret_batch->rows = rows;
    ret_batch->row_count = n_rows;
    return STATUS_OK;
}

enum status delta_decode(struct delta_batch *ret_batch, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    if (len > 0 && scan_schema(bytes, len) > DELTA_SCHEMA)
        return STATUS_UNSUPPORTED;
    enum status status = message_unpack(&delta_rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    status = batch_from_message(ret_batch, (const delta_message *)message, &lens);
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

void delta_done(struct delta_batch *batch)
{
    if (batch == NULL)
        return;
    free(batch->exporters);
    free(batch->rows);
    batch->exporters = NULL;
    batch->rows = NULL;
    batch->exporter_count = batch->row_count = 0;
}
