#ifndef COLLECTOR_DECODE_RESTORE_H
#define COLLECTOR_DECODE_RESTORE_H

#include "collector/decode/state.h"

/* What a snapshot gave is on trial: these judge it by what the exporter sends now. */

/* At the first header of a restored domain. */
void restore_judge_header(struct decode_context *context, uint32_t sequence);
/* A set of data for a restored template; false: it does not fit, and the template is gone. */
bool restore_judge_data(struct decode_context *context, struct decode_template *t,
                        const struct wire_reader *set);

#endif
