#include "aggregator/out_rollups.h"

#include "aggregator/window/window.h"
#include "common/redis/keys.h"
#include "common/redis/scripts.h"
#include "common/redis/stream_cap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)TOP_MAX <= (int)TOP_ITEMS_MAX, "a top fits its script");
_Static_assert((int)KEY_TEXT_MAX <= (int)TOP_MEMBER_MAX, "a key's text fits a member");

enum { NUMBER_MAX = 24, COUNT_TEXT_MAX = 17 };

/* What was last written of one count, so that what is gone can be taken away. */
struct written_top {
    char count[COUNT_TEXT_MAX];
    struct top_entry entries[TOP_MAX];
    size_t entry_count;
    bool known;   /* false: never written, or its fate was lost */
    bool waiting; /* for the answer */
    struct out_rollups *out;
};

struct out_rollups {
    struct out_rollups_options options;
    char prefix[KEY_NAME_MAX];
    char stream[KEY_NAME_MAX];
    struct stream_cap cap;
    struct text bytes;
    unsigned int parts_waiting;
    struct written_top **tops;
    size_t top_count;
};

enum status out_rollups_new(struct out_rollups **ret_out, const struct out_rollups_options *options)
{
    struct out_rollups *out = calloc(1, sizeof(*out));
    if (out == NULL)
        return STATUS_NO_MEMORY;
    out->options = *options;
    text_init(&out->bytes, 0);
    (void)snprintf(out->prefix, sizeof(out->prefix), "%s", options->prefix);
    if (key_name(out->stream, options->prefix, KEY_ROLLUP, options->shard) == NULL) {
        out_rollups_free(out);
        return STATUS_LIMIT;
    }
    stream_cap_init(&out->cap, options->redis, out->stream, options->stream_bytes, NULL, NULL);
    *ret_out = out;
    return STATUS_OK;
}

void out_rollups_free(struct out_rollups *out)
{
    if (out == NULL)
        return;
    for (size_t i = 0; i < out->top_count; i++)
        free(out->tops[i]);
    free(out->tops);
    text_done(&out->bytes);
    free(out);
}

static void say_refused(struct out_rollups *out, const struct redis_reply *reply)
{
    if (reply != NULL && reply->type == REDIS_ERROR)
        out->options.on_refused(out->options.owner, reply->bytes);
}

/* --- ticks -------------------------------------------------------------------------------------
 */

static void on_part(void *owner, enum status status, const struct redis_reply *reply)
{
    struct out_rollups *out = owner;
    out->parts_waiting--;
    if (status != STATUS_OK && !stream_cap_refused(&out->cap, reply))
        say_refused(out, reply);
}

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

static enum status send_part(struct out_rollups *out, const struct rollup_tick *part)
{
    char oldest[NUMBER_MAX], sequence[NUMBER_MAX], number[NUMBER_MAX], parts[NUMBER_MAX];
    text_clear(&out->bytes);
    enum status status = rollup_encode(part, &out->bytes);
    if (status != STATUS_OK)
        return status;
    uint64_t now_ms = redis_now_ms(out->options.redis);
    (void)snprintf(oldest, sizeof(oldest), "%" PRIu64,
                   now_ms > KEY_ROLLUP_KEEP_MS ? now_ms - KEY_ROLLUP_KEEP_MS : 0);
    (void)snprintf(sequence, sizeof(sequence), "%" PRIu64, part->sequence);
    (void)snprintf(number, sizeof(number), "%" PRIu32, part->part);
    (void)snprintf(parts, sizeof(parts), "%" PRIu32, part->parts);
    const struct redis_arg args[] = {arg("XADD"),  arg(out->stream),
                                     arg("MINID"), arg("~"),
                                     arg(oldest),  arg("*"),
                                     arg("seq"),   arg(sequence),
                                     arg("part"),  arg(number),
                                     arg("parts"), arg(parts),
                                     arg("pb"),    {out->bytes.at, out->bytes.len}};
    status = redis_command(out->options.redis, args, sizeof(args) / sizeof(args[0]), on_part, out);
    if (status == STATUS_OK)
        out->parts_waiting++;
    return status;
}

bool out_rollups_is_ready(const struct out_rollups *out)
{
    return redis_is_up(out->options.redis) && out->parts_waiting < OUT_TICKS_MAX &&
           redis_output_bytes(out->options.redis) < OUT_BYTES_MAX;
}

enum status out_rollups_tick(struct out_rollups *out, const struct rollup_tick *tick)
{
    uint32_t parts = window_parts(tick);
    if (!out_rollups_is_ready(out))
        return redis_is_up(out->options.redis) ? STATUS_LIMIT : STATUS_AWAY;
    for (uint32_t i = 0; i < parts; i++) {
        struct rollup_tick part;
        window_part(tick, i, &part);
        enum status status = send_part(out, &part);
        if (status != STATUS_OK)
            return status; /* readers drop a tick whose parts do not all come */
    }
    return STATUS_OK;
}

void out_rollups_keep(struct out_rollups *out)
{
    stream_cap_keep(&out->cap);
}

/* --- heaviest keys -----------------------------------------------------------------------------
 */

static struct written_top *written_of(struct out_rollups *out, uint64_t count_id)
{
    char count[COUNT_TEXT_MAX];
    (void)snprintf(count, sizeof(count), "%016" PRIx64, count_id);
    for (size_t i = 0; i < out->top_count; i++)
        if (strcmp(out->tops[i]->count, count) == 0)
            return out->tops[i];
    struct written_top **grown =
        realloc(out->tops, (out->top_count + 1) * sizeof(struct written_top *));
    if (grown == NULL)
        return NULL;
    out->tops = grown;
    struct written_top *top = calloc(1, sizeof(*top));
    if (top == NULL)
        return NULL;
    memcpy(top->count, count, sizeof(count));
    top->out = out;
    out->tops[out->top_count++] = top;
    return top;
}

static void on_top(void *owner, enum status status, const struct redis_reply *reply)
{
    struct written_top *top = owner;
    top->waiting = false;
    top->known = status == STATUS_OK;
    if (status != STATUS_OK)
        say_refused(top->out, reply);
}

void out_rollups_top(struct out_rollups *out, uint64_t count_id, const struct top_item *items,
                     size_t count)
{
    struct written_top *top = written_of(out, count_id);
    struct top_entry now[TOP_MAX];
    if (top == NULL || top->waiting || !redis_is_up(out->options.redis))
        return;
    if (count == 0 && top->known && top->entry_count == 0)
        return; /* nothing was there, and nothing is */
    for (size_t i = 0; i < count; i++) {
        now[i].score = items[i].bytes;
        (void)key_format(&items[i].key, now[i].member, sizeof(now[i].member));
    }
    if (script_top(out->options.redis, out->prefix, top->count, now, count,
                   top->known ? top->entries : NULL, top->entry_count, on_top, top) != STATUS_OK)
        return;
    memcpy(top->entries, now, count * sizeof(now[0]));
    top->entry_count = count;
    top->waiting = true;
}
