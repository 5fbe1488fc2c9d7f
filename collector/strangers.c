#include "collector/strangers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MS = 600000 };

enum status strangers_init(struct strangers *strangers)
{
    memset(strangers, 0, sizeof(*strangers));
    return uv_mutex_init(&strangers->lock) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void strangers_done(struct strangers *strangers)
{
    uv_mutex_destroy(&strangers->lock);
}

void strangers_tell(struct strangers *strangers, uint32_t worker, const struct tally *tally)
{
    size_t count;
    const struct tally_stranger *last = tally_strangers(tally, &count);
    uv_mutex_lock(&strangers->lock);
    struct strangers_of_worker *of = &strangers->workers[worker];
    of->refused = tally_counters(tally)->refused[FORMAT_COUNT][TALLY_UNLISTED];
    of->count = count;
    if (count > 0)
        memcpy(of->last, last, count * sizeof(*last));
    uv_mutex_unlock(&strangers->lock);
}

static int latest_first(const void *a, const void *b)
{
    const struct tally_stranger *x = a, *y = b;
    return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

void strangers_read(struct strangers *strangers, uint64_t now_ms, struct text *ret_words,
                    struct text *ret_addresses)
{
    static struct tally_stranger all[STRANGERS_WORKERS_MAX * TALLY_STRANGERS];
    uint64_t refused = 0;
    size_t count = 0;
    char text[ADDR_TEXT_MAX];
    text_clear(ret_words);
    text_clear(ret_addresses);
    uv_mutex_lock(&strangers->lock);
    for (size_t i = 0; i < STRANGERS_WORKERS_MAX; i++) {
        const struct strangers_of_worker *of = &strangers->workers[i];
        refused += of->refused;
        for (size_t j = 0; j < of->count; j++)
            if (now_ms - of->last[j].last_ms < SHOWN_MS)
                all[count++] = of->last[j];
    }
    uv_mutex_unlock(&strangers->lock);
    if (count == 0)
        return;
    qsort(all, count, sizeof(all[0]), latest_first);
    text_addf(ret_words, "%" PRIu64 " datagrams, the last from ", refused);
    for (size_t i = 0; i < count && i < TALLY_STRANGERS; i++) {
        addr_format(&all[i].addr, text);
        text_addf(ret_words, "%s%s", i > 0 ? ", " : "", text);
        text_addf(ret_addresses, "%s%s", i > 0 ? " " : "", text);
    }
}
