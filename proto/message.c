#include "proto/message.h"

#include <stdlib.h>

enum status message_unpack(const struct scan_rules *rules, const uint8_t *bytes, size_t len,
                           ProtobufCMessage **ret_message, struct scan_result *ret_result,
                           struct text *unknown)
{
    enum status status = scan_judge(rules, bytes, len, ret_result, unknown);
    if (status != STATUS_OK)
        return status;
    ProtobufCMessage *message = protobuf_c_message_unpack(rules->type, NULL, len, bytes);
    if (message == NULL)
        return STATUS_MALFORMED;
    *ret_message = message;
    return STATUS_OK;
}

enum status message_append(const struct scan_rules *rules, const ProtobufCMessage *message,
                           const struct text *unknown, struct text *ret_bytes)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    size_t unknown_len = unknown != NULL ? unknown->len : 0;
    if (len > rules->len_max || unknown_len > rules->len_max - len)
        return STATUS_LIMIT;
    uint8_t *bytes = malloc(len + 1);
    if (bytes == NULL)
        return STATUS_NO_MEMORY;
    (void)protobuf_c_message_pack(message, bytes);
    text_add_bytes(ret_bytes, bytes, len);
    if (unknown_len > 0)
        text_add_bytes(ret_bytes, unknown->at, unknown_len);
    free(bytes);
    return ret_bytes->failed ? STATUS_LIMIT : STATUS_OK;
}
