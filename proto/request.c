#include "proto/alarm.h"
#include "proto/map.h"
#include "proto/message.h"
#include "proto/request.pb-c.h"
#include "proto/state.h"

#include <string.h>

typedef Weir__V1__Request request_message;
typedef Weir__V1__Reply reply_message;

enum {
    ARGS_MAX = sizeof(((struct request *)0)->args) / sizeof(((struct request *)0)->args[0]),
    ARG_NAME_MAX = sizeof(((struct request *)0)->args[0].name),
    ARG_VALUE_MAX = sizeof(((struct request *)0)->args[0].value),
    IDS_MAX = sizeof(((struct reply *)0)->ids) / ID_TEXT_MAX,
};

static const struct map_field request_map[] = {
    MAP_TEXT(struct request, id, request_message, id),
    MAP_U64(struct request, expires_at_ms, request_message, expires_at_ms),
    MAP_TEXT(struct request, who, request_message, who),
    MAP_TEXT(struct request, verb, request_message, verb),
};
enum { REQUEST_MAP = sizeof(request_map) / sizeof(request_map[0]) };

static const struct scan_column request_columns[] = {{5, 0}, {6, 0}};

static const struct scan_rules request_rules = {
    .type = &weir__v1__request__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = request_columns,
    .column_count = 2,
    .group_max = {ARGS_MAX},
};

static const struct map_field reply_map[] = {
    MAP_TEXT(struct reply, id, reply_message, id),
    MAP_BOOL(struct reply, ok, reply_message, ok),
    MAP_TEXT(struct reply, text, reply_message, text),
};
enum { REPLY_MAP = sizeof(reply_map) / sizeof(reply_map[0]) };

static const struct scan_column reply_columns[] = {{4, 0}};

static const struct scan_rules reply_rules = {
    .type = &weir__v1__reply__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = reply_columns,
    .column_count = 1,
    .group_max = {IDS_MAX},
};

enum status request_encode(const struct request *request, struct text *ret_bytes)
{
    request_message m;
    char *names[ARGS_MAX], *values[ARGS_MAX];
    weir__v1__request__init(&m);
    if (request->arg_count > ARGS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(request_map, REQUEST_MAP, request, &m);
    for (size_t i = 0; status == STATUS_OK && i < request->arg_count; i++) {
        status = state_lend_strings(&names[i], request->args[i].name, 1, ARG_NAME_MAX);
        if (status == STATUS_OK)
            status = state_lend_strings(&values[i], request->args[i].value, 1, ARG_VALUE_MAX);
    }
    if (status != STATUS_OK)
        return status;
    m.n_arg_names = m.n_arg_values = request->arg_count;
    m.arg_names = names;
    m.arg_values = values;
    return message_append(&request_rules, &m.base, NULL, ret_bytes);
}

enum status request_decode(struct request *ret_request, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    enum status status = message_unpack(&request_rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    const request_message *m = (const request_message *)message;
    status = map_check(request_map, REQUEST_MAP, m);
    if (!state_strings_fit(m->arg_names, m->n_arg_names, ARG_NAME_MAX) ||
        !state_strings_fit(m->arg_values, m->n_arg_values, ARG_VALUE_MAX))
        status = STATUS_MALFORMED;
    if (status == STATUS_OK) {
        memset(ret_request, 0, sizeof(*ret_request));
        map_to_noun(request_map, REQUEST_MAP, m, ret_request);
        ret_request->arg_count = m->n_arg_names;
        for (size_t i = 0; i < m->n_arg_names; i++) {
            state_copy_strings(ret_request->args[i].name, &m->arg_names[i], 1, ARG_NAME_MAX);
            state_copy_strings(ret_request->args[i].value, &m->arg_values[i], 1, ARG_VALUE_MAX);
        }
    }
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}

enum status reply_encode(const struct reply *reply, struct text *ret_bytes)
{
    reply_message m;
    char *ids[IDS_MAX];
    weir__v1__reply__init(&m);
    if (reply->id_count > IDS_MAX)
        return STATUS_LIMIT;
    enum status status = map_to_message(reply_map, REPLY_MAP, reply, &m);
    if (status == STATUS_OK)
        status = state_lend_strings(ids, reply->ids[0], reply->id_count, ID_TEXT_MAX);
    if (status != STATUS_OK)
        return status;
    m.n_ids = reply->id_count;
    m.ids = ids;
    return message_append(&reply_rules, &m.base, NULL, ret_bytes);
}

enum status reply_decode(struct reply *ret_reply, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    enum status status = message_unpack(&reply_rules, bytes, len, &message, &lens, NULL);
    if (status != STATUS_OK)
        return status;
    const reply_message *m = (const reply_message *)message;
    status = map_check(reply_map, REPLY_MAP, m);
    if (!state_strings_fit(m->ids, m->n_ids, ID_TEXT_MAX))
        status = STATUS_MALFORMED;
    if (status == STATUS_OK) {
        memset(ret_reply, 0, sizeof(*ret_reply));
        map_to_noun(reply_map, REPLY_MAP, m, ret_reply);
        state_copy_strings(ret_reply->ids[0], m->ids, m->n_ids, ID_TEXT_MAX);
        ret_reply->id_count = m->n_ids;
    }
    protobuf_c_message_free_unpacked(message, NULL);
    return status;
}
