#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "proto/scan.h"

/* The way of every message of this folder through protobuf-c: judged, then unpacked; packed, then
 * appended. */

/* *ret_message is given back with protobuf_c_message_free_unpacked(). */
enum status message_unpack(const struct scan_rules *rules, const uint8_t *bytes, size_t len,
                           ProtobufCMessage **ret_message, struct scan_result *ret_result,
                           struct text *unknown);

/* Appends the packed message and then `unknown`, which may be NULL. LIMIT: longer than the rules
 * let a reader take. */
enum status message_append(const struct scan_rules *rules, const ProtobufCMessage *message,
                           const struct text *unknown, struct text *ret_bytes);

/* protobuf-c's messages hold plain pointers even where they only read. */
static inline char *message_lend(const char *s)
{
    return (char *)(uintptr_t)s;
}

static inline uint8_t *message_lend_bytes(const uint8_t *bytes)
{
    return (uint8_t *)(uintptr_t)bytes;
}

#endif
