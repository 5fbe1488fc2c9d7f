#include "proto/alarm.h"

#include "proto/alarm.pb-c.h"
#include "proto/columns.h"
#include "proto/map.h"
#include "proto/message.h"
#include "proto/state.h"

#include <string.h>

typedef Weir__V1__Alarm alarm_message;

/* The highest severity's number. */
enum { SEVERITY_MAX = 4 };

static const char *const alarm_state_names[] = {
#define X(name, text) text,
    ALARM_STATES(X)
#undef X
};

#define X(name, text)                                                                              \
    _Static_assert((int)ALARM_##name == (int)WEIR__V1__ALARM_STATE__ALARM_##name, "as in .proto");
ALARM_STATES(X)
#undef X

#define RATES(member, prefix)                                                                      \
    MAP_DOUBLE(struct alarm, member.bps, alarm_message, prefix##_bps),                             \
        MAP_DOUBLE(struct alarm, member.pps, alarm_message, prefix##_pps),                         \
        MAP_DOUBLE(struct alarm, member.fps, alarm_message, prefix##_fps),                         \
        MAP_DOUBLE(struct alarm, member.bps_low, alarm_message, prefix##_bps_low),                 \
        MAP_DOUBLE(struct alarm, member.bps_high, alarm_message, prefix##_bps_high)

static const struct map_field alarm_map[] = {
    MAP_TEXT(struct alarm, id, alarm_message, id),
    MAP_TEXT(struct alarm, policy, alarm_message, policy),
    MAP_U64(struct alarm, count_id, alarm_message, count_id),
    MAP_TEXT(struct alarm, key_text, alarm_message, key_text),
    MAP_ENUM(struct alarm, state, alarm_message, state, ALARM_STATE_COUNT),
    MAP_ENUM(struct alarm, frozen_from, alarm_message, frozen_from, ALARM_STATE_COUNT),
    MAP_SMALL(struct alarm, severity, alarm_message, severity, SEVERITY_MAX),
    MAP_SMALL(struct alarm, threshold, alarm_message, threshold, UINT32_MAX),
    MAP_TEXT(struct alarm, threshold_text, alarm_message, threshold_text),
    MAP_SMALL(struct alarm, window_ms, alarm_message, window_ms, UINT32_MAX),
    RATES(at_crossing, at_crossing),
    RATES(now, now),
    RATES(peak, peak),
    MAP_U64(struct alarm, times.crossed_ms, alarm_message, crossed_ms),
    MAP_U64(struct alarm, times.active_ms, alarm_message, active_ms),
    MAP_U64(struct alarm, times.clearing_ms, alarm_message, clearing_ms),
    MAP_U64(struct alarm, times.frozen_ms, alarm_message, frozen_ms),
    MAP_U64(struct alarm, times.ended_ms, alarm_message, ended_ms),
    MAP_U64(struct alarm, times.last_over_ms, alarm_message, last_over_ms),
    MAP_U64(struct alarm, times.changed_ms, alarm_message, changed_ms),
    MAP_SMALL(struct alarm, reactivations, alarm_message, reactivations, UINT32_MAX),
    MAP_BOOL(struct alarm, acknowledged, alarm_message, acknowledged),
    MAP_BOOL(struct alarm, suppressed, alarm_message, suppressed),
    MAP_BOOL(struct alarm, stopped_by_person, alarm_message, stopped_by_person),
    MAP_TEXT(struct alarm, not_mitigated, alarm_message, not_mitigated),
    MAP_U64(struct alarm, revision, alarm_message, revision),
};
enum { ALARM_MAP = sizeof(alarm_map) / sizeof(alarm_map[0]) };

enum alarm_group { GROUP_CONTRIBUTORS, GROUP_MITIGATIONS };

static const struct scan_column alarm_columns[] = {
    {35, GROUP_CONTRIBUTORS}, {36, GROUP_CONTRIBUTORS}, {37, GROUP_MITIGATIONS}};

static const struct scan_rules alarm_rules = {
    .type = &weir__v1__alarm__descriptor,
    .len_max = STATE_LEN_MAX,
    .fields_max = STATE_FIELDS_MAX,
    .columns = alarm_columns,
    .column_count = sizeof(alarm_columns) / sizeof(alarm_columns[0]),
    .group_max = {ALARM_CONTRIBUTORS_MAX, ALARM_MITIGATIONS_MAX},
};

const char *alarm_state_name(enum alarm_state s)
{
    return (unsigned int)s < ALARM_STATE_COUNT ? alarm_state_names[s] : "unknown";
}

enum status alarm_encode(const struct alarm *alarm, struct text *ret_bytes)
{
    alarm_message m;
    uint8_t exporters[ALARM_CONTRIBUTORS_MAX * COLUMN_ADDR_MAX];
    uint32_t shares[ALARM_CONTRIBUTORS_MAX], gaps_ms[ALARM_CONTRIBUTORS_MAX];
    char *mitigations[ALARM_MITIGATIONS_MAX];
    weir__v1__alarm__init(&m);
    if (alarm->contributor_count > ALARM_CONTRIBUTORS_MAX ||
        alarm->mitigation_count > ALARM_MITIGATIONS_MAX)
        return STATUS_LIMIT;
    if (key_check(alarm->key.bytes, alarm->key.len) != STATUS_OK)
        return STATUS_RANGE;
    enum status status = map_to_message(alarm_map, ALARM_MAP, alarm, &m);
    if (status != STATUS_OK)
        return status;

    struct wire_writer addrs = wire_writer_of(exporters, sizeof(exporters));
    for (size_t i = 0; i < alarm->contributor_count; i++) {
        const struct alarm_contributor *contributor = &alarm->contributors[i];
        if (contributor->share_permille > 1000 || addr_len(&contributor->exporter) == 0)
            return STATUS_RANGE;
        columns_put_addr(&addrs, &contributor->exporter);
        shares[i] = contributor->share_permille;
        gaps_ms[i] = contributor->usual_gap_ms;
    }
    m.key = (ProtobufCBinaryData){alarm->key.len, message_lend_bytes(alarm->key.bytes)};
    m.contributor_exporters = (ProtobufCBinaryData){addrs.len, exporters};
    m.n_contributor_share_permille = m.n_contributor_usual_gap_ms = alarm->contributor_count;
    m.contributor_share_permille = shares;
    m.contributor_usual_gap_ms = gaps_ms;
    status = state_lend_strings(mitigations, alarm->mitigations[0], alarm->mitigation_count,
                                ID_TEXT_MAX);
    m.n_mitigations = alarm->mitigation_count;
    m.mitigations = mitigations;
    return status == STATUS_OK ? message_append(&alarm_rules, &m.base, &alarm->unknown, ret_bytes)
                               : status;
}

static enum status contributors_from_message(struct alarm_contributor *ret_contributors,
                                             const alarm_message *m)
{
    struct wire_reader addrs =
        wire_reader_of(m->contributor_exporters.data, m->contributor_exporters.len);
    for (size_t i = 0; i < m->n_contributor_share_permille; i++) {
        struct alarm_contributor *contributor = &ret_contributors[i];
        if (columns_take_addr(&addrs, false, &contributor->exporter) != STATUS_OK ||
            m->contributor_share_permille[i] > 1000)
            return STATUS_MALFORMED;
        contributor->share_permille = (uint16_t)m->contributor_share_permille[i];
        contributor->usual_gap_ms = m->contributor_usual_gap_ms[i];
    }
    return columns_end(&addrs) ? STATUS_OK : STATUS_MALFORMED;
}

static enum status alarm_from_message(struct alarm *ret_alarm, const alarm_message *m,
                                      struct text *unknown)
{
    struct alarm_contributor contributors[ALARM_CONTRIBUTORS_MAX] = {0};
    if (map_check(alarm_map, ALARM_MAP, m) != STATUS_OK ||
        key_check(m->key.data, m->key.len) != STATUS_OK ||
        contributors_from_message(contributors, m) != STATUS_OK ||
        !state_strings_fit(m->mitigations, m->n_mitigations, ID_TEXT_MAX))
        return STATUS_MALFORMED;
    memset(ret_alarm, 0, sizeof(*ret_alarm));
    map_to_noun(alarm_map, ALARM_MAP, m, ret_alarm);
    ret_alarm->key.len = (uint8_t)m->key.len;
    if (m->key.len > 0)
        memcpy(ret_alarm->key.bytes, m->key.data, m->key.len);
    memcpy(ret_alarm->contributors, contributors, sizeof(contributors));
    ret_alarm->contributor_count = m->n_contributor_share_permille;
    state_copy_strings(ret_alarm->mitigations[0], m->mitigations, m->n_mitigations, ID_TEXT_MAX);
    ret_alarm->mitigation_count = m->n_mitigations;
    ret_alarm->unknown = *unknown;
    text_init(unknown, 0);
    return STATUS_OK;
}

enum status alarm_decode(struct alarm *ret_alarm, const uint8_t *bytes, size_t len)
{
    ProtobufCMessage *message = NULL;
    struct scan_result lens;
    struct text unknown;
    text_init(&unknown, STATE_UNKNOWN_MAX);
    enum status status = message_unpack(&alarm_rules, bytes, len, &message, &lens, &unknown);
    if (status == STATUS_OK)
        status = alarm_from_message(ret_alarm, (const alarm_message *)message, &unknown);
    if (message != NULL)
        protobuf_c_message_free_unpacked(message, NULL);
    text_done(&unknown);
    return status;
}

void alarm_done(struct alarm *alarm)
{
    if (alarm != NULL)
        text_done(&alarm->unknown);
}
