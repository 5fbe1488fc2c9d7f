#include "speaker/exabgp/answer.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct line_case {
    char line[400];
    enum answer_kind kind;
    char neighbor[46], why[60];
};

ParameterizedTestParameters(answer, reads_what_each_version_and_encoder_writes)
{
    static struct line_case cases[] = {
        {"done", ANSWER_DONE, "", ""},
        {"done\r", ANSWER_DONE, "", ""},
        {"error", ANSWER_ERROR, "", ""},
        {"{ \"answer\": \"done\", \"message\": \"\" }", ANSWER_DONE, "", ""},
        {"{ \"answer\": \"error\", \"message\": \"no such route\" }", ANSWER_ERROR, "",
         "no such route"},
        {"Peer            AS        up/down state       |     #sent     #recvd", ANSWER_TABLE, "",
         ""},
        {"127.0.9.2       65001     0:00:01 established          17          0", ANSWER_NEIGHBOR,
         "127.0.9.2", ""},
        {"127.0.9.2       65001        down established           4          0", ANSWER_NEIGHBOR,
         "127.0.9.2", ""},
        {"neighbor 2001:db8::1 up", ANSWER_UP, "2001:db8::1", ""},
        {"neighbor 192.0.2.1 connected", ANSWER_OTHER, "", ""},
        {"neighbor 192.0.2.1 down - peer reset, message", ANSWER_DOWN, "192.0.2.1",
         "peer reset, message"},
        {"{ \"exabgp\": \"4.0.1\", \"type\": \"state\", \"neighbor\": { \"address\": { \"local\": "
         "\"192.0.2.9\", \"peer\": \"192.0.2.1\" }, \"state\": \"up\" } }",
         ANSWER_UP, "192.0.2.1", ""},
        {"{ \"exabgp\": \"4.0.1\", \"type\": \"state\", \"neighbor\": { \"address\": { \"peer\": "
         "\"192.0.2.1\" }, \"state\": \"down\", \"reason\": \"closed\" } }",
         ANSWER_DOWN, "192.0.2.1", "closed"},
        {"{ \"type\": \"notification\", \"notification\": \"shutdown\" }", ANSWER_SHUTDOWN, "", ""},
        {"shutdown 12 1", ANSWER_SHUTDOWN, "", ""},
        {"{ \"type\": \"update\", \"neighbor\": {} }", ANSWER_OTHER, "", ""},
        {"{ \"type\": \"state\", \"neighbor\": { \"state\": \"up\" } }", ANSWER_OTHER, "", ""},
        {"{ broken", ANSWER_OTHER, "", ""},
        {"", ANSWER_OTHER, "", ""},
        {"done it", ANSWER_OTHER, "", ""},
    };
    return cr_make_param_array(struct line_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct line_case *c, answer, reads_what_each_version_and_encoder_writes)
{
    char text[ADDR_TEXT_MAX] = "";
    struct answer a = answer_parse(c->line, strlen(c->line));
    cr_expect_eq(a.kind, c->kind, "%s", c->line);
    if (c->neighbor[0] != '\0')
        cr_expect_str_eq(addr_format(&a.neighbor, text), c->neighbor);
    cr_expect_str_eq(a.why, c->why);
}

Test(answer, a_long_reason_is_cut)
{
    char line[1000] = "neighbor 192.0.2.1 down - ";
    memset(line + strlen(line), 'x', 900);
    struct answer a = answer_parse(line, 900);
    cr_expect_eq(a.kind, ANSWER_DOWN);
    cr_expect_eq(strlen(a.why), ANSWER_WHY_MAX - 1);
}
