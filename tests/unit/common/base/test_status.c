#include "common/base/status.h"

#include <criterion/criterion.h>
#include <string.h>

Test(status, every_value_has_a_name_and_a_text_of_its_own)
{
    for (int i = 0; i < STATUS_COUNT; i++) {
        cr_assert(strlen(status_name((enum status)i)) > 0);
        cr_assert(strlen(status_text((enum status)i)) > 0);
        for (int k = 0; k < i; k++) {
            cr_assert_str_neq(status_name((enum status)i), status_name((enum status)k));
            cr_assert_str_neq(status_text((enum status)i), status_text((enum status)k));
        }
    }
    cr_assert_eq(STATUS_OK, 0);
    cr_assert_str_eq(status_name(STATUS_TRUNCATED), "TRUNCATED");
    cr_assert_str_eq(status_text(STATUS_TRUNCATED), "input ends before the value does");
}

Test(status, a_value_outside_the_list_still_prints)
{
    cr_assert_str_eq(status_name(STATUS_COUNT), "UNKNOWN");
    cr_assert_str_eq(status_text((enum status)1000), "unknown status");
}
