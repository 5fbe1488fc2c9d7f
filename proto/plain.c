#include "common/base/clock.h"
#include "proto/alarm.h"

#include <inttypes.h>
#include <stdio.h>

/* Every field is given every time, empty where there is nothing to say, so that a hash that is
 * written again keeps nothing old. */
struct plain {
    on_plain_field on_field;
    void *owner;
};

static void put(const struct plain *p, const char *name, const char *value)
{
    p->on_field(p->owner, name, value);
}

static void put_number(const struct plain *p, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    put(p, name, text);
}

static void put_time(const struct plain *p, const char *name, uint64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];
    put(p, name, wall_ms != 0 ? clock_format_wall(wall_ms, text) : "");
}

static void put_duration(const struct plain *p, const char *name, uint64_t ms)
{
    char text[TEXT_QUANTITY_MAX];
    put(p, name, text_format_duration_ms(ms, text));
}

static void put_truth(const struct plain *p, const char *name, bool value)
{
    put(p, name, value ? "yes" : "no");
}

/* Text that grows; what went wrong with it shows as an empty value. */
static void put_text(const struct plain *p, const char *name, struct text *value)
{
    put(p, name, value->failed ? "" : text_str(value));
    text_done(value);
}

static void put_hex(const struct plain *p, const char *name, const uint8_t *bytes, size_t len)
{
    struct text value;
    text_init(&value, 0);
    text_add_hex(&value, bytes, len);
    put_text(p, name, &value);
}

/* Strings of `room` octets each, separated by spaces. */
static void put_strings(const struct plain *p, const char *name, const char *strings, size_t count,
                        size_t room)
{
    struct text value;
    text_init(&value, 0);
    for (size_t i = 0; i < count; i++)
        text_addf(&value, "%s%s", i > 0 ? " " : "", strings + i * room);
    put_text(p, name, &value);
}

static void put_rates(const struct plain *p, const char *name, const struct alarm_rates *rates)
{
    char bps[TEXT_QUANTITY_MAX], low[TEXT_QUANTITY_MAX], high[TEXT_QUANTITY_MAX];
    char pps[TEXT_QUANTITY_MAX], fps[TEXT_QUANTITY_MAX];
    struct text value;
    text_init(&value, 0);
    text_addf(&value, "%s (%s to %s), %s pps, %s fps", text_format_bit_rate(rates->bps, bps),
              text_format_bit_rate(rates->bps_low, low),
              text_format_bit_rate(rates->bps_high, high), text_format_count(rates->pps, pps),
              text_format_count(rates->fps, fps));
    put_text(p, name, &value);
}

/* "192.0.2.1 62.5%, 192.0.2.2 37.5%" */
static void put_contributors(const struct plain *p, const struct alarm *alarm)
{
    char addr[ADDR_TEXT_MAX];
    struct text value;
    text_init(&value, 0);
    for (size_t i = 0; i < alarm->contributor_count; i++) {
        const struct alarm_contributor *contributor = &alarm->contributors[i];
        text_addf(&value, "%s%s %u.%u%%", i > 0 ? ", " : "",
                  addr_format(&contributor->exporter, addr), contributor->share_permille / 10U,
                  contributor->share_permille % 10U);
    }
    put_text(p, "contributors", &value);
}

static const char *severity_name(uint8_t severity)
{
    static const char *const names[] = {"notice", "minor", "major", "critical", "emergency"};
    return severity < sizeof(names) / sizeof(names[0]) ? names[severity] : "unknown";
}

void alarm_plain_fields(const struct alarm *alarm, on_plain_field on_field, void *owner)
{
    struct plain p = {on_field, owner};
    bool frozen = alarm->state == ALARM_FROZEN || alarm->state == ALARM_STALE;
    put(&p, "id", alarm->id);
    put(&p, "state", alarm_state_name((enum alarm_state)alarm->state));
    put(&p, "frozen_from", frozen ? alarm_state_name((enum alarm_state)alarm->frozen_from) : "");
    put(&p, "severity", severity_name(alarm->severity));
    put(&p, "policy", alarm->policy);
    put(&p, "key", alarm->key_text);
    put(&p, "threshold", alarm->threshold_text);
    put_duration(&p, "window", alarm->window_ms);
    put_rates(&p, "now", &alarm->now);
    put_rates(&p, "at_crossing", &alarm->at_crossing);
    put_rates(&p, "peak", &alarm->peak);
    put_contributors(&p, alarm);
    put_strings(&p, "mitigations", alarm->mitigations[0], alarm->mitigation_count, ID_TEXT_MAX);
    put(&p, "not_mitigated", alarm->not_mitigated);
    put_time(&p, "crossed", alarm->times.crossed_ms);
    put_time(&p, "active", alarm->times.active_ms);
    put_time(&p, "clearing", alarm->times.clearing_ms);
    put_time(&p, "frozen", alarm->times.frozen_ms);
    put_time(&p, "ended", alarm->times.ended_ms);
    put_time(&p, "last_over", alarm->times.last_over_ms);
    put_time(&p, "changed", alarm->times.changed_ms);
    put_number(&p, "reactivations", alarm->reactivations);
    put_truth(&p, "acknowledged", alarm->acknowledged);
    put_truth(&p, "suppressed", alarm->suppressed);
    put_truth(&p, "stopped_by_person", alarm->stopped_by_person);
    put_number(&p, "revision", alarm->revision);
}

static const char *origin_name(uint8_t origin)
{
    static const char *const names[] = {"alarm", "person", "api"};
    return origin < sizeof(names) / sizeof(names[0]) ? names[origin] : "unknown";
}

static void put_communities(const struct plain *p, const struct mitigation *m)
{
    struct text value;
    char community[COMMUNITY_TEXT_MAX];
    text_init(&value, 0);
    for (size_t i = 0; i < m->community_count; i++) {
        text_add(&value, i > 0 ? " " : "");
        text_add_hex(&value, m->communities[i], sizeof(m->communities[i]));
    }
    for (size_t i = 0; i < m->community6_count; i++) {
        text_add(&value, i + m->community_count > 0 ? " " : "");
        text_add_hex(&value, m->communities6[i], sizeof(m->communities6[i]));
    }
    for (size_t i = 0; i < m->standard_count; i++)
        text_addf(&value, "%s%s", value.len > 0 ? " " : "",
                  community_format(m->standard[i], COMMUNITY_STANDARD_LEN, community));
    for (size_t i = 0; i < m->large_count; i++)
        text_addf(&value, "%s%s", value.len > 0 ? " " : "",
                  community_format(m->large[i], COMMUNITY_LARGE_LEN, community));
    put_text(p, "communities", &value);
}

static void put_next_hop(const struct plain *p, const struct mitigation *m)
{
    char text[ADDR_TEXT_MAX];
    struct ip_addr addr =
        addr_from_octets(m->next_hop_len == 4 ? ADDR_IPV4 : ADDR_IPV6, m->next_hop);
    put(p, "next_hop", m->next_hop_len != 0 ? addr_format(&addr, text) : "");
}

void mitigation_plain_fields(const struct mitigation *m, on_plain_field on_field, void *owner)
{
    struct plain p = {on_field, owner};
    put(&p, "id", m->id);
    put(&p, "state", mitigation_state_name((enum mitigation_state)m->state));
    put_truth(&p, "dry_run", m->dry_run);
    put(&p, "rule", m->rule);
    put(&p, "method", m->method);
    put(&p, "policy", m->policy);
    put(&p, "alarm", m->alarm);
    put(&p, "origin", origin_name(m->origin));
    put(&p, "who", m->who);
    put(&p, "reason", m->reason);
    if (m->peer_count == 0)
        put(&p, "peers", "all");
    else
        put_strings(&p, "peers", m->peers[0], m->peer_count, NAME_MAX_LEN + 1);
    put_number(&p, "family", m->family);
    put_hex(&p, "nlri", m->nlri, m->nlri_len);
    put_communities(&p, m);
    put(&p, "route", route_kind_name((enum route_kind)m->route));
    put_next_hop(&p, m);
    put(&p, "collateral", mitigation_collateral(m));
    put_number(&p, "epoch", m->epoch);
    put_number(&p, "revision", m->revision);
    put_time(&p, "crossed", m->crossed_ms);
    put_time(&p, "decided", m->decided_ms);
    put_time(&p, "created", m->created_ms);
    put_time(&p, "announced", m->announced_ms);
    put_time(&p, "active", m->active_ms);
    put_time(&p, "withdraw_asked", m->withdraw_asked_ms);
    put_time(&p, "ended", m->ended_ms);
    put(&p, "why_ended", m->why_ended);
    put_time(&p, "until", m->until_ms);
    put_time(&p, "renewed", m->renewed_ms);
    put_duration(&p, "lease", m->lease_ms);
    if (m->withdraw_manual)
        put(&p, "withdraw_after", "manual");
    else
        put_duration(&p, "withdraw_after", m->withdraw_after_ms);
}

void job_plain_fields(const struct job *job, on_plain_field on_field, void *owner)
{
    struct plain p = {on_field, owner};
    put(&p, "verb", job_verb_name((enum job_verb)job->verb));
    put(&p, "mitigation", job->mitigation);
    put_number(&p, "epoch", job->epoch);
    put_number(&p, "revision", job->revision);
    put_time(&p, "crossed", job->crossed_ms);
    put_time(&p, "tick", job->tick_ms);
    put_time(&p, "decided", job->decided_ms);
    put_time(&p, "written", job->written_ms);
}

void job_result_plain_fields(const struct job_result *result, on_plain_field on_field, void *owner)
{
    struct plain p = {on_field, owner};
    char since[32] = "";
    if (result->since_crossed_us != 0)
        (void)snprintf(since, sizeof(since), "%" PRIu64 ".%03u ms", result->since_crossed_us / 1000,
                       (unsigned int)(result->since_crossed_us % 1000));
    put(&p, "speaker", result->speaker);
    put(&p, "peer", result->peer);
    put(&p, "mitigation", result->mitigation);
    put_number(&p, "revision", result->revision);
    put(&p, "verb", job_verb_name((enum job_verb)result->verb));
    put(&p, "result", result_kind_name((enum result_kind)result->kind));
    put(&p, "reason", result->reason);
    put_time(&p, "at", result->at_ms);
    put(&p, "since_crossed", since);
}
