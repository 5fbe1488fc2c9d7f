#include "tests/unit/proto/state_nouns.h"

#include "common/base/wire.h"
#include "tests/unit/proto/next.pb-c.h"

#include <criterion/criterion.h>

/* A newer build (next.proto) and this one read each other. */

static struct alarm alarm, alarm_again;
static struct mitigation mitigation;
static struct delta_batch batch;

static size_t pack(const ProtobufCMessage *message, uint8_t *bytes, size_t room)
{
    cr_assert_leq(protobuf_c_message_get_packed_size(message), room);
    return protobuf_c_message_pack(message, bytes);
}

static const uint8_t *bytes_of(const struct text *t)
{
    return (const uint8_t *)text_str(t);
}

/* --- alarm -------------------------------------------------------------------------------------
 */

static size_t newer_alarm(uint8_t *bytes, size_t room, uint32_t state)
{
    static uint8_t key[] = {3, 1, 17};
    static char id[] = "a-1", incident[] = "i-7", what[] = "deep";
    static uint64_t hosts[] = {1, 300, UINT64_MAX};
    static double values[] = {1.5, -2};
    Weir__Next__NewPart part;
    Weir__Next__Alarm m;
    weir__next__new_part__init(&part);
    weir__next__alarm__init(&m);
    part.what = what;
    part.n_values = 2;
    part.values = values;
    m.id = id;
    m.key = (ProtobufCBinaryData){sizeof(key), key};
    m.state = state;
    m.revision = 5;
    m.incident = incident;
    m.n_hosts = 3;
    m.hosts = hosts;
    m.part = &part;
    m.mark = 0xdeadbeef;
    m.drift = -77;
    return pack(&m.base, bytes, room);
}

static void assert_newer_alarm_fields(const Weir__Next__Alarm *m)
{
    cr_assert_str_eq(m->incident, "i-7");
    cr_assert_eq(m->n_hosts, 3);
    cr_assert_eq(m->hosts[2], UINT64_MAX);
    cr_assert_str_eq(m->part->what, "deep");
    cr_assert_eq(m->part->n_values, 2);
    cr_assert_eq(m->part->values[1], -2);
    cr_assert_eq(m->mark, 0xdeadbeef);
    cr_assert_eq(m->drift, -77);
}

Test(evolution, older_keeps_what_newer_said_of_an_alarm)
{
    uint8_t bytes[512];
    struct text written, again;
    text_init(&written, 0);
    text_init(&again, 0);
    size_t len = newer_alarm(bytes, sizeof(bytes), ALARM_ELEVATED);
    cr_assert_eq(alarm_decode(&alarm, bytes, len), STATUS_OK);
    cr_assert_str_eq(alarm.id, "a-1");
    cr_assert_gt(alarm.unknown.len, 0);
    alarm.state = ALARM_ACTIVE;
    alarm.revision++;
    cr_assert_eq(alarm_encode(&alarm, &written), STATUS_OK);

    Weir__Next__Alarm *m = weir__next__alarm__unpack(NULL, written.len, bytes_of(&written));
    cr_assert_not_null(m);
    cr_assert_eq(m->state, ALARM_ACTIVE);
    cr_assert_eq(m->revision, 6);
    assert_newer_alarm_fields(m);
    weir__next__alarm__free_unpacked(m, NULL);

    /* Again through the older one: nothing is lost, doubled or grown. */
    cr_assert_eq(alarm_decode(&alarm_again, bytes_of(&written), written.len), STATUS_OK);
    cr_assert_eq(alarm_encode(&alarm_again, &again), STATUS_OK);
    cr_assert_eq(again.len, written.len);
    cr_assert_arr_eq(again.at, written.at, written.len);
    alarm_done(&alarm);
    alarm_done(&alarm);
    alarm_done(&alarm_again);
    text_done(&written);
    text_done(&again);
}

Test(evolution, newer_reads_an_older_alarm)
{
    uint64_t seed = 3;
    struct text written;
    text_init(&written, 0);
    chance_alarm(&seed, &alarm);
    cr_assert_eq(alarm_encode(&alarm, &written), STATUS_OK);
    Weir__Next__Alarm *m = weir__next__alarm__unpack(NULL, written.len, bytes_of(&written));
    cr_assert_not_null(m);
    cr_assert_str_eq(m->id, alarm.id);
    cr_assert_eq(m->state, alarm.state);
    cr_assert_eq(m->revision, alarm.revision);
    cr_assert_str_eq(m->incident, "");
    cr_assert_eq(m->n_hosts, 0);
    cr_assert_null(m->part);
    weir__next__alarm__free_unpacked(m, NULL);
    text_done(&written);
}

Test(evolution, a_state_of_a_newer_build_is_malformed)
{
    static const uint32_t states[] = {ALARM_STATE_COUNT, 255, 256, 0x7fffffff, 0xffffffff};
    uint8_t bytes[512];
    memset(&alarm, 0x5a, sizeof(alarm));
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        size_t len = newer_alarm(bytes, sizeof(bytes), states[i]);
        cr_assert_eq(alarm_decode(&alarm, bytes, len), STATUS_MALFORMED);
    }
    cr_assert_eq(alarm.state, 0x5a, "a refused message writes nothing");
}

Test(evolution, too_much_that_is_not_known_is_refused)
{
    static uint8_t bytes[40000];
    struct wire_writer w = {.start = bytes, .room = sizeof(bytes)};
    static const uint8_t kilobyte[1024];
    for (int i = 0; i < 16; i++) {
        static const uint8_t head[] = {0xfa, 0x3e, 0x80, 0x08}; /* field 1007, 1024 octets */
        wire_put_bytes(&w, head, sizeof(head));
        wire_put_bytes(&w, kilobyte, sizeof(kilobyte));
    }
    cr_assert_eq(alarm_decode(&alarm, bytes, 15 * 1028), STATUS_OK);
    cr_assert_eq(alarm.unknown.len, 15 * 1028);
    alarm_done(&alarm);
    cr_assert_eq(alarm_decode(&alarm, bytes, 16 * 1028), STATUS_LIMIT);
}

/* --- mitigation --------------------------------------------------------------------------------
 */

Test(evolution, older_keeps_what_newer_said_of_a_mitigation)
{
    static char id[] = "m-1", rule[] = "match … then …", what_a[] = "first", what_b[] = "second";
    static char peer[] = "mx1";
    char *peers[] = {peer};
    Weir__Next__NewPart a, b;
    Weir__Next__NewPart *parts[] = {&a, &b};
    Weir__Next__Mitigation m;
    uint8_t bytes[512];
    struct text written;
    text_init(&written, 0);
    weir__next__new_part__init(&a);
    weir__next__new_part__init(&b);
    weir__next__mitigation__init(&m);
    a.what = what_a;
    b.what = what_b;
    m.id = id;
    m.state = MITIGATION_ANNOUNCING;
    m.family = 6;
    m.rule = rule;
    m.n_peers = 1;
    m.peers = peers;
    m.revision = 1;
    m.n_parts = 2;
    m.parts = parts;
    m.residual_bps = 1.25e9;
    size_t len = pack(&m.base, bytes, sizeof(bytes));
    cr_assert_eq(mitigation_decode(&mitigation, bytes, len), STATUS_OK);
    cr_assert_str_eq(mitigation.peers[0], "mx1");
    mitigation.state = MITIGATION_WITHDRAWING;
    mitigation.revision = 2;
    cr_assert_eq(mitigation_encode(&mitigation, &written), STATUS_OK);

    Weir__Next__Mitigation *back =
        weir__next__mitigation__unpack(NULL, written.len, bytes_of(&written));
    cr_assert_not_null(back);
    cr_assert_eq(back->state, MITIGATION_WITHDRAWING);
    cr_assert_eq(back->revision, 2);
    cr_assert_str_eq(back->rule, rule);
    cr_assert_eq(back->n_parts, 2);
    cr_assert_str_eq(back->parts[0]->what, "first");
    cr_assert_str_eq(back->parts[1]->what, "second");
    cr_assert_eq(back->residual_bps, 1.25e9);
    weir__next__mitigation__free_unpacked(back, NULL);
    mitigation_done(&mitigation);
    text_done(&written);
}

/* --- delta -------------------------------------------------------------------------------------
 */

Test(evolution, older_reads_a_newer_batch_without_its_new_columns)
{
    static char collector[] = "c9", shard[] = "s0", what[] = "new";
    static uint64_t counts[] = {42}, records[] = {1}, bytes_column[] = {1000, 2000};
    static uint32_t heard[] = {0}, zeros[] = {0, 0}, key_lens[] = {3, 3}, sketch_rows[] = {1};
    static uint64_t ones[] = {1, 1};
    static double variances[] = {0, 0};
    static uint8_t addrs[] = {4, 192, 0, 2, 1}, keys[] = {3, 1, 17, 3, 1, 6}, sketches[64];
    Weir__Next__NewPart part;
    Weir__Next__DeltaBatch m;
    uint8_t bytes[512];
    weir__next__new_part__init(&part);
    weir__next__delta_batch__init(&m);
    part.what = what;
    m.schema = DELTA_SCHEMA;
    m.collector = collector;
    m.shard = shard;
    m.sequence = 8;
    m.n_counts = m.n_exporter_heard_age_ms = m.n_exporter_records = m.n_sketch_rows = 1;
    m.counts = counts;
    m.exporter_addrs = (ProtobufCBinaryData){sizeof(addrs), addrs};
    m.exporter_heard_age_ms = heard;
    m.exporter_records = records;
    m.n_row_count = m.n_row_exporter = m.n_row_key_len = m.n_row_bytes = m.n_row_packets = 2;
    m.n_row_flows = m.n_row_samples = m.n_row_var_bytes = m.n_row_var_packets = 2;
    m.n_row_duration_ms = m.n_row_age_ticks = 2;
    m.row_count = m.row_exporter = m.row_duration_ms = m.row_age_ticks = zeros;
    m.row_key_len = key_lens;
    m.row_keys = (ProtobufCBinaryData){sizeof(keys), keys};
    m.row_bytes = bytes_column;
    m.row_packets = m.row_flows = m.row_samples = ones;
    m.row_var_bytes = m.row_var_packets = variances;
    m.sketch_rows = sketch_rows;
    m.sketches = (ProtobufCBinaryData){sizeof(sketches), sketches};
    m.part = &part;
    size_t len = pack(&m.base, bytes, sizeof(bytes));
    cr_assert_eq(delta_decode(&batch, bytes, len), STATUS_OK);
    cr_assert_str_eq(batch.collector, "c9");
    cr_assert_eq(batch.row_count, 2);
    cr_assert_eq(batch.rows[1].bytes, 2000);
    delta_done(&batch);

    m.schema = DELTA_SCHEMA + 1;
    len = pack(&m.base, bytes, sizeof(bytes));
    cr_assert_eq(delta_decode(&batch, bytes, len), STATUS_UNSUPPORTED);
}

/* What a build wrote that does not know the last field, a column of n doubles. */
static size_t without_doubles(const struct text *written, size_t n)
{
    size_t column = n * sizeof(double), head = column < 128 ? 3 : 4; /* tag of 2 octets, length */
    cr_assert_geq(written->len, column + head);
    return written->len - column - head;
}

Test(evolution, a_batch_without_variances_of_flows_is_exact)
{
    uint64_t seed = 6;
    struct delta_batch back;
    struct text written;
    text_init(&written, 0);
    chance_delta(&seed, 20, &batch);
    for (size_t i = 0; i < batch.exporter_count; i++)
        batch.exporters[i].two_senders = false; /* else that column is the last */
    cr_assert_eq(delta_encode(&batch, &written), STATUS_OK);
    size_t len = without_doubles(&written, 20);
    cr_assert_eq(delta_decode(&back, bytes_of(&written), len), STATUS_OK);
    for (size_t i = 0; i < batch.row_count; i++) {
        cr_assert_eq(back.rows[i].var_flows, 0);
        batch.rows[i].var_flows = 0;
    }
    cr_assert(delta_equal(&batch, &back));
    delta_done(&back);

    /* One entry for twenty rows is neither. */
    written.len = len;
    text_add_bytes(&written, (const uint8_t[]){0x82, 0x02, 8, 0, 0, 0, 0, 0, 0, 0, 0}, 11);
    cr_assert_eq(delta_decode(&back, bytes_of(&written), written.len), STATUS_MALFORMED);
    delta_done(&batch);
    text_done(&written);
}

Test(evolution, a_tick_without_variances_of_flows_is_exact)
{
    uint64_t seed = 8;
    size_t rates = 0;
    struct rollup_tick tick, back;
    struct text written;
    text_init(&written, 0);
    chance_rollup(&seed, 20, &tick);
    for (size_t i = 0; i < tick.exporter_count; i++)
        tick.exporters[i].two_senders = false; /* else that column is the last */
    cr_assert_eq(rollup_encode(&tick, &written), STATUS_OK);
    for (size_t i = 0; i < tick.row_count; i++)
        for (size_t j = 0; j < tick.counts[tick.rows[i].count].window_count; j++, rates++)
            tick.rows[i].rates[j].var_flows = 0;
    cr_assert_gt(rates, 1);
    size_t len = without_doubles(&written, rates);
    cr_assert_eq(rollup_decode(&back, bytes_of(&written), len), STATUS_OK);
    cr_assert(rollup_equal(&tick, &back));
    rollup_done(&back);

    written.len = len;
    text_add_bytes(&written, (const uint8_t[]){0xe2, 0x02, 8, 0, 0, 0, 0, 0, 0, 0, 0}, 11);
    cr_assert_eq(rollup_decode(&back, bytes_of(&written), written.len), STATUS_MALFORMED);
    rollup_done(&tick);
    text_done(&written);
}

Test(evolution, newer_reads_an_older_batch)
{
    uint64_t seed = 5;
    struct text written;
    text_init(&written, 0);
    chance_delta(&seed, 20, &batch);
    cr_assert_eq(delta_encode(&batch, &written), STATUS_OK);
    Weir__Next__DeltaBatch *m =
        weir__next__delta_batch__unpack(NULL, written.len, bytes_of(&written));
    cr_assert_not_null(m);
    cr_assert_eq(m->n_row_bytes, 20);
    cr_assert_eq(m->row_bytes[19], batch.rows[19].bytes);
    cr_assert_eq(m->n_sketch_rows, 0);
    cr_assert_eq(m->sketches.len, 0);
    cr_assert_null(m->part);
    weir__next__delta_batch__free_unpacked(m, NULL);
    delta_done(&batch);
    text_done(&written);
}
