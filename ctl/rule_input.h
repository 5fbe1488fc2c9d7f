#ifndef CTL_RULE_INPUT_H
#define CTL_RULE_INPUT_H

#include "ctl/command.h"
#include "flowspec/rule.h"
#include "proto/alarm.h"

/* A rule as people give it: text, JSON or the hex of an NLRI, told apart by how it begins. */
enum rule_form { RULE_FORM_TEXT, RULE_FORM_JSON, RULE_FORM_HEX };

struct rule_input {
    enum rule_form form;
    struct flow_rule rule; /* as given, not simplified */
    struct flow_actions actions;
    bool has_actions, withdraw;
    uint8_t nlri[NLRI_MAX]; /* of RULE_FORM_HEX, as given */
    size_t nlri_len;
};

/* family: ADDR_IPV4 or ADDR_IPV6, which the rule must then be of; 0: as it says itself, and IPv4
 * for hex. False after the character or octet and the reason were said. */
bool rule_input_read(const struct command_context *context, const char *from, uint8_t family,
                     struct rule_input *ret_input);

#endif
