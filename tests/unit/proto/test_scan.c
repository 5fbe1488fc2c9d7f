#include "tests/unit/proto/nouns.h"
#include "tests/unit/proto/state_nouns.h"

#include "common/base/wire.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>

/*
 * Hostile bytes: protobuf reads messages that stand one after the other as one, so each case is a
 * sound batch and then what a stranger adds to it.
 */

static struct delta_batch batch;

static void small_batch(struct text *ret_bytes)
{
    static struct delta_exporter exporters[1];
    static struct delta_row rows[2];
    exporters[0].addr = addr_from_ipv4(0xc0000201);
    rows[0] = (struct delta_row){.bytes = 1000, .var_bytes = 2.5, .var_flows = 2.5};
    rows[1] = (struct delta_row){.bytes = 2000};
    key_add_number(&rows[0].key, DIM_PROTOCOL, 17);
    struct delta_batch small = {.schema = DELTA_SCHEMA,
                                .collector = "c1",
                                .shard = "s0",
                                .counts = {42},
                                .count_count = 1,
                                .exporters = exporters,
                                .exporter_count = 1,
                                .rows = rows,
                                .row_count = 2};
    text_init(ret_bytes, 0);
    cr_assert_eq(delta_encode(&small, ret_bytes), STATUS_OK);
}

static enum status decode_text(const struct text *bytes)
{
    enum status status = delta_decode(&batch, (const uint8_t *)text_str(bytes), bytes->len);
    if (status == STATUS_OK)
        delta_done(&batch);
    return status;
}

struct added_case {
    char name[64];
    uint8_t bytes[24];
    size_t len;
    enum status want;
};

ParameterizedTestParameters(scan, judges_what_was_added)
{
    static struct added_case cases[] = {
        {"nothing", {0}, 0, STATUS_OK},
        {"an unknown number", {0xc0, 0x3e, 5}, 3, STATUS_OK},
        {"an unknown string", {0xc2, 0x3e, 2, 'a', 'b'}, 5, STATUS_OK},
        {"an unknown string that looks like deep nesting",
         {0xc2, 0x3e, 6, 0xc2, 0x3e, 3, 0xc2, 0x3e, 0},
         9,
         STATUS_OK},
        {"a single field again: the last one counts", {0x38, 9}, 2, STATUS_OK},
        {"a column in another piece, empty", {0x82, 0x01, 0}, 3, STATUS_OK},
        {"one entry more in one column", {0x82, 0x01, 1, 0}, 4, STATUS_MALFORMED},
        {"one entry more in a column of doubles",
         {0xc2, 0x01, 8, 0, 0, 0, 0, 0, 0, 0, 0},
         11,
         STATUS_MALFORMED},
        {"one entry more in a column that may be absent",
         {0x82, 0x02, 8, 0, 0, 0, 0, 0, 0, 0, 0},
         11,
         STATUS_MALFORMED},
        {"half a double", {0xc2, 0x01, 4, 0, 0, 0, 0}, 7, STATUS_MALFORMED},
        {"a column whose last varint goes on", {0x82, 0x01, 2, 0, 0x80}, 5, STATUS_MALFORMED},
        {"a column entry that is not packed", {0x80, 0x01, 0}, 3, STATUS_MALFORMED},
        {"one octet more of keys", {0x9a, 0x01, 1, 3}, 4, STATUS_MALFORMED},
        {"one octet more of addresses", {0x6a, 1, 4}, 3, STATUS_MALFORMED},
        {"a string with a NUL", {0x12, 3, 'c', 0, '1'}, 5, STATUS_MALFORMED},
        {"a number as a string", {0x3a, 1, 9}, 3, STATUS_MALFORMED},
        {"a string as a number", {0x10, 9}, 2, STATUS_MALFORMED},
        {"field number 0", {0x00, 1}, 2, STATUS_MALFORMED},
        {"a group", {0xc3, 0x3e, 0xc4, 0x3e}, 4, STATUS_MALFORMED},
        {"wire type 6", {0xc6, 0x3e}, 2, STATUS_MALFORMED},
        {"a tag that goes on for 11 octets",
         {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
         11,
         STATUS_TRUNCATED},
        {"a tag that ends", {0xc0}, 1, STATUS_TRUNCATED},
        {"a value that ends", {0xc0, 0x3e, 0x80}, 3, STATUS_TRUNCATED},
        {"a length past the end", {0xc2, 0x3e, 200, 1}, 4, STATUS_TRUNCATED},
        {"a length of 2^63",
         {0xc2, 0x3e, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1},
         12,
         STATUS_TRUNCATED},
        {"a schema of another build, later in the message", {0x08, 2}, 2, STATUS_UNSUPPORTED},
    };
    return cr_make_param_array(struct added_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct added_case *c, scan, judges_what_was_added)
{
    struct text bytes;
    small_batch(&bytes);
    text_add_bytes(&bytes, c->bytes, c->len);
    enum status status = decode_text(&bytes);
    text_done(&bytes);
    cr_assert_eq(status, c->want, "%s: %s", c->name, status_name(status));
}

/* A packed column of n entries of value 0. */
static void add_zeros(struct text *bytes, uint8_t tag_low, size_t n)
{
    static const uint8_t zeros[8000];
    uint8_t head[] = {tag_low, 0x01, (uint8_t)(n | 0x80), (uint8_t)(n >> 7)};
    text_add_bytes(bytes, head, sizeof(head));
    text_add_bytes(bytes, zeros, n);
}

Test(scan, entries_have_a_limit_over_all_pieces)
{
    struct text bytes;
    text_init(&bytes, 0);
    text_add_bytes(&bytes, (const uint8_t[]){0x08, DELTA_SCHEMA}, 2);
    add_zeros(&bytes, 0x82, DELTA_ROWS_MAX); /* row_count alone: unequal, but not too many */
    cr_assert_eq(decode_text(&bytes), STATUS_MALFORMED);
    add_zeros(&bytes, 0x82, 1 + 128); /* its second piece goes over */
    cr_assert_eq(decode_text(&bytes), STATUS_LIMIT);
    text_done(&bytes);
}

Test(scan, fields_have_a_limit)
{
    struct text bytes;
    text_init(&bytes, 0);
    text_add_bytes(&bytes, (const uint8_t[]){0x08, DELTA_SCHEMA}, 2);
    for (int i = 0; i < 255; i++)
        text_add_bytes(&bytes, (const uint8_t[]){0xc0, 0x3e, 1}, 3);
    cr_assert_eq(decode_text(&bytes), STATUS_OK);
    text_add_bytes(&bytes, (const uint8_t[]){0xc0, 0x3e, 1}, 3);
    cr_assert_eq(decode_text(&bytes), STATUS_LIMIT);
    text_done(&bytes);
}

Test(scan, the_whole_has_a_limit)
{
    size_t room = (4 << 20) + 1;
    uint8_t *bytes = calloc(1, room);
    struct wire_writer w = wire_writer_of(bytes, room);
    wire_put_bytes(&w, (const uint8_t[]){0x08, DELTA_SCHEMA, 0xc2, 0x3e}, 4);
    /* One unknown field as long as the message may be: 4 octets before it, 4 of length. */
    size_t len = (4 << 20) - 8;
    wire_put_bytes(&w,
                   (const uint8_t[]){(uint8_t)(len | 0x80), (uint8_t)(len >> 7 | 0x80),
                                     (uint8_t)(len >> 14 | 0x80), (uint8_t)(len >> 21)},
                   4);
    cr_assert_eq(delta_decode(&batch, bytes, 4 << 20), STATUS_OK);
    delta_done(&batch);
    cr_assert_eq(delta_decode(&batch, bytes, room), STATUS_LIMIT);
    free(bytes);
}

/* --- values that only decode judges ------------------------------------------------------------
 */

struct value_case {
    char name[40];
    uint8_t from[12], to[12]; /* octets of the sound batch, and what stands there instead */
    size_t len;
};

ParameterizedTestParameters(scan, values_are_judged)
{
    static struct value_case cases[] = {
        {"a count past its table", {0x82, 0x01, 2, 0, 0}, {0x82, 0x01, 2, 0, 1}, 5},
        {"an exporter past its table", {0x8a, 0x01, 2, 0, 0}, {0x8a, 0x01, 2, 0, 1}, 5},
        {"a key of a wrong width", {0x9a, 0x01, 3, 3, 1, 17}, {0x9a, 0x01, 3, 4, 1, 17}, 6},
        {"key lengths over the keys", {0x92, 0x01, 2, 3, 0}, {0x92, 0x01, 2, 3, 1}, 5},
        {"key lengths under the keys", {0x92, 0x01, 2, 3, 0}, {0x92, 0x01, 2, 0, 0}, 5},
        {"a variance that is no number",
         {0xc2, 0x01, 16, 0, 0, 0, 0, 0, 0, 0x04, 0x40},
         {0xc2, 0x01, 16, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f},
         11},
        {"an infinite variance",
         {0xc2, 0x01, 16, 0, 0, 0, 0, 0, 0, 0x04, 0x40},
         {0xc2, 0x01, 16, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f},
         11},
        {"a negative variance",
         {0xc2, 0x01, 16, 0, 0, 0, 0, 0, 0, 0x04, 0x40},
         {0xc2, 0x01, 16, 0, 0, 0, 0, 0, 0, 0x04, 0xc0},
         11},
        {"a variance of flows that is no number",
         {0x82, 0x02, 16, 0, 0, 0, 0, 0, 0, 0x04, 0x40},
         {0x82, 0x02, 16, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f},
         11},
        {"a negative variance of flows",
         {0x82, 0x02, 16, 0, 0, 0, 0, 0, 0, 0x04, 0x40},
         {0x82, 0x02, 16, 0, 0, 0, 0, 0, 0, 0x04, 0xc0},
         11},
        {"an address of no family", {0x6a, 5, 4, 192}, {0x6a, 5, 5, 192}, 4},
        {"an address longer than it is", {0x6a, 5, 4, 192}, {0x6a, 5, 6, 192}, 4},
    };
    return cr_make_param_array(struct value_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct value_case *c, scan, values_are_judged)
{
    struct text bytes;
    small_batch(&bytes);
    cr_assert_eq(decode_text(&bytes), STATUS_OK);
    uint8_t *at = memmem(bytes.at, bytes.len, c->from, c->len);
    cr_assert_not_null(at, "%s: not in the batch", c->name);
    memcpy(at, c->to, c->len);
    cr_assert_eq(decode_text(&bytes), STATUS_MALFORMED, "%s", c->name);
    text_done(&bytes);
}

Test(scan, nothing_is_written_when_a_batch_is_refused)
{
    struct text bytes;
    small_batch(&bytes);
    memset(&batch, 0x5a, sizeof(batch));
    bytes.len--; /* the last column ends inside an entry */
    cr_assert_neq(delta_decode(&batch, (const uint8_t *)bytes.at, bytes.len), STATUS_OK);
    for (size_t i = 0; i < sizeof(batch); i++)
        cr_assert_eq(((const uint8_t *)&batch)[i], 0x5a);
    text_done(&bytes);
}

/* --- encode ------------------------------------------------------------------------------------
 */

Test(scan, encode_refuses_what_decode_would)
{
    static struct delta_exporter exporter;
    static struct delta_row row;
    struct text bytes;
    text_init(&bytes, 0);
    struct delta_batch good = {.schema = DELTA_SCHEMA,
                               .count_count = 1,
                               .exporters = &exporter,
                               .exporter_count = 1,
                               .rows = &row,
                               .row_count = 1};
    exporter.addr = addr_from_ipv4(1);
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_OK);
    size_t len = bytes.len;

    good.schema = 0;
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_UNSUPPORTED);
    good.schema = DELTA_SCHEMA;
    good.row_count = DELTA_ROWS_MAX + 1;
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_LIMIT);
    good.row_count = 1;
    memset(good.collector, 'x', sizeof(good.collector));
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_LIMIT);
    good.collector[0] = '\0';
    row.count = 1;
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_RANGE);
    row.count = 0;
    row.var_packets = NAN;
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_RANGE);
    row.var_packets = 0;
    row.var_flows = -1;
    cr_assert_eq(delta_encode(&good, &bytes), STATUS_RANGE);
    cr_assert_eq(bytes.len, len, "what is refused appends nothing");
    text_done(&bytes);
}

Test(scan, random_bytes_are_refused_or_read)
{
    static struct alarm alarm;
    static struct mitigation mitigation;
    uint8_t bytes[64];
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t seed = i;
        struct rollup_tick tick;
        size_t len = chance_below(&seed, sizeof(bytes));
        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)chance(&seed);
        if (delta_decode(&batch, bytes, len) == STATUS_OK)
            delta_done(&batch);
        if (rollup_decode(&tick, bytes, len) == STATUS_OK)
            rollup_done(&tick);
        if (alarm_decode(&alarm, bytes, len) == STATUS_OK)
            alarm_done(&alarm);
        if (mitigation_decode(&mitigation, bytes, len) == STATUS_OK) {
            cr_assert(mitigation.family == 4 || mitigation.family == 6);
            mitigation_done(&mitigation);
        }
    }
}
