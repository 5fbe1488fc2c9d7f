#include "proto/alarm.h"
#include "proto/columns.h"
#include "proto/map.h"
#include "proto/message.h"
#include "proto/recall.pb-c.h"
#include "proto/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef Weir__V1__RecallRequest request_message;
typedef Weir__V1__RecallReply reply_message;

/* 4096 tuples of the largest numbers take 0.5 MB. */
enum { REPLY_LEN_MAX = 1 << 20 };

static const struct map_field request_map[] = {
    MAP_TEXT(struct recall_request, id, request_message, id),
    MAP_U64(struct recall_request, expires_at_ms, request_message, expires_at_ms),
    MAP_SMALL(struct recall_request, now_ms, request_message, now_ms, UINT32_MAX),
    MAP_SMALL(struct recall_request, before_ms, request_message, before_ms, UINT32_MAX),
};
enum { REQUEST_MAP = sizeof(request_map) / sizeof(request_map[0]) };

static const struct scan_column request_columns[] = {{5, 0}, {6, 0}};

static const struct scan_rules request_rules = {
    .type = &weir__v1__recall_request__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = request_columns,
    .column_count = 2,
    .group_max = {RECALL_TARGETS_MAX},
};

static const struct map_field reply_map[] = {
    MAP_TEXT(struct recall_reply, id, reply_message, id),
    MAP_TEXT(struct recall_reply, collector, reply_message, collector),
    MAP_SMALL(struct recall_reply, worker, reply_message, worker, UINT32_MAX),
    MAP_SMALL(struct recall_reply, covers_now_ms, reply_message, covers_now_ms, UINT32_MAX),
    MAP_SMALL(struct recall_reply, covers_before_ms, reply_message, covers_before_ms, UINT32_MAX),
    MAP_DOUBLE(struct recall_reply, rate_share, reply_message, rate_share),
};
enum { REPLY_MAP = sizeof(reply_map) / sizeof(reply_map[0]) };

static const struct scan_column reply_columns[] = {
    {7, 0},  {8, 0},  {9, 0},  {10, 0}, {11, 0}, {12, 0}, {13, 0}, {14, 0},
    {15, 0}, {16, 0}, {18, 0}, {19, 0}, {20, 0}, {21, 0}, {22, 0},
};

static const struct scan_rules reply_rules = {
    .type = &weir__v1__recall_reply__descriptor,
    .len_max = REPLY_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = reply_columns,
    .column_count = sizeof(reply_columns) / sizeof(reply_columns[0]),
    .group_max = {RECALL_TUPLES_MAX},
};

/* --- request -----------------------------------------------------------------------------------
 */

enum status recall_request_encode(const struct recall_request *request, struct text *ret_bytes)
{
    request_message m;
    uint64_t count_ids[RECALL_TARGETS_MAX];
    uint32_t key_lens[RECALL_TARGETS_MAX];
    uint8_t keys[RECALL_TARGETS_MAX * KEY_BYTES_MAX];
    size_t keys_len = 0;
    weir__v1__recall_request__init(&m);
    if (request->target_count > RECALL_TARGETS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(request_map, REQUEST_MAP, request, &m);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < request->target_count; i++) {
        const struct recall_target *target = &request->targets[i];
        if (key_check(target->key.bytes, target->key.len) != STATUS_OK)
            return STATUS_RANGE;
        count_ids[i] = target->count_id;
        key_lens[i] = target->key.len;
        memcpy(keys + keys_len, target->key.bytes, target->key.len);
        keys_len += target->key.len;
    }
    m.n_target_count_ids = m.n_target_key_len = request->target_count;
    m.target_count_ids = count_ids;
    m.target_key_len = key_lens;
    m.target_keys = (ProtobufCBinaryData){keys_len, keys};
    return message_append(&request_rules, &m.base, NULL, ret_bytes);
}

static enum status request_from_message(struct recall_request *ret_request,
                                        const request_message *m)
{
    struct recall_target targets[RECALL_TARGETS_MAX] = {0};
    struct wire_reader keys = wire_reader_of(m->target_keys.data, m->target_keys.len);
    if (map_check(request_map, REQUEST_MAP, m) != STATUS_OK)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < m->n_target_count_ids; i++) {
        targets[i].count_id = m->target_count_ids[i];
        if (columns_take_key(&keys, m->target_key_len[i], &targets[i].key) != STATUS_OK)
            return STATUS_MALFORMED;
    }
    if (!columns_end(&keys))
        return STATUS_MALFORMED;
    memset(ret_request, 0, sizeof(*ret_request));
    map_to_noun(request_map, REQUEST_MAP, m, ret_request);
    memcpy(ret_request->targets, targets, sizeof(targets));
    ret_request->target_count = m->n_target_count_ids;
    return STATUS_OK;
}

enum status recall_request_decode(struct recall_request *ret_request, const uint8_t *bytes,
                                  size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    enum status status = message_unpack(&request_rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    status = request_from_message(ret_request, (const request_message *)message);
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

/* --- reply -------------------------------------------------------------------------------------
 */

static bool estimate_valid(double value)
{
    return isfinite(value) && value >= 0;
}

static bool share_valid(double share)
{
    return isfinite(share) && share >= 0 && share <= 1;
}

static bool tuple_valid(const reply_message *m, size_t i)
{
    uint32_t version = m->ip_version[i];
    return m->target[i] < RECALL_TARGETS_MAX && m->before[i] <= 1 && m->protocol[i] <= UINT8_MAX &&
           m->fragment[i] <= UINT8_MAX && (version == 0 || version == 4 || version == 6) &&
           m->src_port[i] <= UINT16_MAX && m->dst_port[i] <= UINT16_MAX &&
           m->tcp_flags[i] <= UINT16_MAX && m->length_class[i] <= UINT16_MAX &&
           estimate_valid(m->bytes[i]) && estimate_valid(m->packets[i]) &&
           estimate_valid(m->weight[i]);
}

struct reply_scratch {
    uint32_t target[RECALL_TUPLES_MAX], before[RECALL_TUPLES_MAX], protocol[RECALL_TUPLES_MAX];
    uint32_t fragment[RECALL_TUPLES_MAX], ip_version[RECALL_TUPLES_MAX];
    uint32_t src_port[RECALL_TUPLES_MAX], dst_port[RECALL_TUPLES_MAX];
    uint32_t tcp_flags[RECALL_TUPLES_MAX], length_class[RECALL_TUPLES_MAX];
    uint32_t known[RECALL_TUPLES_MAX], input_if[RECALL_TUPLES_MAX];
    uint8_t src[RECALL_TUPLES_MAX * COLUMN_PREFIX_MAX];
    double bytes[RECALL_TUPLES_MAX], packets[RECALL_TUPLES_MAX], weight[RECALL_TUPLES_MAX];
    uint64_t samples[RECALL_TUPLES_MAX];
};

static void tuples_to_columns(const struct recall_reply *reply, struct reply_scratch *s)
{
    for (size_t i = 0; i < reply->tuple_count; i++) {
        const struct recall_tuple *tuple = &reply->tuples[i];
        s->target[i] = tuple->target;
        s->before[i] = tuple->before;
        s->protocol[i] = tuple->protocol;
        s->fragment[i] = tuple->fragment;
        s->ip_version[i] = tuple->ip_version;
        s->src_port[i] = tuple->src_port;
        s->dst_port[i] = tuple->dst_port;
        s->tcp_flags[i] = tuple->tcp_flags;
        s->length_class[i] = tuple->length_class;
        s->known[i] = tuple->known;
        s->input_if[i] = tuple->input_if;
        s->bytes[i] = tuple->bytes;
        s->packets[i] = tuple->packets;
        s->weight[i] = tuple->weight;
        s->samples[i] = tuple->samples;
    }
}

static void lend_columns(reply_message *m, struct reply_scratch *s, size_t n)
{
    m->n_target = m->n_before = m->n_protocol = m->n_fragment = m->n_ip_version = n;
    m->n_src_port = m->n_dst_port = m->n_tcp_flags = m->n_length_class = m->n_known = n;
    m->n_input_if = m->n_bytes = m->n_packets = m->n_weight = m->n_samples = n;
    m->target = s->target;
    m->before = s->before;
    m->protocol = s->protocol;
    m->fragment = s->fragment;
    m->ip_version = s->ip_version;
    m->src_port = s->src_port;
    m->dst_port = s->dst_port;
    m->tcp_flags = s->tcp_flags;
    m->length_class = s->length_class;
    m->known = s->known;
    m->input_if = s->input_if;
    m->bytes = s->bytes;
    m->packets = s->packets;
    m->weight = s->weight;
    m->samples = s->samples;
}

enum status recall_reply_encode(const struct recall_reply *reply, struct text *ret_bytes)
{
    reply_message m;
    weir__v1__recall_reply__init(&m);
    if (reply->tuple_count > RECALL_TUPLES_MAX)
        return STATUS_LIMIT;
    if (!share_valid(reply->rate_share))
        return STATUS_RANGE;
    enum status status = map_to_message(reply_map, REPLY_MAP, reply, &m);
    if (status != STATUS_OK)
        return status;
    struct reply_scratch *scratch = malloc(sizeof(*scratch));
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    struct wire_writer src = wire_writer_of(scratch->src, sizeof(scratch->src));
    for (size_t i = 0; i < reply->tuple_count; i++)
        columns_put_prefix(&src, &reply->tuples[i].src);
    tuples_to_columns(reply, scratch);
    lend_columns(&m, scratch, reply->tuple_count);
    m.src_prefixes = (ProtobufCBinaryData){src.len, scratch->src};
    for (size_t i = 0; status == STATUS_OK && i < reply->tuple_count; i++)
        status = tuple_valid(&m, i) ? STATUS_OK : STATUS_RANGE;
    if (status == STATUS_OK)
        status = message_append(&reply_rules, &m.base, NULL, ret_bytes);
    free(scratch);
    return status;
}

static enum status tuples_from_columns(struct recall_tuple *tuples, const reply_message *m)
{
    struct wire_reader src = wire_reader_of(m->src_prefixes.data, m->src_prefixes.len);
    for (size_t i = 0; i < m->n_target; i++) {
        if (!tuple_valid(m, i) || columns_take_prefix(&src, &tuples[i].src) != STATUS_OK)
            return STATUS_MALFORMED;
        tuples[i].target = m->target[i];
        tuples[i].before = (uint8_t)m->before[i];
        tuples[i].protocol = (uint8_t)m->protocol[i];
        tuples[i].fragment = (uint8_t)m->fragment[i];
        tuples[i].ip_version = (uint8_t)m->ip_version[i];
        tuples[i].src_port = (uint16_t)m->src_port[i];
        tuples[i].dst_port = (uint16_t)m->dst_port[i];
        tuples[i].tcp_flags = (uint16_t)m->tcp_flags[i];
        tuples[i].length_class = (uint16_t)m->length_class[i];
        tuples[i].known = m->known[i];
        tuples[i].input_if = m->input_if[i];
        tuples[i].bytes = m->bytes[i];
        tuples[i].packets = m->packets[i];
        tuples[i].weight = m->weight[i];
        tuples[i].samples = m->samples[i];
    }
    return columns_end(&src) ? STATUS_OK : STATUS_MALFORMED;
}

static enum status reply_from_message(struct recall_reply *ret_reply, const reply_message *m)
{
    if (map_check(reply_map, REPLY_MAP, m) != STATUS_OK || !share_valid(m->rate_share))
        return STATUS_MALFORMED;
    struct recall_tuple *tuples = calloc(m->n_target + 1, sizeof(*tuples));
    if (tuples == NULL)
        return STATUS_NO_MEMORY;
    enum status status = tuples_from_columns(tuples, m);
    if (status != STATUS_OK) {
        free(tuples);
        return status;
    }
    memset(ret_reply, 0, sizeof(*ret_reply));
    map_to_noun(reply_map, REPLY_MAP, m, ret_reply);
    ret_reply->tuples = tuples;
    ret_reply->tuple_count = m->n_target;
    return STATUS_OK;
}

enum status recall_reply_decode(struct recall_reply *ret_reply, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    enum status status = message_unpack(&reply_rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    status = reply_from_message(ret_reply, (const reply_message *)message);
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

void recall_reply_done(struct recall_reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->tuples);
    reply->tuples = NULL;
    reply->tuple_count = 0;
}
