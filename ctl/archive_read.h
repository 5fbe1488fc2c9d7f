#ifndef CTL_ARCHIVE_READ_H
#define CTL_ARCHIVE_READ_H

#include "collector/decode/fields.h"
#include "proto/flow.h"

#include <stdbool.h>

/*
 * Files of our own archive read back: which one it is, and for each record whatever IPFIX's usual
 * elements do not say of a flow record. collector/archive/encoder.h says what stands for what. For
 * files only: in a datagram the same elements are somebody else's word on somebody else.
 */
struct archive_read {
    bool is_ours; /* the file's options said so */
    struct ip_addr exporter, agent;
    bool has_agent, has_duration, was_observed;
    uint8_t version, said_by, biflow, fragment_flags;
    uint32_t domain, duration_ms;
    uint64_t bytes_total, packets_total;
};

/* Each record of the file, options too, before what is understood of it. */
void archive_read_fields(struct archive_read *read, const struct decode_fields *fields);
/* Makes a record of a file of ours what the collector had; others stay as they are. */
void archive_read_restore(const struct archive_read *read, struct flow_record *flow,
                          struct ip_addr *exporter);

#endif
