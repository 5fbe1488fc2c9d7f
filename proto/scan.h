#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#include "common/base/status.h"
#include "common/base/text.h"

#include <protobuf-c/protobuf-c.h>

/*
 * Judges a message's bytes before protobuf-c unpacks them, so that bytes from outside cannot make
 * it take much memory: the whole length, the number of fields, the entries of each column. It
 * descends into nothing: our messages hold no messages. What it lets through, protobuf-c still
 * parses with its own checks.
 */
enum { SCAN_GROUPS_MAX = 8, SCAN_COLUMNS_MAX = 32 };

/* A repeated field. The columns of a group must have equally many entries. One that
 * came later, and that older builds do not write, may also be absent: its group holds SCAN_LATER
 * too. The first of a group is never one of those. */
enum { SCAN_LATER = 0x80 };
struct scan_column {
    uint32_t number; /* of the field */
    uint8_t group;
};

struct scan_rules {
    const ProtobufCMessageDescriptor *type;
    size_t len_max;    /* octets of the message */
    size_t fields_max; /* tags of the message: a column that comes in pieces counts each */
    const struct scan_column *columns; /* every repeated field of the type */
    size_t column_count;
    size_t group_max[SCAN_GROUPS_MAX]; /* entries */
};

struct scan_result {
    size_t group_len[SCAN_GROUPS_MAX]; /* entries of each group's columns */
};

/*
 * LIMIT: more than the rules allow. MALFORMED: a broken tag, a wrong wire type, a column that is
 * not packed or has another length than its group, a NUL in a string. TRUNCATED: ends too early.
 * Fields that the type does not have are appended to *unknown as they are, unless it is NULL.
 */
enum status scan_judge(const struct scan_rules *rules, const uint8_t *bytes, size_t len,
                       struct scan_result *ret_result, struct text *unknown);

/* The number in field 1 where that comes first, as every writer puts it; 0 otherwise. Asked before
 * the rest is judged, since another schema has other rules. */
uint64_t scan_schema(const uint8_t *bytes, size_t len);

#endif
