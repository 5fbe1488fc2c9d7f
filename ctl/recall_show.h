#ifndef CTL_RECALL_SHOW_H
#define CTL_RECALL_SHOW_H

#include "proto/recall_merge.h"

#include <jansson.h>

/* What recall says of the request's targets, merged, as `weir recall` prints it. */
json_t *recall_show_json(const struct recall_request *request, const struct recall_merge *merge);
/* For people tuples are put together by what a rule would name first: protocol, ports, flags and
 * fragments. */
enum status recall_show_text(const struct recall_request *request, const struct recall_merge *merge,
                             FILE *to);

#endif
