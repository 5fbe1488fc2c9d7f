#ifndef COLLECTOR_DECODE_SNAPSHOT_H
#define COLLECTOR_DECODE_SNAPSHOT_H

#include "collector/decode/decode.h"
#include "common/base/status.h"

/*
 * What exporters said once and data cannot be read without, templates and sampling rates, as bytes
 * that outlive a restart. All numbers in network order:
 *
 *    0 "WEIRTMPL"              8 version 1, 2 octets       10 zero, 2 octets
 *   12 octets in all          16 Unix ms of writing       24 domains, each behind its length
 *   the last 8: XXH64 of all before them
 *
 * A domain: family 1, address 16, format 1, number 4 | ms since it was heard 8 | flags 1: 1 its
 * sequence is known, 2 others go by its rate, 4 by its alone, 8 by one that was proven | its next
 * number 4 | Unix ms at which the exporter started 8 | its clock's zero 8 | active timeout ms 4 |
 * templates 2, each: ms since it was told 8, options 1, length 2, its definition as on the
 * wire | samplers 2, each: kind 1, id 4, rate (IEEE 754) 8, ms since it was told 8.
 *
 * What is read back serves at once, but on trial: it goes where the first header of its domain
 * shows that the exporter has started again, where data does not fit it, and where a new definition
 * comes.
 */
struct snapshot_times {
    uint64_t mono_ms, wall_ms;
    uint64_t max_age_ms; /* what was told longer ago is left out */
};

/* Room that all of it takes. */
size_t snapshot_room(const struct decode *decode);
/* Where room is too small, those come first whom the operator knows best, and of these who was
 * heard last. *ret_left_out: domains. False: not even the frame fits. */
bool snapshot_write(const struct decode *decode, const struct snapshot_times *times, uint8_t *bytes,
                    size_t room, size_t *ret_len, size_t *ret_left_out);

struct snapshot_filter {
    /* Says too how well the operator knows it. NULL: all, and not at all. */
    bool (*wants)(void *owner, const struct ip_addr *exporter, enum decode_trust *ret_trust);
    void *owner;
};
/*
 * Before any datagram was decoded; several snapshots may be read one after the other: of a domain
 * that is in more than one, the one in which it was heard last counts. TRUNCATED: cut off or
 * damaged; MALFORMED: no snapshot, or one that breaks its rules; UNSUPPORTED: another version;
 * RANGE: written in the future. Nothing was read then, but for MALFORMED, where what stands before
 * the fault is kept.
 */
enum status snapshot_read(struct decode *decode, const struct snapshot_times *times,
                          const struct snapshot_filter *filter, const uint8_t *bytes, size_t len);

#endif
