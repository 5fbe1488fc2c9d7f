#include "tests/fuzz/rules.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct flow_rule rule;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow_actions actions;
    struct rule_error error;
    char *s = malloc(size + 1);
    if (s == NULL)
        return 0;
    if (size > 0)
        memcpy(s, data, size);
    s[size] = '\0';
    if (rule_parse_json(&rule, &actions, s, &error) == STATUS_OK)
        rules_check(&rule, &actions, true);
    else
        assert(error.at <= size && error.why[0] != '\0');
    free(s);
    return 0;
}
