#ifndef COLLECTOR_DECODE_TEMPLATE_H
#define COLLECTOR_DECODE_TEMPLATE_H

#include "collector/decode/state.h"

/* What NetFlow 9 and IPFIX share: template sets and data sets. */

/* set id 0 and 1 of NetFlow 9, 2 and 3 of IPFIX; the reader holds the set's octets. */
void template_read_set(struct decode_context *context, struct wire_reader *set, bool options);

/* A set of records whose template is `id`. */
void data_read_set(struct decode_context *context, struct wire_reader *set, uint16_t id);
/* Whether what is left of a set behind its last record is what exporters fill up with: zeros, to a
 * multiple of four octets or of more. */
bool data_is_padding(const struct wire_reader *left);

/* Every set to the end of the message. */
void set_read_all(struct decode_context *context, struct wire_reader *message);

#endif
