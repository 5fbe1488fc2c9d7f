#include "common/redis/keys.h"

#include <criterion/criterion.h>
#include <string.h>

Test(keys, a_name_is_prefix_and_pattern_with_its_parts)
{
    char name[KEY_NAME_MAX];
    cr_assert_str_eq(key_name(name, "weir:", KEY_JOBS), "weir:jobs");
    cr_assert_str_eq(key_name(name, "weir:", KEY_DELTA, "s0"), "weir:delta:s0");
    cr_assert_str_eq(key_name(name, "w2:", KEY_PROCESS, "policy", "p1"), "w2:process:policy:p1");
    cr_assert_str_eq(key_name(name, "", KEY_PEER, "s1", "edge-1"), "peer:s1:edge-1");
}

Test(keys, an_address_is_a_fine_last_part)
{
    char name[KEY_NAME_MAX];
    cr_assert_str_eq(key_name(name, "weir:", KEY_EXPORTER, "2001:db8::1"),
                     "weir:exporter:2001:db8::1");
    cr_assert_str_eq(key_name(name, "weir:", KEY_PEER, "s", "[2001:db8::1]:179"),
                     "weir:peer:s:%5B2001:db8::1%5D:179");
}

Test(keys, what_would_break_a_key_is_escaped)
{
    char name[KEY_NAME_MAX];
    cr_assert_str_eq(key_name(name, "weir:", KEY_PROCESS, "a:b", "c d\n%"),
                     "weir:process:a%3Ab:c%20d%0A%25");
    cr_assert_str_eq(key_name(name, "weir:", KEY_DELTA, "*?\xff{x}"),
                     "weir:delta:%2A%3F%FF%7Bx%7D");
}

Test(keys, a_name_that_does_not_fit_is_refused)
{
    char name[KEY_NAME_MAX], part[KEY_NAME_MAX];
    memset(part, 'x', sizeof part);
    part[KEY_NAME_MAX - 1 - strlen("weir:delta:")] = '\0';
    cr_assert_not_null(key_name(name, "weir:", KEY_DELTA, part));
    cr_assert_eq(strlen(name), KEY_NAME_MAX - 1);
    cr_assert_null(key_name(name, "weir:x", KEY_DELTA, part));
    part[0] = ' ';
    cr_assert_null(key_name(name, "weir:", KEY_DELTA, part));
}

Test(keys, each_has_a_role_a_type_and_an_end)
{
    static const char *const types[] = {"string", "hash", "list", "zset", "stream"};
    for (unsigned int id = 0; id < KEY_COUNT; id++) {
        const struct key_info *info = key_info((enum key_id)id);
        bool is_type = false;
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            is_type = is_type || strcmp(info->type, types[i]) == 0;
        cr_assert(is_type, "%s", info->pattern);
        cr_assert(strlen(info->life) > 0, "%s", info->pattern);
    }
    cr_assert_eq(key_info(KEY_DELTA)->role, KEY_TELEMETRY);
    cr_assert_eq(key_info(KEY_AUDIT)->role, KEY_STATE);
}
