#ifndef TESTS_UNIT_COMMON_MODEL_SUPPORT_H
#define TESTS_UNIT_COMMON_MODEL_SUPPORT_H

#include "common/model/model.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* A configuration of a test's own with the model made of it. */
struct loaded {
    struct config *config;
    struct config_errors errors;
    struct model *model;
};

#define NETWORKS                                                                                   \
    "networks:\n"                                                                                  \
    "  customers: [198.51.100.0/24, 2001:db8:100::/48]\n"                                          \
    "  dns-pool: [198.51.100.64/27]\n"

/* model is NULL where the text is wrong; errors has the lines. */
static inline struct loaded load(const char *yaml)
{
    struct loaded l = {0};
    config_errors_init(&l.errors, "t.yaml");
    enum status status =
        config_parse_judged(&l.config, yaml, strlen(yaml), "t.yaml", model_check, &l.errors);
    if (status == STATUS_OK)
        l.model = model_new(l.config, &l.errors);
    return l;
}

static inline void unload(struct loaded *l)
{
    model_free(l->model);
    config_free(l->config);
    config_errors_done(&l->errors);
}

static inline struct loaded load_good(const char *yaml)
{
    struct loaded l = load(yaml);
    cr_assert_not_null(l.model, "refused: %s\n%s", text_str(&l.errors.lines), yaml);
    return l;
}

/* One mistake and the line that must be said of it, position included. */
struct mistake {
    const char *yaml;
    const char *says;
};

static inline void must_refuse(const struct mistake *mistakes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct loaded l = load(mistakes[i].yaml);
        cr_expect_null(l.model, "taken:\n%s", mistakes[i].yaml);
        cr_expect(strstr(text_str(&l.errors.lines), mistakes[i].says) != NULL,
                  "said: %swanted: %s\n%s", text_str(&l.errors.lines), mistakes[i].says,
                  mistakes[i].yaml);
        unload(&l);
    }
}

#endif
