#include "speaker/out_offers.h"

#include "common/base/log.h"
#include "common/redis/keys.h"
#include "speaker/in_jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    /* To one leader: policy knows as many mitigations at most. */
    OFFERS_MAX = 4096,
    /* On their way at once; also of one turn. Each is read from the journal. */
    FLYING_MAX = 64,
    LOOKED_AT_MAX = 5000, /* of a turn: all that there can be takes twenty turns */
    RECORD_MAX = 64 << 10,
};

/* What was heard of last so long ago may have ended since: its record would be gone by now. */
static bool is_fresh(const struct standing *s, int64_t now_ms)
{
    return now_ms - s->confirmed_ms < KEY_ENDED_TTL_MS;
}

static bool is_offered(const struct speaker *speaker, const struct standing *s, int64_t now_ms)
{
    return s->missing && desired_stands(s) && !s->dry_run && s->offered != speaker->offers.number &&
           is_fresh(s, now_ms);
}

void out_offers_again(struct speaker *speaker)
{
    speaker->offers.epoch = 0;
    speaker->offers.running = false;
}

void out_offers_begin(struct speaker *speaker, uint64_t epoch)
{
    struct offers *offers = &speaker->offers;
    if (epoch == 0)
        return;
    if (offers->epoch != epoch) {
        offers->epoch = epoch;
        offers->number++;
        offers->count = 0;
    }
    offers->cursor = offers->made = 0;
    offers->running = true;
}

static void on_written(void *owner, enum status status, const struct redis_reply *reply)
{
    struct speaker *speaker = owner;
    speaker->offers.flying--;
    if (status == STATUS_OK)
        return;
    if (speaker->offers.epoch != 0 && reply != NULL)
        log_warn("offers are not taken, and made again", "error=\"%.100s\"", reply->bytes);
    out_offers_again(speaker);
}

static enum status write_offer(struct speaker *speaker, const struct standing *s)
{
    char record[JOURNAL_KEY_MAX + 1], key[KEY_NAME_MAX], max[16], epoch[24];
    uint8_t bytes[RECORD_MAX];
    size_t len = 0, count = 0;
    (void)snprintf(record, sizeof(record), "m:%s", s->id); /* as store.h has it */
    enum status status = journal_get(speaker->journal, record, bytes, sizeof(bytes), &len);
    if (status != STATUS_OK)
        return status;
    (void)snprintf(max, sizeof(max), "%d", KEY_LOG_MAX);
    (void)snprintf(epoch, sizeof(epoch), "%" PRIu64, speaker->offers.epoch);
    const char *words[] = {"XADD",       key_name(key, speaker->config->redis.prefix, KEY_RESULTS),
                           "MAXLEN",     "~",
                           max,          "*",
                           "speaker",    speaker->config->speaker.name,
                           "mitigation", s->id,
                           "result",     "offered",
                           "epoch",      epoch,
                           "offer"};
    enum { WORDS = sizeof(words) / sizeof(words[0]) };
    struct redis_arg args[WORDS + 1];
    for (; count < WORDS; count++)
        args[count] = (struct redis_arg){.bytes = words[count], .len = strlen(words[count])};
    args[count++] = (struct redis_arg){.bytes = (const char *)bytes, .len = len};
    return redis_command(in_jobs_redis(speaker->in_jobs), args, count, on_written, speaker);
}

static void end(struct speaker *speaker)
{
    struct offers *offers = &speaker->offers;
    offers->running = false;
    if (offers->made > 0)
        log_warn("what the state server has lost is offered to policy",
                 "mitigations=%zu epoch=%" PRIu64, offers->made, offers->epoch);
}

void out_offers_tick(struct speaker *speaker)
{
    struct offers *offers = &speaker->offers;
    int64_t now_ms = (int64_t)speaker_now_ms(speaker);
    if (!offers->running || !in_jobs_is_up(speaker->in_jobs))
        return;
    for (size_t i = 0; i < LOOKED_AT_MAX && offers->flying < FLYING_MAX; i++) {
        const struct standing *s = desired_next(speaker->desired, &offers->cursor);
        if (s == NULL || offers->count == OFFERS_MAX) {
            end(speaker);
            return;
        }
        if (!is_offered(speaker, s, now_ms))
            continue;
        enum status status = write_offer(speaker, s);
        if (status == STATUS_AWAY || status == STATUS_LIMIT)
            return; /* the next reading begins anew */
        desired_set_offered(speaker->desired, s->id, offers->number);
        if (status != STATUS_OK)
            continue; /* the journal has it not: it stands as it is */
        offers->count++;
        offers->made++;
        offers->flying++;
    }
}
