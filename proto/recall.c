#include "proto/recall.h"
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

/* 4096 tuples of the largest numbers take 0.7 MB. */
enum { REPLY_LEN_MAX = 1 << 20 };

static const struct map_field request_map[] = {
    MAP_TEXT(struct recall_request, id, request_message, id),
    MAP_U64(struct recall_request, expires_at_ms, request_message, expires_at_ms),
    MAP_SMALL(struct recall_request, now_ms, request_message, now_ms, UINT32_MAX),
    MAP_SMALL(struct recall_request, gap_ms, request_message, gap_ms, UINT32_MAX),
    MAP_SMALL(struct recall_request, before_ms, request_message, before_ms, UINT32_MAX),
    MAP_SMALL(struct recall_request, tuples, request_message, tuples, UINT32_MAX),
};
enum { REQUEST_MAP = sizeof(request_map) / sizeof(request_map[0]) };

static const struct scan_column request_columns[] = {{9, 0}};

static const struct scan_rules request_rules = {
    .type = &weir__v1__recall_request__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = request_columns,
    .column_count = 1,
    .group_max = {RECALL_TARGETS_MAX},
};

static const struct map_field reply_map[] = {
    MAP_TEXT(struct recall_reply, id, reply_message, id),
    MAP_TEXT(struct recall_reply, collector, reply_message, collector),
    MAP_SMALL(struct recall_reply, worker, reply_message, worker, UINT32_MAX),
    MAP_SMALL(struct recall_reply, workers, reply_message, workers, UINT32_MAX),
    MAP_SMALL(struct recall_reply, covers_now_ms, reply_message, covers_now_ms, UINT32_MAX),
    MAP_SMALL(struct recall_reply, covers_before_ms, reply_message, covers_before_ms, UINT32_MAX),
    MAP_BOOL(struct recall_reply, open_missing, reply_message, open_missing),
};
enum { REPLY_MAP = sizeof(reply_map) / sizeof(reply_map[0]) };

/* Columns of a tuple: number of the field, its name, where it stands in the noun, its limit. */
#define SMALL_COLUMNS(X)                                                                           \
    X(7, target, kind.target, RECALL_TARGETS_MAX - 1)                                              \
    X(8, before, kind.before, 1)                                                                   \
    X(9, protocol, kind.protocol, UINT8_MAX)                                                       \
    X(10, fragment, kind.fragment, UINT8_MAX)                                                      \
    X(11, ip_version, kind.ip_version, 6)                                                          \
    X(12, src_port, kind.src_port, UINT16_MAX)                                                     \
    X(13, dst_port, kind.dst_port, UINT16_MAX)                                                     \
    X(14, tcp_flags, kind.tcp_flags, UINT16_MAX)                                                   \
    X(15, length, kind.length, UINT16_MAX)                                                         \
    X(16, known, kind.known, UINT32_MAX)                                                           \
    X(18, input_if, kind.input_if, UINT32_MAX)                                                     \
    X(23, folded, kind.folded, UINT32_MAX)                                                         \
    X(24, tos, kind.tos, UINT8_MAX)
#define DOUBLE_COLUMNS(X)                                                                          \
    X(19, bytes, bytes.value)                                                                      \
    X(26, bytes_sure, bytes.sure)                                                                  \
    X(27, bytes_variance, bytes.variance)                                                          \
    X(20, packets, packets.value)                                                                  \
    X(28, packets_sure, packets.sure)                                                              \
    X(29, packets_variance, packets.variance)                                                      \
    X(30, connections, connections.value)                                                          \
    X(31, connections_sure, connections.sure)                                                      \
    X(32, connections_variance, connections.variance)                                              \
    X(33, flows, flows)                                                                            \
    X(34, peers, peers)

enum { TUPLES, TOTALS };

static const struct scan_column reply_columns[] = {
#define X(number, name, ...) {number, TUPLES},
    SMALL_COLUMNS(X) DOUBLE_COLUMNS(X)
#undef X
        {22, TUPLES},
    {36, TOTALS},
    {37, TOTALS},
    {38, TOTALS},
};

static const struct scan_rules reply_rules = {
    .type = &weir__v1__recall_reply__descriptor,
    .len_max = REPLY_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = reply_columns,
    .column_count = sizeof(reply_columns) / sizeof(reply_columns[0]),
    .group_max = {RECALL_TUPLES_MAX, RECALL_TOTALS_MAX},
};

/* --- request -----------------------------------------------------------------------------------
 */

uint32_t recall_tuples_for(uint64_t octets, size_t collectors)
{
    uint64_t tuples = octets / RECALL_TUPLE_OCTETS / (collectors > 0 ? collectors : 1);
    if (tuples > RECALL_TUPLES_MAX)
        return RECALL_TUPLES_MAX;
    return tuples > 0 ? (uint32_t)tuples : 1;
}

static bool target_valid(uint32_t side, const struct ip_prefix *prefix)
{
    return side <= RECALL_SOURCE && prefix->addr.family != ADDR_NONE;
}

enum status recall_request_encode(const struct recall_request *request, struct text *ret_bytes)
{
    request_message m;
    uint32_t sides[RECALL_TARGETS_MAX];
    uint8_t prefixes[RECALL_TARGETS_MAX * COLUMN_PREFIX_MAX];
    struct wire_writer w = wire_writer_of(prefixes, sizeof(prefixes));
    weir__v1__recall_request__init(&m);
    if (request->target_count > RECALL_TARGETS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(request_map, REQUEST_MAP, request, &m);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < request->target_count; i++) {
        sides[i] = request->targets[i].side;
        columns_put_prefix(&w, &request->targets[i].prefix);
        if (!target_valid(sides[i], &request->targets[i].prefix))
            return STATUS_RANGE;
    }
    m.n_side = request->target_count;
    m.side = sides;
    m.prefixes = (ProtobufCBinaryData){w.len, prefixes};
    return message_append(&request_rules, &m.base, NULL, ret_bytes);
}

static enum status request_from_message(struct recall_request *ret_request,
                                        const request_message *m)
{
    struct recall_target targets[RECALL_TARGETS_MAX];
    struct wire_reader r = wire_reader_of(m->prefixes.data, m->prefixes.len);
    memset(targets, 0, sizeof(targets));
    if (map_check(request_map, REQUEST_MAP, m) != STATUS_OK)
        return STATUS_MALFORMED;
    for (size_t i = 0; i < m->n_side; i++) {
        if (columns_take_prefix(&r, &targets[i].prefix) != STATUS_OK ||
            !target_valid(m->side[i], &targets[i].prefix))
            return STATUS_MALFORMED;
        targets[i].side = (uint8_t)m->side[i];
    }
    if (!columns_end(&r))
        return STATUS_MALFORMED;
    memset(ret_request, 0, sizeof(*ret_request));
    map_to_noun(request_map, REQUEST_MAP, m, ret_request);
    memcpy(ret_request->targets, targets, sizeof(targets));
    ret_request->target_count = m->n_side;
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

static bool tuple_valid(const reply_message *m, size_t i)
{
#define X(number, name, member, most) valid = valid && m->name[i] <= (most);
    bool valid = m->ip_version[i] != 5 && (m->ip_version[i] == 0 || m->ip_version[i] >= 4);
    SMALL_COLUMNS(X)
#undef X
#define X(number, name, member) valid = valid && estimate_valid(m->name[i]);
    DOUBLE_COLUMNS(X)
#undef X
    return valid;
}

static bool total_valid(const reply_message *m, size_t i)
{
    return m->total_of[i] < RECALL_TOTALS_MAX && estimate_valid(m->total_peers[i]) &&
           estimate_valid(m->total_one[i]);
}

struct reply_scratch {
#define X(number, name, ...) uint32_t name[RECALL_TUPLES_MAX];
    SMALL_COLUMNS(X)
#undef X
#define X(number, name, ...) double name[RECALL_TUPLES_MAX];
    DOUBLE_COLUMNS(X)
#undef X
    uint64_t samples[RECALL_TUPLES_MAX];
    uint8_t peers_of[RECALL_TUPLES_MAX * COLUMN_PREFIX_MAX];
    uint32_t total_of[RECALL_TOTALS_MAX];
    double total_peers[RECALL_TOTALS_MAX], total_one[RECALL_TOTALS_MAX];
};

static struct ip_prefix peer_of(const struct recall_kind *kind)
{
    struct ip_prefix peer = {.addr = {.family = kind->peer_family}, .len = kind->peer_len};
    memcpy(peer.addr.octets, kind->peer, sizeof(kind->peer));
    return peer;
}

static void tuples_to_columns(const struct recall_reply *reply, struct reply_scratch *s,
                              reply_message *m)
{
    struct wire_writer w = wire_writer_of(s->peers_of, sizeof(s->peers_of));
    for (size_t i = 0; i < reply->tuple_count; i++) {
        const struct recall_tuple *tuple = &reply->tuples[i];
        struct ip_prefix peer = peer_of(&tuple->kind);
        columns_put_prefix(&w, &peer);
#define X(number, name, member, ...) s->name[i] = tuple->member;
        SMALL_COLUMNS(X)
        DOUBLE_COLUMNS(X)
#undef X
        s->samples[i] = tuple->samples;
    }
#define X(number, name, ...)                                                                       \
    m->name = s->name;                                                                             \
    m->n_##name = reply->tuple_count;
    SMALL_COLUMNS(X)
    DOUBLE_COLUMNS(X)
#undef X
    m->samples = s->samples;
    m->n_samples = reply->tuple_count;
    m->peer_prefixes = (ProtobufCBinaryData){w.len, s->peers_of};
}

static void totals_to_columns(const struct recall_reply *reply, struct reply_scratch *s,
                              reply_message *m)
{
    for (size_t i = 0; i < reply->total_count; i++) {
        s->total_of[i] = 2U * reply->totals[i].target + (reply->totals[i].before != 0);
        s->total_peers[i] = reply->totals[i].peers;
        s->total_one[i] = reply->totals[i].one;
    }
    m->total_of = s->total_of;
    m->total_peers = s->total_peers;
    m->total_one = s->total_one;
    m->n_total_of = m->n_total_peers = m->n_total_one = reply->total_count;
}

enum status recall_reply_encode(const struct recall_reply *reply, struct text *ret_bytes)
{
    reply_message m;
    weir__v1__recall_reply__init(&m);
    if (reply->tuple_count > RECALL_TUPLES_MAX || reply->total_count > RECALL_TOTALS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(reply_map, REPLY_MAP, reply, &m);
    if (status != STATUS_OK)
        return status;
    struct reply_scratch *scratch = malloc(sizeof(*scratch));
    if (scratch == NULL)
        return STATUS_NO_MEMORY;
    tuples_to_columns(reply, scratch, &m);
    totals_to_columns(reply, scratch, &m);
    for (size_t i = 0; status == STATUS_OK && i < reply->tuple_count; i++)
        status = tuple_valid(&m, i) ? STATUS_OK : STATUS_RANGE;
    for (size_t i = 0; status == STATUS_OK && i < reply->total_count; i++)
        status = total_valid(&m, i) ? STATUS_OK : STATUS_RANGE;
    if (status == STATUS_OK)
        status = message_append(&reply_rules, &m.base, NULL, ret_bytes);
    free(scratch);
    return status;
}

static enum status tuples_from_columns(struct recall_tuple *tuples, const reply_message *m)
{
    struct wire_reader r = wire_reader_of(m->peer_prefixes.data, m->peer_prefixes.len);
    for (size_t i = 0; i < m->n_target; i++) {
        struct recall_tuple *tuple = &tuples[i];
        struct ip_prefix peer = {0};
        if (!tuple_valid(m, i) || columns_take_prefix(&r, &peer) != STATUS_OK)
            return STATUS_MALFORMED;
#define X(number, name, member, ...) tuple->member = (__typeof__(tuple->member))m->name[i];
        SMALL_COLUMNS(X)
        DOUBLE_COLUMNS(X)
#undef X
        tuple->samples = m->samples[i];
        tuple->kind.peer_family = peer.addr.family;
        tuple->kind.peer_len = peer.len;
        memcpy(tuple->kind.peer, peer.addr.octets, sizeof(tuple->kind.peer));
    }
    return columns_end(&r) ? STATUS_OK : STATUS_MALFORMED;
}

static enum status totals_from_columns(struct recall_total *totals, const reply_message *m)
{
    for (size_t i = 0; i < m->n_total_of; i++) {
        if (!total_valid(m, i))
            return STATUS_MALFORMED;
        totals[i].target = (uint8_t)(m->total_of[i] / 2);
        totals[i].before = (uint8_t)(m->total_of[i] % 2);
        totals[i].peers = m->total_peers[i];
        totals[i].one = m->total_one[i];
    }
    return STATUS_OK;
}

static enum status reply_from_message(struct recall_reply *ret_reply, const reply_message *m)
{
    struct recall_total totals[RECALL_TOTALS_MAX];
    memset(totals, 0, sizeof(totals));
    if (map_check(reply_map, REPLY_MAP, m) != STATUS_OK ||
        totals_from_columns(totals, m) != STATUS_OK)
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
    memcpy(ret_reply->totals, totals, sizeof(totals));
    ret_reply->total_count = m->n_total_of;
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
