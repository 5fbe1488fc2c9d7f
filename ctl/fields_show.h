#ifndef CTL_FIELDS_SHOW_H
#define CTL_FIELDS_SHOW_H

#include "collector/decode/fields.h"
#include "common/base/text.h"
#include "ctl/element_names.h"

/* Every field of a record as a JSON object, by name: {"octetDeltaCount": 40, …}. A field that comes
 * again has "#2" behind its name. */
void fields_show(const struct element_names *names, const struct decode_fields *fields,
                 struct text *out);

/* An options record that says what an enterprise's element is (RFC 5610) is remembered. */
void fields_learn(struct element_names *names, const struct decode_fields *fields);

#endif
