#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Far enough back for what came while nobody led. Answers that the last leader has seen already
 * change nothing. */
enum { BACK_MS = 600000 };

static void complain(struct policy *p, const char *verb, const struct stream_entry *entry)
{
    uint64_t suppressed = 0;
    policy_metrics_request(verb, "malformed");
    if (log_limiter_allow(&p->log_limiter, 1, clock_mono_ms(&p->clock), &suppressed))
        log_warn("a result cannot be read", "entry=%s suppressed=%" PRIu64, entry->id, suppressed);
}

/* What a speaker has and state Redis has lost. An offer is to the policy of one epoch: one that was
 * made to an earlier one may be of something that has ended since. */
static void take_offer(struct policy *p, const struct stream_entry *entry,
                       const struct redis_reply *offer)
{
    static const char *const outcomes[] = {[ENGINE_KNOWN] = "known",
                                           [ENGINE_ADOPTED] = "adopted",
                                           [ENGINE_NOT_ADOPTED] = "not_adopted",
                                           [ENGINE_NO_ROOM] = "no_room"};
    char name[NAME_MAX_LEN + 1];
    struct mitigation m;
    uint64_t epoch = 0;
    const struct redis_reply *to = stream_field(entry, "epoch");
    const struct redis_reply *speaker = stream_field(entry, "speaker");
    if (to == NULL || !redis_to_u64(to, &epoch) || speaker == NULL ||
        speaker->type != REDIS_STRING || offer->type != REDIS_STRING) {
        complain(p, "offer", entry);
        return;
    }
    if (epoch != p->epoch) {
        policy_metrics_request("offer", "to_another");
        return;
    }
    if (mitigation_decode(&m, (const uint8_t *)offer->bytes, offer->len) != STATUS_OK) {
        complain(p, "offer", entry);
        return;
    }
    (void)snprintf(name, sizeof(name), "%.*s", NAME_MAX_LEN, speaker->bytes);
    enum engine_adoption adoption = engine_adopt(p->engine, &m, name, gate_now(p));
    policy_metrics_request("offer", outcomes[adoption]);
    uint64_t suppressed = 0;
    if (adoption == ENGINE_NO_ROOM &&
        log_limiter_allow(&p->log_limiter, 2, clock_mono_ms(&p->clock), &suppressed))
        log_error("there is no room for what a speaker offers: it stands there until its lease or "
                  "orphan_max ends",
                  "mitigation=%s most=%d suppressed=%" PRIu64, m.id, ENGINE_MITIGATIONS_MAX,
                  suppressed);
    mitigation_done(&m);
    gate_settle(p);
}

static void on_entry(void *owner, const struct stream_entry *entry)
{
    struct policy *p = owner;
    struct job_result result;
    const struct redis_reply *pb = stream_field(entry, "pb"), *offer = stream_field(entry, "offer");
    if (!gate_is_open(p))
        return;
    if (pb == NULL && offer != NULL) {
        take_offer(p, entry, offer);
        return;
    }
    if (pb == NULL || pb->type != REDIS_STRING ||
        job_result_decode(&result, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK) {
        complain(p, "result", entry);
        return;
    }
    policy_metrics_request("result", result_kind_name((enum result_kind)result.kind));
    engine_result(p->engine, &result, gate_now(p));
    gate_settle(p);
}

static enum status open_reader(struct policy *p, const char *from)
{
    char key[KEY_NAME_MAX];
    if (key_name(key, p->config->redis.prefix, KEY_RESULTS) == NULL)
        return STATUS_RANGE;
    struct stream_reader_options options = {
        .connection = links_options(p, "state-results", p->config->redis.state.address),
        .keys = {key},
        .from = {from},
        .stream_count = 1,
        .on_entry = on_entry,
        .owner = p};
    enum status status = stream_reader_new(&p->results, p->loop, &options);
    if (status == STATUS_OK)
        stream_reader_start(p->results);
    return status;
}

/* Ten minutes back, or the last entry where that is older: past the last there is nothing to begin
 * at. */
static void on_last(void *owner, enum status status, const struct redis_reply *reply)
{
    struct policy *p = owner;
    char from[STREAM_ID_MAX] = "0";
    unsigned long long last_ms = 0;
    if (p->results != NULL || !gate_is_open(p))
        return;
    if (status == STATUS_OK && reply->type == REDIS_ARRAY && reply->count == 1 &&
        reply->items[0].type == REDIS_ARRAY && reply->items[0].count > 0 &&
        reply->items[0].items[0].type == REDIS_STRING) {
        const struct redis_reply *id = &reply->items[0].items[0];
        uint64_t now_ms = redis_now_ms(p->state), back_ms = now_ms > BACK_MS ? now_ms - BACK_MS : 0;
        (void)sscanf(id->bytes, "%llu", &last_ms);
        if (last_ms < back_ms && id->len < sizeof(from))
            memcpy(from, id->bytes, id->len + 1);
        else
            (void)snprintf(from, sizeof(from), "%" PRIu64 "-0", back_ms);
    }
    if (status != STATUS_OK || open_reader(p, from) != STATUS_OK)
        gate_give_up(p, "results cannot be read");
}

enum status in_results_open(struct policy *p)
{
    char key[KEY_NAME_MAX];
    if (key_name(key, p->config->redis.prefix, KEY_RESULTS) == NULL)
        return STATUS_RANGE;
    return redis_commandf(p->state, on_last, p, "XREVRANGE %s + - COUNT 1", (char *)key);
}
