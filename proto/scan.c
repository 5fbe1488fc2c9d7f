#include "proto/scan.h"

#include "common/base/wire.h"

#include <assert.h>
#include <string.h>

/* protobuf's wire types; 3 and 4 are groups, which proto3 does not have. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

enum { VARINT_MAX = 10, FIELD_NUMBER_MAX = (1 << 29) - 1 };

static uint64_t take_varint(struct wire_reader *r)
{
    uint64_t value = 0;
    for (unsigned int i = 0; i < VARINT_MAX; i++) {
        uint8_t octet = wire_u8(r);
        value |= (uint64_t)(octet & 0x7f) << (7 * i);
        if ((octet & 0x80) == 0)
            return value;
    }
    r->failed = true;
    r->left = 0;
    return 0;
}

/* Steps over one value and gives its payload. */
static struct wire_reader take_value(struct wire_reader *r, unsigned int wire_type)
{
    const uint8_t *start = r->pos;
    switch (wire_type) {
    case WIRE_VARINT:
        (void)take_varint(r);
        return wire_reader_of(start, r->failed ? 0 : (size_t)(r->pos - start));
    case WIRE_64:
        return wire_sub(r, 8);
    case WIRE_LEN: {
        uint64_t len = take_varint(r);
        return wire_sub(r, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
    }
    case WIRE_32:
        return wire_sub(r, 4);
    default:
        break;
    }
    r->failed = true;
    return (struct wire_reader){.failed = true};
}

static unsigned int wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LEN;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        break;
    }
    return WIRE_VARINT;
}

/* Entries of one piece of a packed column; false when it does not hold whole entries. */
static bool packed_entries(const struct wire_reader *payload, unsigned int entry_type,
                           size_t *ret_entries)
{
    size_t len = payload->left, entries = 0;
    if (entry_type != WIRE_VARINT) {
        size_t width = entry_type == WIRE_64 ? 8 : 4;
        *ret_entries = len / width;
        return len % width == 0;
    }
    for (size_t i = 0; i < len; i++)
        entries += (size_t)((payload->pos[i] & 0x80) == 0);
    *ret_entries = entries;
    return len == 0 || (payload->pos[len - 1] & 0x80) == 0;
}

static size_t group_of(const struct scan_column *column)
{
    return column->group & ~(unsigned int)SCAN_LATER;
}

static size_t column_index(const struct scan_rules *rules, uint32_t number)
{
    size_t i = 0;
    while (i < rules->column_count && rules->columns[i].number != number)
        i++;
    assert(i < rules->column_count);
    return i;
}

/* Adds to lens what one occurrence of a repeated field brings. */
static enum status judge_repeated(const struct scan_rules *rules,
                                  const ProtobufCFieldDescriptor *field, unsigned int wire_type,
                                  const struct wire_reader *payload, size_t lens[])
{
    size_t i = column_index(rules, field->id), entries = 1;
    unsigned int entry_type = wire_type_of(field->type);
    if (wire_type != WIRE_LEN)
        return STATUS_MALFORMED;
    if (entry_type != WIRE_LEN && !packed_entries(payload, entry_type, &entries))
        return STATUS_MALFORMED;
    lens[i] += entries;
    return lens[i] > rules->group_max[group_of(&rules->columns[i])] ? STATUS_LIMIT : STATUS_OK;
}

static enum status judge_field(const struct scan_rules *rules, struct wire_reader *r, size_t lens[],
                               struct text *unknown)
{
    const uint8_t *start = r->pos;
    uint64_t tag = take_varint(r);
    unsigned int wire_type = (unsigned int)(tag & 7);
    uint64_t number = tag >> 3;
    struct wire_reader payload = take_value(r, wire_type);
    if (wire_type != WIRE_VARINT && wire_type != WIRE_64 && wire_type != WIRE_LEN &&
        wire_type != WIRE_32)
        return STATUS_MALFORMED;
    if (r->failed)
        return STATUS_TRUNCATED;
    if (number == 0 || number > FIELD_NUMBER_MAX)
        return STATUS_MALFORMED;

    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(rules->type, (unsigned int)number);
    if (field == NULL) {
        if (unknown != NULL)
            text_add_bytes(unknown, start, (size_t)(r->pos - start));
        return unknown != NULL && unknown->failed ? STATUS_LIMIT : STATUS_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING && memchr(payload.pos, 0, payload.left) != NULL)
        return STATUS_MALFORMED;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return judge_repeated(rules, field, wire_type, &payload, lens);
    return wire_type == wire_type_of(field->type) ? STATUS_OK : STATUS_MALFORMED;
}

static enum status judge_groups(const struct scan_rules *rules, const size_t lens[],
                                struct scan_result *ret_result)
{
    struct scan_result result = {0};
    bool seen[SCAN_GROUPS_MAX] = {false};
    for (size_t i = 0; i < rules->column_count; i++) {
        size_t group = group_of(&rules->columns[i]);
        if (rules->columns[i].group & SCAN_LATER && lens[i] == 0)
            continue;
        if (seen[group] && result.group_len[group] != lens[i])
            return STATUS_MALFORMED;
        seen[group] = true;
        result.group_len[group] = lens[i];
    }
    *ret_result = result;
    return STATUS_OK;
}

enum status scan_judge(const struct scan_rules *rules, const uint8_t *bytes, size_t len,
                       struct scan_result *ret_result, struct text *unknown)
{
    size_t lens[SCAN_COLUMNS_MAX] = {0}, fields = 0;
    assert(rules->column_count <= SCAN_COLUMNS_MAX);
    if (len > rules->len_max)
        return STATUS_LIMIT;
    struct wire_reader r = wire_reader_of(bytes, len);
    while (r.left > 0) {
        if (++fields > rules->fields_max)
            return STATUS_LIMIT;
        enum status status = judge_field(rules, &r, lens, unknown);
        if (status != STATUS_OK)
            return status;
    }
    return judge_groups(rules, lens, ret_result);
}

uint64_t scan_schema(const uint8_t *bytes, size_t len)
{
    struct wire_reader r = wire_reader_of(bytes, len);
    uint64_t tag = take_varint(&r);
    uint64_t schema = take_varint(&r);
    return tag == (1 << 3 | WIRE_VARINT) ? schema : 0;
}
