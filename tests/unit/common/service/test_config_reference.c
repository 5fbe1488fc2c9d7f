#include "common/service/config_reference.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <string.h>

static struct text reference;

static void write_it(void)
{
    text_init(&reference, 0);
    config_reference(&reference);
    cr_assert_not(reference.failed);
}

static void forget_it(void)
{
    text_done(&reference);
}

TestSuite(config_reference, .init = write_it, .fini = forget_it);

/* The line of a key in the table under this heading; "" where there is none. */
static const char *row(const char *section, const char *key)
{
    static char line[1000];
    char heading[200], start[100];
    (void)snprintf(heading, sizeof(heading), "\n## %s\n", section);
    (void)snprintf(start, sizeof(start), "\n| `%s` |", key);
    line[0] = '\0';
    const char *table = strstr(text_str(&reference), heading);
    if (table == NULL)
        return line;
    const char *end = strstr(table + strlen(heading), "\n## "), *at = strstr(table, start);
    if (at != NULL && (end == NULL || at < end))
        (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at + 1, "\n"), at + 1);
    return line;
}

struct row_case {
    char section[60], key[30], want[200];
};

ParameterizedTestParameters(config_reference, a_key_is_what_its_reader_says)
{
    static struct row_case cases[] = {
        {"The file", "dry_run", "| true or false | `true` |"},
        {"The file", "networks", "| names with lists of prefixes, see `networks.NAME` |"},
        {"The file", "console", "| `{enabled: false}` |  | *later:* "},
        {"The file", "vectors", "|  |  | *later:* "},
        {"`collector.flush`", "every", "| a duration from 10ms to 1s | `100ms` |"},
        {"`exporters[]`", "address", "| **required** |"},
        {"`redis`", "password_dir", "holds \\<user>.pw"},
        {"`collector`", "udp", "| a list of 1 to 64: an address and a port"},
        {"`policies[]`", "key", "one of dst_addr, src_addr, protocol"},
        {"`policies[]`", "where", "one of dst_addr, src_addr, protocol"},
        {"`policies[].thresholds[]`", "all", "see `policies[].thresholds[].any`"},
        {"`methods[].action`", "rate_limit", "with its unit, or {total: RATE}, see"},
        {"`methods[].match.NAME`", "values", "| a value or a list of values | **required** |"},
    };
    return cr_make_param_array(struct row_case, cases, sizeof(cases) / sizeof(cases[0]));
}
ParameterizedTest(struct row_case *c, config_reference, a_key_is_what_its_reader_says)
{
    const char *line = row(c->section, c->key);
    cr_assert_not_null(strstr(line, c->want), "%s, %s: %s", c->section, c->key, line);
}

Test(config_reference, every_section_that_is_referred_to_is_there_once)
{
    size_t referred = 0;
    for (const char *at = text_str(&reference); (at = strstr(at, "see `")) != NULL; referred++) {
        char heading[200];
        at += strlen("see `");
        (void)snprintf(heading, sizeof(heading), "\n## `%.*s`\n", (int)strcspn(at, "`"), at);
        const char *found = strstr(text_str(&reference), heading);
        cr_assert_not_null(found, "%s", heading);
        cr_assert_null(strstr(found + 1, heading), "%s twice", heading);
    }
    cr_assert_gt(referred, 20);
}
