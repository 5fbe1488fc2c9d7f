#include "common/redis/reply.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { REPLY_MAX_BYTES = 64 << 10, DEPTH_MAX = 9 };

/* Touches every byte of a tree, so that a sanitizer sees what is not there. */
static size_t walk(const struct redis_reply *reply, size_t depth)
{
    size_t sum = 0;
    assert(depth < DEPTH_MAX);
    for (size_t i = 0; reply->type == REDIS_ARRAY && i < reply->count; i++)
        sum += walk(&reply->items[i], depth + 1);
    if (reply->bytes != NULL) {
        assert(reply->bytes[reply->len] == '\0');
        sum += strlen(reply->bytes);
    }
    uint64_t value;
    sum += redis_to_u64(reply, &value);
    sum += redis_field(reply, "field") != NULL;
    return sum + (size_t)reply_status(reply);
}

/* The first byte says in which pieces the rest arrives. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct reply_reader reader;
    if (len < 1 || reply_reader_init(&reader, REPLY_MAX_BYTES) != STATUS_OK)
        return 0;
    size_t piece = (size_t)bytes[0] + 1;
    enum status status = STATUS_END;
    for (size_t at = 1; at < len && status == STATUS_END; at += piece) {
        const struct redis_reply *reply;
        size_t left = len - at;
        status = reply_reader_feed(&reader, (const char *)bytes + at, left < piece ? left : piece);
        while (status == STATUS_OK && (status = reply_reader_next(&reader, &reply)) == STATUS_OK) {
            (void)walk(reply, 0);
            assert(reader.arena.used_bytes <= reader.arena.max_bytes);
        }
        assert(status != STATUS_OK);
        assert(reader.fed_bytes - reader.reply_start <= REPLY_MAX_BYTES || status != STATUS_END);
    }
    reply_reader_done(&reader);
    return 0;
}
