#ifndef COLLECTOR_DECODE_FORMAT_H
#define COLLECTOR_DECODE_FORMAT_H

#include "collector/decode/state.h"

/* One entry a format; the reader holds the whole datagram. */
void netflow5_read(struct decode_context *context, struct wire_reader *datagram);
void netflow9_read(struct decode_context *context, struct wire_reader *datagram);
void ipfix_read(struct decode_context *context, struct wire_reader *datagram);
void sflow_read(struct decode_context *context, struct wire_reader *datagram);

/* How many datagrams may overtake one before it counts as a restart of the exporter. */
enum { LATE_DATAGRAMS = 32, RECORDS_A_DATAGRAM = 32 };

#endif
