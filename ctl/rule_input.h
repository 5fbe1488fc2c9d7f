#ifndef CTL_RULE_INPUT_H
#define CTL_RULE_INPUT_H

#include "ctl/command.h"
#include "flowspec/rule.h"
#include "proto/alarm.h"

/* A rule as people give it: text, JSON or the hex of an NLRI, told apart by how it begins. */
enum rule_form { RULE_FORM_TEXT, RULE_FORM_JSON, RULE_FORM_HEX };

/* What was said beside the rule. */
struct rule_given {
    /* ADDR_IPV4 or ADDR_IPV6, which the rule must then be of, and which hex and a rule that does
     * not show its own are read as; 0: as it says itself, else IPv4. */
    uint8_t family;
    const char *communities; /* the actions of hex: 16 or 40 digits each, with commas; or NULL */
};

struct rule_input {
    enum rule_form form;
    struct flow_rule rule; /* as given, not simplified */
    struct flow_actions actions;
    bool has_actions, withdraw;
    uint8_t nlri[NLRI_MAX]; /* of RULE_FORM_HEX, as given */
    size_t nlri_len;
    struct action_communities communities; /* as given */
};

/* False after the character or octet and the reason were said. given may be NULL. */
bool rule_input_read(const struct command_context *context, const char *from,
                     const struct rule_given *given, struct rule_input *ret_input);

#endif
