#include "ctl/show.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct safe_case {
    char from[48], want[64];
};
ParameterizedTestParameters(show, what_steers_a_terminal_is_spelled_out)
{
    static struct safe_case cases[] = {{"plain", "plain"},
                                       {"\x1b[2Jx", "\\x1b[2Jx"},
                                       {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
                                       {"\x7f", "\\x7f"},
                                       {"\xc2\x9b"
                                        "31m",
                                        "\\x9b31m"},
                                       {"\xe2\x80\xae"
                                        "gpj",
                                        "<U+202E>gpj"},
                                       {"\xd8\x9c.", "<U+061C>."},
                                       {"caf\xc3\xa9", "caf\xc3\xa9"},
                                       {"\xff\xc3", "\\xff\\xc3"},
                                       {"\xed\xa0\x80", "\\xed\\xa0\\x80"}};
    return cr_make_param_array(struct safe_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct safe_case *c, show, what_steers_a_terminal_is_spelled_out)
{
    struct text out;
    text_init(&out, 0);
    show_add_safe(&out, c->from);
    cr_assert_str_eq(text_str(&out), c->want);
    text_done(&out);
}

ParameterizedTestParameters(show, a_json_string_steers_nothing_and_says_the_same)
{
    static struct safe_case cases[] = {
        {"plain", "\"plain\""},
        {"\x1b[2J\"\n", "\"\\u001b[2J\\\"\\n\""},
        {"a\xe2\x80\xae"
         "gpj",
         "\"a\\u202egpj\""},
        {"\xe2\x80\x8b\xe2\x81\xa6\xef\xbb\xbf", "\"\\u200b\\u2066\\ufeff\""},
        {"caf\xc3\xa9 \xf0\x9f\x90\x9f", "\"caf\xc3\xa9 \xf0\x9f\x90\x9f\""},
        {"\xff", "\"\xef\xbf\xbd\""},
    };
    return cr_make_param_array(struct safe_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct safe_case *c, show, a_json_string_steers_nothing_and_says_the_same)
{
    struct text out;
    text_init(&out, 0);
    show_add_json_safe(&out, c->from);
    cr_assert_str_eq(text_str(&out), c->want);
    text_done(&out);
}

ParameterizedTestParameters(show, a_shell_reads_back_one_word)
{
    static struct safe_case cases[] = {{"/etc/weir/weir.yaml", "/etc/weir/weir.yaml"},
                                       {"", "''"},
                                       {"a b", "'a b'"},
                                       {"it's $HOME", "'it'\\''s $HOME'"},
                                       {"~", "'~'"},
                                       {"caf\xc3\xa9", "'caf\xc3\xa9'"},
                                       {"a\nb'\\7", "$'a\\012b\\047\\1347'"},
                                       {"\xff", "$'\\377'"},
                                       {"\xc2\x9b", "$'\\302\\233'"}};
    return cr_make_param_array(struct safe_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct safe_case *c, show, a_shell_reads_back_one_word)
{
    struct text out, command;
    char back[64] = "";
    text_init(&out, 0);
    text_init(&command, 0);
    show_add_shell(&out, c->from);
    cr_assert_str_eq(text_str(&out), c->want);
    text_addf(&command, "printf %%s %s", text_str(&out));
    cr_assert_eq(setenv("COMMAND", text_str(&command), 1), 0);
    FILE *shell = popen("exec bash -c \"$COMMAND\"", "r");
    cr_assert_not_null(shell);
    (void)fread(back, 1, sizeof(back) - 1, shell);
    cr_assert_eq(pclose(shell), 0);
    cr_assert_str_eq(back, c->from);
    text_done(&command);
    text_done(&out);
}

Test(show, json_strings_are_always_valid)
{
    json_t *value = show_json_text("a\xff\xc3(b");
    cr_assert_str_eq(json_string_value(value), "a\xef\xbf\xbd\xef\xbf\xbd(b");
    json_decref(value);
}

Test(show, numbers_that_json_has_not_are_null_or_bounded)
{
    json_t *nan_value = show_json_number(NAN), *large = show_json_u64(UINT64_MAX);
    json_t *never = show_json_time(0);
    cr_assert(json_is_null(nan_value));
    cr_assert_eq(json_integer_value(large), INT64_MAX);
    cr_assert(json_is_null(never));
    json_decref(nan_value);
    json_decref(large);
    json_decref(never);
}

Test(show, members_are_found_by_path_and_missing_ones_are_empty)
{
    json_t *o = json_pack("{s:{s:i, s:s}, s:b}", "a", "n", 7, "s", "x", "t", 1);
    cr_assert_eq(show_u64(o, "a.n"), 7);
    cr_assert_str_eq(show_string(o, "a.s"), "x");
    cr_assert(show_truth(o, "t"));
    cr_assert_str_eq(show_string(o, "a.n"), "");
    cr_assert_str_eq(show_string(o, "a.n.deeper"), "");
    cr_assert_eq(show_u64(o, "b.n"), 0);
    cr_assert_eq(show_u64(NULL, "a"), 0);
    json_decref(o);
}

static char *print_grid(struct grid *grid)
{
    char *bytes = NULL;
    size_t len;
    FILE *file = open_memstream(&bytes, &len);
    grid_print(grid, file);
    (void)fclose(file);
    return bytes;
}

Test(show, a_grid_is_as_wide_as_its_widest_cells)
{
    static const char *const heads[] = {"NAME", ">N", "LAST"};
    struct grid grid;
    grid_init(&grid, 3, heads);
    grid_add(&grid, "caf\xc3\xa9s");
    grid_addf(&grid, "%d", 12);
    grid_add(&grid, "");
    grid_add(&grid, "x\n");
    grid_add(&grid, "1");
    grid_add(&grid, "end");
    char *printed = print_grid(&grid);
    cr_assert_str_eq(printed, "NAME    N  LAST\n"
                              "caf\xc3\xa9s  12  -\n"
                              "x\\x0a   1  end\n");
    free(printed);
}

Test(show, an_age_is_in_whole_seconds)
{
    char text[TEXT_QUANTITY_MAX];
    cr_assert_str_eq(show_age(0, 5000, text), "-");
    cr_assert_str_eq(show_age(1000, 93999, text), "1m32s");
    cr_assert_str_eq(show_age(9000, 5000, text), "0s");
}
