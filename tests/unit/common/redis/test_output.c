#include "common/redis/output.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(output, what_is_added_during_a_flight_takes_the_next)
{
    struct output output = {0};
    cr_assert_not(output_take_off(&output));
    cr_assert_eq(output_add(&output, "one", 3), STATUS_OK);
    cr_assert(output_take_off(&output));
    cr_assert_eq(output_add(&output, "two", 3), STATUS_OK);
    cr_assert_eq(output_add(&output, "three", 5), STATUS_OK);
    cr_assert_not(output_take_off(&output));
    cr_assert_eq(memcmp(output.flying.bytes, "one", 3), 0);
    cr_assert_eq(output_bytes(&output), 11);
    output_land(&output);
    cr_assert(output_take_off(&output));
    cr_assert_eq(output.flying.len, 8);
    cr_assert_eq(memcmp(output.flying.bytes, "twothree", 8), 0);
    output_land(&output);
    cr_assert_eq(output_bytes(&output), 0);
    output_done(&output);
    output_done(&output);
}

Test(output, the_room_of_a_backlog_is_given_back)
{
    struct output output = {0};
    size_t len = 3 << 20;
    char *bytes = calloc(1, len);
    cr_assert_eq(output_add(&output, "x", 1), STATUS_OK);
    cr_assert_eq(output_add(&output, bytes, len), STATUS_OK);
    cr_assert_eq(output.collecting.len, len + 1);
    cr_assert(output_take_off(&output));
    output_land(&output);
    cr_assert_eq(output.flying.room, 0);
    cr_assert_eq(output_add(&output, bytes, len), STATUS_OK);
    output_clear(&output);
    cr_assert_eq(output.collecting.room, 0);
    output_done(&output);
    free(bytes);
}
