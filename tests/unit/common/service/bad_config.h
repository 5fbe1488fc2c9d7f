#ifndef TESTS_UNIT_COMMON_SERVICE_BAD_CONFIG_H
#define TESTS_UNIT_COMMON_SERVICE_BAD_CONFIG_H

#include "common/service/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file with one mistake: where exactly the error stands, and a part of what it says. */
struct bad {
    const char *yaml;
    unsigned int line, column;
    const char *text;
};

static inline void bad_check(const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct config_errors errors;
        struct config *config = NULL;
        char at[40];
        snprintf(at, sizeof(at), "t.yaml:%u:%u: ", cases[i].line, cases[i].column);
        config_errors_init(&errors, "t.yaml");
        enum status status =
            config_parse(&config, cases[i].yaml, strlen(cases[i].yaml), "t.yaml", &errors);
        const char *lines = text_str(&errors.lines);
        cr_expect(status == STATUS_MALFORMED, "%s: %s", cases[i].yaml, status_name(status));
        cr_expect_null(config);
        cr_expect(errors.count == 1, "%zu errors of %s%s", errors.count, cases[i].yaml, lines);
        cr_expect(strncmp(lines, at, strlen(at)) == 0, "not at %s%s%s", at, cases[i].yaml, lines);
        cr_expect(strstr(lines, cases[i].text) != NULL, "no \"%s\"\n%s%s", cases[i].text,
                  cases[i].yaml, lines);
        config_free(config);
        config_errors_done(&errors);
    }
}
#define CHECK(cases) bad_check(cases, sizeof(cases) / sizeof((cases)[0]))

/* All that is said of a file, word for word. */
static inline void bad_check_all(const char *yaml, const char *want)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, "t.yaml");
    enum status status = config_parse(&config, yaml, strlen(yaml), "t.yaml", &errors);
    cr_expect_eq(status, STATUS_MALFORMED);
    cr_expect_str_eq(text_str(&errors.lines), want);
    config_free(config);
    config_errors_done(&errors);
}

#endif
