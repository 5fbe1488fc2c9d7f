#ifndef CTL_POST_FIELDS_H
#define CTL_POST_FIELDS_H

#include "collector/decode/fields.h"
#include "common/base/text.h"

/*
 * What a record says of its packets behind the exporter, as a NAT, a firewall or a marking left
 * them: nothing is counted by that, but people look for it. Members of a JSON object, named like
 * the elements: "post_nat_source_ipv4_address": "203.0.113.1", "nat_event": 4. Nothing where the
 * record has none.
 */
void post_fields_show(const struct decode_fields *fields, struct text *out);

#endif
