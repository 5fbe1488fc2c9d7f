#include "common/base/wire.h"

#include <criterion/criterion.h>
#include <string.h>

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};

Test(wire, integers_are_read_in_network_order)
{
    struct wire_reader r = wire_reader_of(bytes, sizeof(bytes));

    cr_assert_eq(wire_u8(&r), 0x01);
    cr_assert_eq(wire_u16(&r), 0x0203);
    cr_assert_eq(wire_u24(&r), 0x040506);
    cr_assert_eq(wire_u32(&r), 0x0708090a);
    cr_assert_eq(wire_u64(&r), 0x0b0c0d0e0f101112);
    cr_assert_eq(r.left, 0);
    cr_assert_not(r.failed);
}

Test(wire, an_integer_of_each_width_is_read)
{
    uint64_t want = 0;

    for (size_t n = 1; n <= 8; n++) {
        struct wire_reader r = wire_reader_of(bytes, n);
        want = want << 8 | n;
        cr_assert_eq(wire_uint(&r, n), want);
        cr_assert_not(r.failed);
    }
}

Test(wire, a_width_over_8_fails)
{
    struct wire_reader r = wire_reader_of(bytes, sizeof(bytes));

    cr_assert_eq(wire_uint(&r, 9), 0);
    cr_assert(r.failed);
    cr_assert_eq(r.left, 0);
}

/* Whatever is cut, every later read gives zero and stays inside. */
Test(wire, a_read_that_does_not_fit_fails_for_good)
{
    for (size_t len = 0; len < 8; len++) {
        struct wire_reader r = wire_reader_of(bytes, len);
        wire_u64(&r);
        cr_assert(r.failed);
        cr_assert_eq(wire_u8(&r), 0);
        cr_assert_eq(wire_u16(&r), 0);
        cr_assert_eq(wire_u24(&r), 0);
        cr_assert_eq(wire_u32(&r), 0);
        cr_assert_eq(wire_uint(&r, 1), 0);
        cr_assert_null(wire_take(&r, 0));
        cr_assert(wire_sub(&r, 0).failed);
    }
}

Test(wire, a_length_near_the_largest_fails)
{
    struct wire_reader r = wire_reader_of(bytes, sizeof(bytes));

    wire_skip(&r, 4);
    cr_assert_null(wire_take(&r, SIZE_MAX));
    cr_assert(r.failed);
}

Test(wire, a_sub_reader_cannot_read_its_neighbour)
{
    struct wire_reader r = wire_reader_of(bytes, sizeof(bytes));
    struct wire_reader sub = wire_sub(&r, 3);

    cr_assert_eq(wire_u16(&sub), 0x0102);
    cr_assert_eq(wire_u16(&sub), 0);
    cr_assert(sub.failed);
    cr_assert_not(r.failed);
    cr_assert_eq(wire_u8(&r), 4);
}

Test(wire, nothing_is_read_from_nothing)
{
    struct wire_reader r = wire_reader_of(NULL, 0);

    cr_assert_eq(wire_u8(&r), 0);
    cr_assert(r.failed);
}

Test(wire, what_is_written_is_read_back)
{
    uint8_t buffer[32];
    struct wire_writer w = wire_writer_of(buffer, sizeof(buffer));

    wire_put_u8(&w, 0xab);
    wire_put_u16(&w, 0xcdef);
    wire_put_u32(&w, 0x01234567);
    wire_put_u64(&w, 0x89abcdef01234567);
    wire_put_uint(&w, 3, 0xfedcba);
    wire_put_bytes(&w, "weir", 4);
    cr_assert_not(w.failed);
    cr_assert_eq(w.len, 22);

    struct wire_reader r = wire_reader_of(buffer, w.len);
    cr_assert_eq(wire_u8(&r), 0xab);
    cr_assert_eq(wire_u16(&r), 0xcdef);
    cr_assert_eq(wire_u32(&r), 0x01234567);
    cr_assert_eq(wire_u64(&r), 0x89abcdef01234567);
    cr_assert_eq(wire_u24(&r), 0xfedcba);
    cr_assert_eq(memcmp(wire_take(&r, 4), "weir", 4), 0);
    cr_assert_eq(r.left, 0);
}

Test(wire, a_full_buffer_fails_the_writer_for_good)
{
    uint8_t buffer[4] = {0, 0, 0, 0x55};
    struct wire_writer w = wire_writer_of(buffer, 3);

    wire_put_u16(&w, 0x0102);
    wire_put_u16(&w, 0x0304);
    cr_assert(w.failed);
    wire_put_u8(&w, 0x05); /* it would fit, but the message has a hole by now */
    cr_assert_eq(w.len, 2);
    cr_assert_eq(buffer[2], 0);
    cr_assert_eq(buffer[3], 0x55);
}

Test(wire, a_held_length_is_filled_in)
{
    uint8_t buffer[16];
    struct wire_writer w = wire_writer_of(buffer, sizeof(buffer));

    wire_put_u8(&w, 7);
    size_t held = wire_hold(&w, 2);
    wire_put_bytes(&w, "abcde", 5);
    wire_fill_len(&w, held, 2);
    cr_assert_not(w.failed);
    cr_assert_eq(memcmp(buffer,
                        "\x07\x00\x05"
                        "abcde",
                        8),
                 0);
}

Test(wire, a_length_that_does_not_fit_its_octets_fails_the_writer)
{
    uint8_t buffer[300];

    for (size_t len = 255; len <= 256; len++) {
        struct wire_writer w = wire_writer_of(buffer, sizeof(buffer));
        size_t held = wire_hold(&w, 1);
        wire_reserve(&w, len);
        wire_fill_len(&w, held, 1);
        cr_assert_eq(w.failed, len == 256);
    }
}
