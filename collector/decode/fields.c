#include "collector/decode/fields.h"

#include "proto/flow.h"

enum { ENTERPRISE_BIT = 0x8000, VARIABLE = 0xffff, LONG_LEN = 255 };

void fields_begin(struct fields_walk *walk, const struct decode_fields *fields)
{
    *walk = (struct fields_walk){.spec = wire_reader_of(fields->spec, fields->spec_len),
                                 .record = wire_reader_of(fields->bytes, fields->len),
                                 .left = fields->count,
                                 .scopes_left = fields->scope_count,
                                 .is_ipfix = fields->format == FORMAT_IPFIX};
}

bool fields_next(struct fields_walk *walk, struct field *ret_field)
{
    if (walk->left == 0)
        return false;
    walk->left--;
    struct field field = {.is_scope = walk->scopes_left > 0};
    walk->scopes_left -= field.is_scope;
    field.element = wire_u16(&walk->spec);
    size_t len = wire_u16(&walk->spec);
    if (walk->is_ipfix && (field.element & ENTERPRISE_BIT) != 0) {
        field.element = (uint16_t)(field.element & ~ENTERPRISE_BIT);
        field.enterprise = wire_u32(&walk->spec);
    }
    if (len == VARIABLE) { /* RFC 7011, 7 */
        len = wire_u8(&walk->record);
        if (len == LONG_LEN)
            len = wire_u16(&walk->record);
    }
    field.len = len;
    field.bytes = wire_take(&walk->record, len);
    if (walk->spec.failed || walk->record.failed)
        return false;
    *ret_field = field;
    return true;
}
