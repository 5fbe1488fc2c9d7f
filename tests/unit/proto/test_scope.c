#include "proto/scope.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct text_case {
    char text[80];
    enum status want;
    enum scope_kind kind;
    char value[16];
};

ParameterizedTestParameters(scope, text_is_read_strictly)
{
    static struct text_case cases[] = {
        {"all", STATUS_OK, SCOPE_ALL, ""},
        {"peer:mx1", STATUS_OK, SCOPE_PEER, "mx1"},
        {"platform:edge", STATUS_OK, SCOPE_PLATFORM, "edge"},
        {"method:a:b", STATUS_OK, SCOPE_METHOD, "a:b"},
        {"alarm:a-1", STATUS_OK, SCOPE_ALARM, "a-1"},
        {"family:ipv6", STATUS_OK, SCOPE_FAMILY, "ipv6"},
        {"family:ipx", STATUS_MALFORMED, 0, ""},
        {"peer:", STATUS_MALFORMED, 0, ""},
        {"peer", STATUS_MALFORMED, 0, ""},
        {"all:x", STATUS_MALFORMED, 0, ""},
        {"peer:a b", STATUS_MALFORMED, 0, ""},
        {"peer:0123456789012345678901234567890123456789012345678901234567890123456",
         STATUS_MALFORMED, 0, ""},
        {"", STATUS_MALFORMED, 0, ""},
    };
    return cr_make_param_array(struct text_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct text_case *c, scope, text_is_read_strictly)
{
    struct scope scope;
    char text[SCOPE_TEXT_MAX];
    cr_assert_eq(scope_parse(&scope, c->text), c->want, "%s", c->text);
    if (c->want != STATUS_OK)
        return;
    cr_assert_eq(scope.kind, c->kind);
    cr_assert_str_eq(scope.value, c->value);
    cr_assert_str_eq(scope_format(&scope, text), c->text);
}

Test(scope, equality_is_kind_and_value)
{
    struct scope a, b, c;
    cr_assert_eq(scope_make(&a, SCOPE_PEER, "x"), STATUS_OK);
    cr_assert_eq(scope_make(&b, SCOPE_METHOD, "x"), STATUS_OK);
    cr_assert_eq(scope_make(&c, SCOPE_PEER, "x"), STATUS_OK);
    cr_assert(scope_equal(&a, &c));
    cr_assert_not(scope_equal(&a, &b));
}

Test(scope, verbs_of_stops_have_names)
{
    enum stop_verb verb;
    cr_assert_eq(stop_verb_parse(&verb, "resume"), STATUS_OK);
    cr_assert_eq(verb, STOP_RESUME);
    cr_assert_eq(stop_verb_parse(&verb, stop_verb_name(STOP_WITHDRAW_ALL)), STATUS_OK);
    cr_assert_eq(verb, STOP_WITHDRAW_ALL);
    cr_assert_eq(stop_verb_parse(&verb, "announce"), STATUS_MALFORMED);
}
