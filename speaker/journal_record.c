#include "speaker/journal_record.h"

#include "common/base/hash.h"
#include "common/base/wire.h"
#include "speaker/journal.h"

enum status record_read(const uint8_t *bytes, size_t len, struct record *ret_record)
{
    struct wire_reader r = wire_reader_of(bytes, len);
    size_t body_len = wire_u32(&r);
    uint64_t hash = wire_u64(&r);
    if (r.failed)
        return STATUS_TRUNCATED;
    if (body_len < RECORD_HEAD_LEN ||
        body_len > RECORD_HEAD_LEN + JOURNAL_KEY_MAX + JOURNAL_VALUE_MAX)
        return STATUS_MALFORMED;
    if (body_len > r.left)
        return STATUS_TRUNCATED;
    bool last = body_len == r.left;
    if (hash_wire(r.pos, body_len) != hash)
        return last ? STATUS_TRUNCATED : STATUS_MALFORMED;
    struct record record = {.verb = wire_u8(&r), .key_len = wire_u8(&r)};
    body_len -= RECORD_HEAD_LEN;
    if (record.key_len == 0 || record.key_len > JOURNAL_KEY_MAX || record.key_len > body_len)
        return STATUS_MALFORMED;
    record.key = (const char *)wire_take(&r, record.key_len);
    record.value_len = body_len - record.key_len;
    record.value = wire_take(&r, record.value_len);
    record.len = record_bytes(record.key_len, record.value_len);
    *ret_record = record;
    return STATUS_OK;
}

bool record_all_zero(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

bool record_follows(const uint8_t *bytes, size_t len)
{
    struct record record;
    for (size_t at = 1; at + RECORD_FRAME_LEN + RECORD_HEAD_LEN < len; at++)
        if (record_read(bytes + at, len - at, &record) == STATUS_OK)
            return true;
    return false;
}
