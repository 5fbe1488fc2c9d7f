#ifndef COLLECTOR_DECODE_CHOOSE_H
#define COLLECTOR_DECODE_CHOOSE_H

#include "collector/decode/element.h"

/* Of a template's fields, those that count: where several say the same, the best of them. */
struct choice {
    uint8_t start_unit, end_unit;
    uint8_t counted_again;         /* as in the plan */
    uint8_t rank[TARGET_COUNT];    /* the lowest there is */
    uint16_t fields[TARGET_COUNT]; /* of that rank */
};

void choose_fields(struct choice *choice, const struct template_field *fields, size_t count);
/* The target of a field in this template, or TARGET_NONE; of equals, the first in the template
 * counts, which is the outer header where a tunnel's template repeats its fields. */
uint8_t choose_target(const struct choice *choice, const struct template_field *field,
                      bool taken[TARGET_COUNT]);

#endif
