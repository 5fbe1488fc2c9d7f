#include "speaker/adapter_line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken is a rule that policy reads as the same, and the answer says it in words. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct adapter_line line, again;
    static struct flow_rule rule;
    struct flow_actions actions;
    struct rule_error error;
    bool in_bytes = size > 0 && data[0] == ' ';
    if (adapter_line_parse(&line, (const char *)data, size, in_bytes, &error) != STATUS_OK) {
        assert(error.why[0] != '\0' && strlen(error.why) < sizeof(error.why));
        json_decref(adapter_refusal("at character %zu: %s", error.at + 1, error.why));
        return 0;
    }
    assert(line.ttl_ms == 0 || line.ttl_ms >= 1000);
    assert(rule_parse_text_in(&rule, &actions, line.text, (enum addr_family)line.rule.family,
                              &error) == STATUS_OK);
    assert(rule_equal(&rule, &line.rule));
    assert(adapter_common(&line.rule, &rule) == adapter_components(&rule));
    json_t *answer = json_object();
    adapter_add_rule(answer, &line.rule, line.withdraw ? NULL : &line.actions, in_bytes);
    json_t *wrapped = json_pack("{s:{s:O}}", line.withdraw ? "withdraw" : "announce", "flow",
                                json_object_get(answer, "flow"));
    char *text = json_dumps(wrapped, JSON_REAL_PRECISION(17));
    assert(text != NULL);
    assert(adapter_line_parse(&again, text, strlen(text), in_bytes, &error) == STATUS_OK);
    assert(again.nlri_len == line.nlri_len && memcmp(again.nlri, line.nlri, line.nlri_len) == 0);
    free(text);
    json_decref(wrapped);
    json_decref(answer);
    return 0;
}
