#ifndef CTL_RULE_FORMS_H
#define CTL_RULE_FORMS_H

#include "common/model/model.h"
#include "ctl/rule_input.h"

#include <jansson.h>

/* Everything that `weir rule` says of one rule. */
struct rule_forms {
    json_t *object;         /* as interfaces.md says; owned */
    struct flow_rule rule;  /* simplified, unless it matches nothing */
    uint8_t nlri[NLRI_MAX]; /* of that rule */
    size_t nlri_len;
};

/* model: for the guard's verdict; NULL: "guard" is null. False after the reason was said: the rule
 * cannot be encoded. */
bool rule_forms_make(const struct command_context *context, const struct rule_input *input,
                     const struct model *model, struct rule_forms *ret_forms);
void rule_forms_done(struct rule_forms *forms);

/* Which of two goes first at a router that follows RFC 8955, 5.1: 0, 1, or -1 for neither. */
int rule_forms_first(const struct rule_forms forms[2], struct text *ret_why);

#endif
