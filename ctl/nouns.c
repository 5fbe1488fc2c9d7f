#include "ctl/nouns.h"

#include "common/service/config.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

static void put_text(json_t *object, const char *name, const char *value)
{
    put(object, name, show_json_text(value));
}

/* null instead of "". */
static void put_text_or_null(json_t *object, const char *name, const char *value)
{
    put(object, name, value[0] != '\0' ? show_json_text(value) : json_null());
}

/* Strings of `room` octets each. */
static json_t *strings(const char *first, size_t count, size_t room)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list, show_json_text(first + i * room));
    return list;
}

static json_t *rates(const struct alarm_rates *r)
{
    json_t *object = json_object();
    put(object, "bps", show_json_number(r->bps));
    put(object, "pps", show_json_number(r->pps));
    put(object, "fps", show_json_number(r->fps));
    put(object, "bps_low", show_json_number(r->bps_low));
    put(object, "bps_high", show_json_number(r->bps_high));
    return object;
}

static json_t *contributors(const struct alarm *alarm)
{
    char addr[ADDR_TEXT_MAX];
    json_t *list = json_array();
    for (size_t i = 0; i < alarm->contributor_count; i++) {
        const struct alarm_contributor *c = &alarm->contributors[i];
        json_t *object = json_object();
        put_text(object, "exporter", addr_format(&c->exporter, addr));
        put(object, "share", json_real(c->share_permille / 1000.0));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *alarm_times(const struct alarm_times *t)
{
    json_t *object = json_object();
    put(object, "crossed_ms", show_json_time(t->crossed_ms));
    put(object, "active_ms", show_json_time(t->active_ms));
    put(object, "clearing_ms", show_json_time(t->clearing_ms));
    put(object, "frozen_ms", show_json_time(t->frozen_ms));
    put(object, "ended_ms", show_json_time(t->ended_ms));
    put(object, "last_over_ms", show_json_time(t->last_over_ms));
    put(object, "changed_ms", show_json_time(t->changed_ms));
    return object;
}

json_t *noun_alarm(const struct alarm *alarm)
{
    char number[24];
    json_t *object = json_object(), *all = json_object();
    bool frozen = alarm->state == ALARM_FROZEN || alarm->state == ALARM_STALE;
    put_text(object, "id", alarm->id);
    put_text(object, "policy", alarm->policy);
    (void)snprintf(number, sizeof number, "%016" PRIx64, alarm->count_id);
    put_text(object, "count", number);
    put_text(object, "key", alarm->key_text);
    put_text(object, "state", alarm_state_name((enum alarm_state)alarm->state));
    put_text_or_null(object, "frozen_from",
                     frozen ? alarm_state_name((enum alarm_state)alarm->frozen_from) : "");
    put_text(object, "severity",
             alarm->severity < SEVERITY_COUNT
                 ? config_severity_name((enum config_severity)alarm->severity)
                 : "unknown");
    put_text(object, "threshold", alarm->threshold_text);
    put(object, "window_ms", json_integer(alarm->window_ms));
    put(all, "now", rates(&alarm->now));
    put(all, "peak", rates(&alarm->peak));
    put(all, "at_crossing", rates(&alarm->at_crossing));
    put(object, "rates", all);
    put(object, "times", alarm_times(&alarm->times));
    put(object, "contributors", contributors(alarm));
    put(object, "mitigations",
        strings(alarm->mitigations[0], alarm->mitigation_count, ID_TEXT_MAX));
    put_text_or_null(object, "not_mitigated", alarm->not_mitigated);
    put(object, "reactivations", json_integer(alarm->reactivations));
    put(object, "acknowledged", json_boolean(alarm->acknowledged));
    put(object, "suppressed", json_boolean(alarm->suppressed));
    put(object, "stopped_by_person", json_boolean(alarm->stopped_by_person));
    put(object, "revision", show_json_u64(alarm->revision));
    return object;
}

static json_t *mitigation_times(const struct mitigation *m)
{
    json_t *object = json_object();
    put(object, "crossed_ms", show_json_time(m->crossed_ms));
    put(object, "decided_ms", show_json_time(m->decided_ms));
    put(object, "created_ms", show_json_time(m->created_ms));
    put(object, "announced_ms", show_json_time(m->announced_ms));
    put(object, "active_ms", show_json_time(m->active_ms));
    put(object, "renewed_ms", show_json_time(m->renewed_ms));
    put(object, "withdraw_asked_ms", show_json_time(m->withdraw_asked_ms));
    put(object, "ended_ms", show_json_time(m->ended_ms));
    return object;
}

/* The hash's fields peer:<speaker>/<peer>: what each was sent last. */
static json_t *results_of(const struct redis_reply *hash)
{
    static const char head[] = "peer:";
    json_t *object = json_object();
    for (size_t i = 0; hash != NULL && hash->type == REDIS_ARRAY && i + 1 < hash->count; i += 2) {
        const struct redis_reply *name = &hash->items[i], *value = &hash->items[i + 1];
        if (name->type != REDIS_STRING || value->type != REDIS_STRING ||
            strncmp(name->bytes, head, sizeof head - 1) != 0)
            continue;
        json_t *key = show_json_text(name->bytes + sizeof head - 1);
        put_text(object, json_string_value(key), value->bytes);
        json_decref(key);
    }
    return object;
}

/* Those that people write. */
static void put_communities(json_t *list, const uint8_t *octets, size_t count, size_t len)
{
    char text[COMMUNITY_TEXT_MAX];
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(list,
                                    json_string(community_format(octets + i * len, len, text)));
}

json_t *noun_mitigation(const struct mitigation *m, const struct redis_reply *hash)
{
    static const char *const origins[] = {"alarm", "person", "api"};
    json_t *object = json_object(), *communities = json_array();
    for (size_t i = 0; i < m->community_count; i++)
        (void)json_array_append_new(communities,
                                    show_json_hex(m->communities[i], sizeof m->communities[i]));
    for (size_t i = 0; i < m->community6_count; i++)
        (void)json_array_append_new(communities,
                                    show_json_hex(m->communities6[i], sizeof m->communities6[i]));
    put_communities(communities, m->standard[0], m->standard_count, COMMUNITY_STANDARD_LEN);
    put_communities(communities, m->large[0], m->large_count, COMMUNITY_LARGE_LEN);
    char next_hop[ADDR_TEXT_MAX] = "";
    struct ip_addr addr =
        addr_from_octets(m->next_hop_len == 4 ? ADDR_IPV4 : ADDR_IPV6, m->next_hop);
    if (m->next_hop_len != 0)
        (void)addr_format(&addr, next_hop);
    put_text(object, "id", m->id);
    put_text(object, "state", mitigation_state_name((enum mitigation_state)m->state));
    put(object, "dry_run", json_boolean(m->dry_run));
    put_text(object, "rule", m->rule);
    put_text(object, "family", m->family == ADDR_IPV6 ? "ipv6" : "ipv4");
    put(object, "nlri", show_json_hex(m->nlri, m->nlri_len));
    put(object, "communities", communities);
    put_text(object, "route", route_kind_name((enum route_kind)m->route));
    put_text_or_null(object, "next_hop", next_hop);
    put_text_or_null(object, "collateral", mitigation_collateral(m));
    put_text_or_null(object, "method", m->method);
    put_text_or_null(object, "policy", m->policy);
    put_text_or_null(object, "alarm", m->alarm);
    put_text(object, "origin",
             m->origin < sizeof origins / sizeof origins[0] ? origins[m->origin] : "unknown");
    put_text_or_null(object, "who", m->who);
    put_text_or_null(object, "reason", m->reason);
    put(object, "peers", strings(m->peers[0], m->peer_count, NAME_MAX_LEN + 1));
    put(object, "revision", show_json_u64(m->revision));
    put(object, "epoch", show_json_u64(m->epoch));
    put(object, "until_ms", show_json_time(m->until_ms));
    put(object, "lease_ms", show_json_u64(m->lease_ms));
    put(object, "withdraw_after_ms",
        m->withdraw_manual ? json_null() : show_json_u64(m->withdraw_after_ms));
    put(object, "times", mitigation_times(m));
    put_text_or_null(object, "why_ended", m->why_ended);
    put(object, "results", results_of(hash));
    return object;
}

json_t *noun_job(const struct job *job, const char *stream_id)
{
    json_t *object = json_object(), *times = json_object();
    put_text(object, "id", stream_id);
    put_text(object, "verb", job_verb_name((enum job_verb)job->verb));
    put_text(object, "mitigation", job->mitigation);
    put(object, "revision", show_json_u64(job->revision));
    put(object, "epoch", show_json_u64(job->epoch));
    put(times, "crossed_ms", show_json_time(job->crossed_ms));
    put(times, "tick_ms", show_json_time(job->tick_ms));
    put(times, "decided_ms", show_json_time(job->decided_ms));
    put(times, "written_ms", show_json_time(job->written_ms));
    put(object, "times", times);
    return object;
}

json_t *noun_result(const struct job_result *result)
{
    json_t *object = json_object();
    put_text(object, "speaker", result->speaker);
    put_text_or_null(object, "peer", result->peer);
    put_text(object, "result", result_kind_name((enum result_kind)result->kind));
    put_text_or_null(object, "reason", result->reason);
    put(object, "at_ms", show_json_time(result->at_ms));
    put(object, "since_crossed_ms",
        result->since_crossed_us == 0 ? json_null()
                                      : json_real((double)result->since_crossed_us / 1000));
    return object;
}

static const struct redis_reply *pb_of(const struct redis_reply *hash)
{
    const struct redis_reply *pb = redis_field(hash, "pb");
    return pb != NULL && pb->type == REDIS_STRING ? pb : NULL;
}

enum status noun_alarm_of(const struct redis_reply *hash, json_t **ret_alarm)
{
    const struct redis_reply *pb = pb_of(hash);
    struct alarm alarm;
    if (pb == NULL)
        return STATUS_NOT_FOUND;
    enum status s = alarm_decode(&alarm, (const uint8_t *)pb->bytes, pb->len);
    if (s != STATUS_OK)
        return s;
    *ret_alarm = noun_alarm(&alarm);
    alarm_done(&alarm);
    return STATUS_OK;
}

enum status noun_mitigation_of(const struct redis_reply *hash, json_t **ret_mitigation)
{
    const struct redis_reply *pb = pb_of(hash);
    struct mitigation m;
    if (pb == NULL)
        return STATUS_NOT_FOUND;
    enum status s = mitigation_decode(&m, (const uint8_t *)pb->bytes, pb->len);
    if (s != STATUS_OK)
        return s;
    *ret_mitigation = noun_mitigation(&m, hash);
    mitigation_done(&m);
    return STATUS_OK;
}

json_t *noun_plain(const struct redis_reply *hash)
{
    json_t *object = json_object();
    for (size_t i = 0; hash->type == REDIS_ARRAY && i + 1 < hash->count; i += 2) {
        const struct redis_reply *name = &hash->items[i], *value = &hash->items[i + 1];
        if (name->type != REDIS_STRING || value->type != REDIS_STRING ||
            strcmp(name->bytes, "pb") == 0)
            continue;
        json_t *key = show_json_text(name->bytes);
        put_text(object, json_string_value(key), value->bytes);
        json_decref(key);
    }
    return object;
}

static json_t *number_of(const char *text)
{
    char *end = NULL;
    size_t len = strlen(text), digits = strspn(text + (text[0] == '-'), "0123456789.");
    if (digits == 0 || digits + (text[0] == '-') != len || len > 24)
        return NULL;
    if (strchr(text, '.') == NULL && len < 19)
        return json_integer(strtoll(text, NULL, 10));
    double value = strtod(text, &end);
    return *end == '\0' ? show_json_number(value) : NULL;
}

void noun_numbers(json_t *object, const char *const *names, size_t count, bool all_but)
{
    const char *name;
    void *next;
    json_t *value;
    json_object_foreach_safe(object, next, name, value)
    {
        bool named = false;
        for (size_t i = 0; i < count && !named; i++)
            named = strcmp(names[i], name) == 0;
        json_t *number =
            named != all_but && json_is_string(value) ? number_of(json_string_value(value)) : NULL;
        if (number != NULL)
            (void)json_object_set_new(object, name, number);
    }
}
