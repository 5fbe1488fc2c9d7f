#include "speaker/bgp/open_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct words_case {
    struct bgp_open open;
    char want[OPEN_TEXT_MAX];
};

ParameterizedTestParameters(open_text, words)
{
    static struct words_case cases[] = {
        {{0}, ""},
        {{.as4 = true}, "as4"},
        {{.refresh = true, .families = 1U << BGP_FLOW6}, "ipv6-flowspec route-refresh"},
        {{.graceful = {.offered = true}}, "graceful-restart:0s"},
        {{.graceful = {.restarted = true, .over_notification = true, .restart_s = 7}}, ""},
        {{.families = (1U << BGP_FAMILIES) - 1,
          .as4 = true,
          .refresh = true,
          .enhanced_refresh = true,
          .extended = true,
          .graceful = {.offered = true,
                       .restarted = true,
                       .over_notification = true,
                       .restart_s = GRACEFUL_RESTART_MAX_S}},
         "ipv4-flowspec ipv6-flowspec ipv4-unicast ipv6-unicast route-refresh "
         "enhanced-route-refresh as4 "
         "extended-messages "
         "graceful-restart:4095s,notification,restarted"},
    };
    return cr_make_param_array(struct words_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct words_case *c, open_text, words)
{
    char text[OPEN_TEXT_MAX];
    cr_expect_str_eq(open_format(&c->open, text), c->want);
    cr_expect_lt(strlen(text), OPEN_TEXT_MAX - 1, "all of it has room");
}
