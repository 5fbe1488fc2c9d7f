#include "common/redis/keys.h"
#include "common/redis/scripts.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_MAX = 32 };

static struct redis_arg arg(const char *text)
{
    return (struct redis_arg){.bytes = text, .len = strlen(text)};
}

static bool is_among(const char *member, const struct top_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i].member, member) == 0)
            return true;
    return false;
}

enum status script_top(struct redis *redis, const char *prefix, const char *count,
                       const struct top_entry *now, size_t now_count,
                       const struct top_entry *before, size_t before_count, redis_on_reply on_reply,
                       void *owner)
{
    char name[KEY_NAME_MAX], ttl[NUMBER_MAX], gone_text[NUMBER_MAX];
    char scores[TOP_ITEMS_MAX][NUMBER_MAX];
    struct redis_arg args[3 + 3 * TOP_ITEMS_MAX];
    size_t n = 3;
    if (now_count > TOP_ITEMS_MAX || before_count > TOP_ITEMS_MAX ||
        key_name(name, prefix, KEY_TOP, count) == NULL)
        return STATUS_RANGE;
    for (size_t i = 0; before != NULL && i < before_count; i++)
        if (!is_among(before[i].member, now, now_count))
            args[n++] = arg(before[i].member);
    (void)snprintf(ttl, sizeof(ttl), "%d", KEY_TOP_TTL_MS);
    (void)snprintf(gone_text, sizeof(gone_text), "%zu", n - 3);
    args[0] = arg(ttl);
    args[1] = arg(before == NULL ? "1" : "0");
    args[2] = arg(gone_text);
    for (size_t i = 0; i < now_count; i++) {
        (void)snprintf(scores[i], sizeof(scores[i]), "%.17g", now[i].score);
        args[n++] = arg(scores[i]);
        args[n++] = arg(now[i].member);
    }
    const struct redis_arg key = arg(name);
    return script_run(redis, SCRIPT_top, &key, 1, args, n, on_reply, owner);
}
