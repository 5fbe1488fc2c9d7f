#include "tests/unit/collector/decode/datagram.h"

#include <stdio.h>

/* What on_fields gives: the record's fields one after the other as "e<enterprise>:<element>=<hex>",
 * a scope with an s before it. */
struct seen {
    char text[512];
    size_t len, records, flows;
    bool options, was_before_record;
};

static void on_fields(void *owner, const struct decode_fields *fields)
{
    struct seen *seen = owner;
    struct fields_walk walk;
    struct field field;
    seen->records++;
    seen->options = fields->options;
    seen->was_before_record = seen->flows == 0;
    seen->len = 0;
    fields_begin(&walk, fields);
    while (fields_next(&walk, &field)) {
        seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
                                      "%s%se%u:%u=", seen->len > 0 ? " " : "",
                                      field.is_scope ? "s" : "", field.enterprise, field.element);
        for (size_t i = 0; i < field.len; i++)
            seen->len += (size_t)snprintf(seen->text + seen->len, sizeof(seen->text) - seen->len,
                                          "%02x", field.bytes[i]);
    }
}

static void on_flow(void *owner, const struct flow_record *flow)
{
    struct seen *seen = owner;
    (void)flow;
    seen->flows++;
}

static void feed(struct bench *b, struct seen *seen)
{
    struct decode_sink sink = {.on_record = on_flow, .on_fields = on_fields, .owner = seen};
    wire_put_uint_at(b->bytes + 2, 2, b->w.len);
    cr_assert_not(b->w.failed);
    (void)decode_datagram(b->decode, &b->source, b->bytes, b->w.len, 1, &sink);
}

Test(fields, gives_enterprise_variable_and_unknown_fields_as_they_came)
{
    struct bench b;
    struct seen seen = {0};
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    set_start(&b, 2);
    PUT16(&b, 256, 4, 7, 2, 0x8000 | 40, 2);
    PUT32(&b, 6871);
    PUT16(&b, 96, 0xffff, 9999, 1);
    set_end(&b);
    set_start(&b, 256);
    PUT16(&b, 53, 0x1234);
    wire_put_bytes(&b.w,
                   "\x03"
                   "dns"
                   "\x7f",
                   5);
    set_end(&b);
    feed(&b, &seen);
    cr_assert_str_eq(seen.text, "e0:7=0035 e6871:40=1234 e0:96=646e73 e0:9999=7f");
    cr_assert_eq(seen.flows, 1u);
    cr_assert(seen.was_before_record);
    bench_done(&b);
}

Test(fields, a_length_of_three_octets_is_read_as_one)
{
    struct bench b;
    struct seen seen = {0};
    bench_init(&b, &(struct decode_limits){0});
    ipfix_start(&b, 1);
    set_start(&b, 2);
    PUT16(&b, 256, 2, 96, 0xffff, 4, 1);
    set_end(&b);
    set_start(&b, 256);
    wire_put_bytes(&b.w,
                   "\xff\x00\x02"
                   "ab"
                   "\x11",
                   6);
    set_end(&b);
    feed(&b, &seen);
    cr_assert_str_eq(seen.text, "e0:96=6162 e0:4=11");
    bench_done(&b);
}

Test(fields, scopes_of_options_say_so_and_netflow_9_has_no_enterprise)
{
    struct bench b;
    struct seen seen = {0};
    bench_init(&b, &(struct decode_limits){0});
    v9_start(&b, 1);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 8, 1, 4, 0x8000 | 233, 2, 34, 4);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 7);
    PUT16(&b, 9);
    PUT32(&b, 1000);
    set_end(&b);
    wire_put_uint_at(b.bytes + 2, 2, 2);
    struct decode_sink sink = {.on_record = on_flow, .on_fields = on_fields, .owner = &seen};
    cr_assert_eq(decode_datagram(b.decode, &b.source, b.bytes, b.w.len, 1, &sink), DECODE_OK);
    cr_assert_str_eq(seen.text, "se0:1=00000007 e0:33001=0009 e0:34=000003e8");
    cr_assert(seen.options);
    cr_assert_eq(seen.flows, 0u);
    bench_done(&b);
}

Test(fields, a_walk_over_octets_that_are_too_few_ends)
{
    static const uint8_t spec[] = {0, 7, 0, 2, 0, 96, 0xff, 0xff}, octets[] = {0, 53, 200, 1, 2};
    struct decode_fields fields = {.format = FORMAT_IPFIX,
                                   .count = 9,
                                   .spec = spec,
                                   .spec_len = sizeof(spec),
                                   .bytes = octets};
    for (size_t len = 0; len <= sizeof(octets); len++) {
        struct fields_walk walk;
        struct field field;
        size_t count = 0;
        fields.len = len;
        fields_begin(&walk, &fields);
        while (fields_next(&walk, &field))
            count++;
        cr_assert_eq(count, len >= 2 ? 1u : 0u);
    }
}
