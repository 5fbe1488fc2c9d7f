#ifndef TESTS_UNIT_PROTO_STATE_NOUNS_H
#define TESTS_UNIT_PROTO_STATE_NOUNS_H

#include "proto/alarm.h"
#include "proto/recall.h"
#include "tests/unit/proto/nouns.h"

/* Nouns of the state server made from a seed. All are zeroed first and filled member by member, so
 * that equal ones are equal octets; what they own is compared apart. */

static inline bool chance_bool(uint64_t *seed)
{
    return chance_below(seed, 2) == 0;
}

static inline void chance_strings(uint64_t *seed, char *strings, size_t count, size_t room)
{
    for (size_t i = 0; i < count; i++)
        chance_text(seed, strings + i * room, room);
}

static inline struct alarm_rates chance_rates(uint64_t *seed)
{
    return (struct alarm_rates){chance_double(seed), chance_double(seed), chance_double(seed),
                                -1 - chance_double(seed), chance_double(seed)};
}

static inline void chance_alarm(uint64_t *seed, struct alarm *ret_alarm)
{
    struct alarm *a = ret_alarm;
    memset(a, 0, sizeof(*a));
    chance_text(seed, a->id, sizeof(a->id));
    chance_text(seed, a->policy, sizeof(a->policy));
    a->count_id = chance(seed);
    a->key = chance_key(seed);
    chance_text(seed, a->key_text, sizeof(a->key_text));
    a->state = (uint8_t)chance_below(seed, ALARM_STATE_COUNT);
    a->frozen_from = (uint8_t)chance_below(seed, ALARM_STATE_COUNT);
    a->severity = (uint8_t)chance_below(seed, 5);
    a->threshold = chance_u32(seed);
    chance_text(seed, a->threshold_text, sizeof(a->threshold_text));
    a->window_ms = chance_u32(seed);
    a->at_crossing = chance_rates(seed);
    a->now = chance_rates(seed);
    a->peak = chance_rates(seed);
    a->times =
        (struct alarm_times){chance_u64(seed), chance_u64(seed), chance_u64(seed), chance_u64(seed),
                             chance_u64(seed), chance_u64(seed), chance_u64(seed)};
    a->contributor_count = chance_below(seed, ALARM_CONTRIBUTORS_MAX + 1);
    for (size_t i = 0; i < a->contributor_count; i++) {
        a->contributors[i].exporter = chance_addr(seed);
        a->contributors[i].share_permille = (uint16_t)chance_below(seed, 1001);
        a->contributors[i].usual_gap_ms = chance_u32(seed);
    }
    a->mitigation_count = chance_below(seed, ALARM_MITIGATIONS_MAX + 1);
    chance_strings(seed, a->mitigations[0], a->mitigation_count, ID_TEXT_MAX);
    a->reactivations = chance_u32(seed);
    a->acknowledged = chance_bool(seed);
    a->suppressed = chance_bool(seed);
    a->stopped_by_person = chance_bool(seed);
    chance_text(seed, a->not_mitigated, sizeof(a->not_mitigated));
    a->revision = chance_u64(seed);
}

static inline bool alarm_equal(const struct alarm *a, const struct alarm *b)
{
    return memcmp(a, b, offsetof(struct alarm, unknown)) == 0 && a->unknown.len == b->unknown.len &&
           memcmp(text_str(&a->unknown), text_str(&b->unknown), a->unknown.len) == 0;
}

static inline void chance_mitigation(uint64_t *seed, struct mitigation *ret_m)
{
    struct mitigation *m = ret_m;
    memset(m, 0, sizeof(*m));
    chance_text(seed, m->id, sizeof(m->id));
    chance_text(seed, m->alarm, sizeof(m->alarm));
    chance_text(seed, m->policy, sizeof(m->policy));
    chance_text(seed, m->method, sizeof(m->method));
    m->origin = (uint8_t)chance_below(seed, ORIGIN_API + 1);
    chance_text(seed, m->who, sizeof(m->who));
    chance_text(seed, m->reason, sizeof(m->reason));
    m->state = (uint8_t)chance_below(seed, MITIGATION_STATE_COUNT);
    m->dry_run = chance_bool(seed);
    m->family = chance_bool(seed) ? 4 : 6;
    chance_text(seed, m->rule, sizeof(m->rule));
    m->nlri_len = chance_below(seed, NLRI_MAX + 1);
    for (size_t i = 0; i < m->nlri_len; i++)
        m->nlri[i] = (uint8_t)chance(seed);
    m->community_count = chance_below(seed, 65);
    for (size_t i = 0; i < m->community_count * 8; i++)
        m->communities[i / 8][i % 8] = (uint8_t)chance(seed);
    m->community6_count = chance_below(seed, 5);
    for (size_t i = 0; i < m->community6_count * 20; i++)
        m->communities6[i / 20][i % 20] = (uint8_t)chance(seed);
    m->route = (uint8_t)chance_below(seed, ROUTE_KIND_COUNT);
    m->next_hop_len = chance_bool(seed) ? 4 : 16;
    for (size_t i = 0; i < m->next_hop_len; i++)
        m->next_hop[i] = (uint8_t)chance(seed);
    m->standard_count = chance_below(seed, MITIGATION_STANDARD_MAX + 1);
    for (size_t i = 0; i < m->standard_count * COMMUNITY_STANDARD_LEN; i++)
        m->standard[i / COMMUNITY_STANDARD_LEN][i % COMMUNITY_STANDARD_LEN] = (uint8_t)chance(seed);
    m->large_count = chance_below(seed, MITIGATION_LARGE_MAX + 1);
    for (size_t i = 0; i < m->large_count * COMMUNITY_LARGE_LEN; i++)
        m->large[i / COMMUNITY_LARGE_LEN][i % COMMUNITY_LARGE_LEN] = (uint8_t)chance(seed);
    m->peer_count = chance_below(seed, MITIGATION_PEERS_MAX + 1);
    chance_strings(seed, m->peers[0], m->peer_count, NAME_MAX_LEN + 1);
    m->epoch = chance_u64(seed);
    m->revision = chance_u64(seed);
    m->created_ms = chance_u64(seed);
    m->announced_ms = chance_u64(seed);
    m->active_ms = chance_u64(seed);
    m->withdraw_asked_ms = chance_u64(seed);
    m->ended_ms = chance_u64(seed);
    m->until_ms = chance_u64(seed);
    m->renewed_ms = chance_u64(seed);
    m->lease_ms = chance_u64(seed);
    m->withdraw_after_ms = chance_u64(seed);
    m->withdraw_manual = chance_bool(seed);
    m->crossed_ms = chance_u64(seed);
    m->decided_ms = chance_u64(seed);
    chance_text(seed, m->why_ended, sizeof(m->why_ended));
}

static inline bool mitigation_equal(const struct mitigation *a, const struct mitigation *b)
{
    return memcmp(a, b, offsetof(struct mitigation, unknown)) == 0 &&
           a->unknown.len == b->unknown.len &&
           memcmp(text_str(&a->unknown), text_str(&b->unknown), a->unknown.len) == 0;
}

static inline void chance_job(uint64_t *seed, struct job *ret_job)
{
    memset(ret_job, 0, sizeof(*ret_job));
    ret_job->verb = (uint8_t)chance_below(seed, JOB_WITHDRAW + 1);
    chance_text(seed, ret_job->mitigation, sizeof(ret_job->mitigation));
    ret_job->epoch = chance_u64(seed);
    ret_job->revision = chance_u64(seed);
    ret_job->crossed_ms = chance_u64(seed);
    ret_job->tick_ms = chance_u64(seed);
    ret_job->decided_ms = chance_u64(seed);
    ret_job->written_ms = chance_u64(seed);
}

static inline void chance_job_result(uint64_t *seed, struct job_result *ret_result)
{
    struct job_result *r = ret_result;
    memset(r, 0, sizeof(*r));
    chance_text(seed, r->speaker, sizeof(r->speaker));
    chance_text(seed, r->peer, sizeof(r->peer));
    chance_text(seed, r->mitigation, sizeof(r->mitigation));
    r->revision = chance_u64(seed);
    r->kind = (uint8_t)chance_below(seed, RESULT_KIND_COUNT);
    r->verb = (uint8_t)chance_below(seed, JOB_WITHDRAW + 1);
    chance_text(seed, r->reason, sizeof(r->reason));
    r->at_ms = chance_u64(seed);
    r->since_crossed_us = chance_u64(seed);
}

static inline void chance_request(uint64_t *seed, struct request *ret_request)
{
    struct request *r = ret_request;
    memset(r, 0, sizeof(*r));
    chance_text(seed, r->id, sizeof(r->id));
    r->expires_at_ms = chance_u64(seed);
    chance_text(seed, r->who, sizeof(r->who));
    chance_text(seed, r->verb, sizeof(r->verb));
    r->arg_count = chance_below(seed, 17);
    for (size_t i = 0; i < r->arg_count; i++) {
        chance_text(seed, r->args[i].name, sizeof(r->args[i].name));
        chance_text(seed, r->args[i].value, sizeof(r->args[i].value));
    }
}

static inline void chance_reply(uint64_t *seed, struct reply *ret_reply)
{
    memset(ret_reply, 0, sizeof(*ret_reply));
    chance_text(seed, ret_reply->id, sizeof(ret_reply->id));
    ret_reply->ok = chance_bool(seed);
    chance_text(seed, ret_reply->text, sizeof(ret_reply->text));
    ret_reply->id_count = chance_below(seed, 17);
    chance_strings(seed, ret_reply->ids[0], ret_reply->id_count, ID_TEXT_MAX);
}

static inline void chance_recall_request(uint64_t *seed, struct recall_request *ret_request)
{
    struct recall_request *r = ret_request;
    memset(r, 0, sizeof(*r));
    chance_text(seed, r->id, sizeof(r->id));
    r->expires_at_ms = chance_u64(seed);
    r->now_ms = chance_u32(seed);
    r->before_ms = chance_u32(seed);
    r->gap_ms = chance_u32(seed);
    r->tuples = chance_u32(seed);
    r->target_count = chance_below(seed, RECALL_TARGETS_MAX + 1);
    for (size_t i = 0; i < r->target_count; i++) {
        struct ip_addr addr = chance_addr(seed);
        r->targets[i].side = (uint8_t)chance_below(seed, 2);
        r->targets[i].prefix.len = (uint8_t)chance_below(seed, addr_bits(&addr) + 1U);
        r->targets[i].prefix.addr = addr_masked(&addr, r->targets[i].prefix.len);
    }
}

static inline struct estimate chance_estimate(uint64_t *seed)
{
    return (struct estimate){chance_double(seed), chance_double(seed), chance_double(seed)};
}

static inline void chance_recall_tuple(uint64_t *seed, struct recall_tuple *tuple)
{
    static const uint8_t versions[] = {0, 4, 6};
    struct recall_kind *kind = &tuple->kind;
    memset(tuple, 0, sizeof(*tuple));
    kind->target = (uint8_t)chance_below(seed, RECALL_TARGETS_MAX);
    kind->before = (uint8_t)chance_below(seed, 2);
    kind->protocol = (uint8_t)chance(seed);
    kind->fragment = (uint8_t)chance(seed);
    kind->ip_version = versions[chance_below(seed, 3)];
    kind->src_port = (uint16_t)chance(seed);
    kind->dst_port = (uint16_t)chance(seed);
    kind->tcp_flags = (uint16_t)chance(seed);
    kind->length = (uint16_t)chance(seed);
    kind->tos = (uint8_t)chance(seed);
    kind->known = chance_u32(seed);
    kind->folded = chance_u32(seed);
    if (kind->ip_version != 0) {
        struct ip_addr addr = chance_addr(seed);
        kind->peer_len = (uint8_t)chance_below(seed, addr_bits(&addr) + 1U);
        addr = addr_masked(&addr, kind->peer_len);
        kind->peer_family = addr.family;
        memcpy(kind->peer, addr.octets, sizeof(kind->peer));
    }
    kind->input_if = chance_u32(seed);
    tuple->bytes = chance_estimate(seed);
    tuple->packets = chance_estimate(seed);
    tuple->connections = chance_estimate(seed);
    tuple->flows = chance_double(seed);
    tuple->peers = chance_double(seed);
    tuple->samples = chance_u64(seed);
}

static inline void chance_recall_reply(uint64_t *seed, size_t tuples,
                                       struct recall_reply *ret_reply)
{
    struct recall_reply *r = ret_reply;
    memset(r, 0, sizeof(*r));
    chance_text(seed, r->id, sizeof(r->id));
    chance_text(seed, r->collector, sizeof(r->collector));
    r->worker = chance_u32(seed);
    r->covers_now_ms = chance_u32(seed);
    r->covers_before_ms = chance_u32(seed);
    r->open_missing = chance_below(seed, 2) == 1;
    r->workers = chance_u32(seed);
    r->total_count = chance_below(seed, RECALL_TOTALS_MAX + 1);
    for (size_t i = 0; i < r->total_count; i++)
        r->totals[i] =
            (struct recall_total){.target = (uint8_t)chance_below(seed, RECALL_TARGETS_MAX),
                                  .before = (uint8_t)chance_below(seed, 2),
                                  .peers = chance_double(seed),
                                  .one = chance_double(seed)};
    r->tuple_count = tuples;
    r->tuples = calloc(tuples + 1, sizeof(r->tuples[0]));
    for (size_t i = 0; i < tuples; i++)
        chance_recall_tuple(seed, &r->tuples[i]);
}

static inline bool recall_reply_equal(const struct recall_reply *a, const struct recall_reply *b)
{
    return memcmp(a, b, offsetof(struct recall_reply, tuples)) == 0 &&
           a->tuple_count == b->tuple_count && a->total_count == b->total_count &&
           memcmp(a->totals, b->totals, a->total_count * sizeof(a->totals[0])) == 0 &&
           memcmp(a->tuples, b->tuples, a->tuple_count * sizeof(a->tuples[0])) == 0;
}

#endif
