#ifndef CTL_FLOW_SHOW_H
#define CTL_FLOW_SHOW_H

#include "common/base/text.h"
#include "proto/flow.h"

/* A flow record as `weir decode` prints it, with its line end. exporter: family ADDR_NONE where
 * nobody says. What the stream does not say is left out. more: members of JSON that are put behind
 * its own, or ""; fields: a JSON object of all that the exporter wrote, or NULL. */
void flow_show_json(const struct flow_record *flow, const struct ip_addr *exporter,
                    const char *more, const char *fields, struct text *out);
void flow_show_text(const struct flow_record *flow, const struct ip_addr *exporter,
                    const char *fields, struct text *out);

#endif
