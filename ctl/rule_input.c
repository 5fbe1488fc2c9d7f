#include "ctl/rule_input.h"

#include <stdio.h>
#include <string.h>

static enum rule_form form_of(const char *from)
{
    if (from[strspn(from, " \t\r\n")] == '{')
        return RULE_FORM_JSON;
    if (from[0] != '\0' && from[strspn(from, "0123456789abcdefABCDEF")] == '\0')
        return RULE_FORM_HEX;
    return RULE_FORM_TEXT;
}

static enum status read_hex(const char *from, uint8_t family, struct rule_input *ret_input,
                            struct rule_error *error)
{
    size_t taken = 0;
    enum status s =
        text_parse_hex(ret_input->nlri, sizeof ret_input->nlri, &ret_input->nlri_len, from);
    if (s != STATUS_OK) {
        (void)snprintf(error->why, sizeof error->why, "%s",
                       s == STATUS_LIMIT ? "longer than an NLRI can be (4095 octets)"
                                         : "half an octet at the end");
        error->at = strlen(from) / 2;
        return s;
    }
    s = nlri_decode(&ret_input->rule, family == 0 ? ADDR_IPV4 : (enum addr_family)family,
                    ret_input->nlri, ret_input->nlri_len, &taken, error);
    if (s == STATUS_OK && taken != ret_input->nlri_len) {
        error->at = taken;
        (void)snprintf(error->why, sizeof error->why,
                       "%zu octets behind the NLRI, whose length octets say %zu in all",
                       ret_input->nlri_len - taken, taken);
        return STATUS_MALFORMED;
    }
    return s;
}

bool rule_input_read(const struct command_context *context, const char *from, uint8_t family,
                     struct rule_input *ret_input)
{
    struct rule_error error = {0};
    struct flow_actions none = {0};
    enum status s = STATUS_MALFORMED;
    memset(ret_input, 0, sizeof *ret_input);
    ret_input->form = form_of(from);
    switch (ret_input->form) {
    case RULE_FORM_TEXT:
        s = rule_parse_text(&ret_input->rule, &ret_input->actions, from, &error);
        break;
    case RULE_FORM_JSON:
        s = rule_parse_json_message(&ret_input->rule, &ret_input->actions, &ret_input->withdraw,
                                    from, NULL, &error);
        break;
    case RULE_FORM_HEX:
        s = read_hex(from, family, ret_input, &error);
        break;
    }
    /* Characters are counted from 1, as editors do; octets are offsets, as dumps show them. */
    bool is_hex = ret_input->form == RULE_FORM_HEX;
    if (s != STATUS_OK)
        return command_failed(context, "%s %zu: %s", is_hex ? "octet at offset" : "character",
                              error.at + (is_hex ? 0 : 1),
                              error.why[0] != '\0' ? error.why : status_text(s)) == EXIT_DONE;
    if (family != 0 && ret_input->rule.family != family)
        return command_failed(context, "the rule is IPv%d, and --family says IPv%d",
                              ret_input->rule.family, family) == EXIT_DONE;
    ret_input->has_actions = !actions_equal(&ret_input->actions, &none);
    return true;
}
