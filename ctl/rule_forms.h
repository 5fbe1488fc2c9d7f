#ifndef CTL_RULE_FORMS_H
#define CTL_RULE_FORMS_H

#include "common/model/model.h"
#include "ctl/rule_input.h"

#include <jansson.h>

/* Everything that `weir rule` says of one rule. */
struct rule_forms {
    json_t *object;              /* as interfaces.md says; owned */
    struct flow_rule rule;       /* simplified, unless it matches nothing */
    struct flow_actions actions; /* with the rates that the wire holds */
    uint8_t nlri[NLRI_MAX];      /* of that rule */
    size_t nlri_len;
};

/* model: for the guard's verdict; NULL: "guard" is null. False after the reason was said: the rule
 * cannot be encoded, or was written and matches nothing. */
bool rule_forms_make(const struct command_context *context, const struct rule_input *input,
                     const struct model *model, struct rule_forms *ret_forms);
void rule_forms_done(struct rule_forms *forms);

#endif
