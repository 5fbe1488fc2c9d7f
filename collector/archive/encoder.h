#ifndef COLLECTOR_ARCHIVE_ENCODER_H
#define COLLECTOR_ARCHIVE_ENCODER_H

#include "collector/archive/archive_queue.h"
#include "common/base/status.h"

/*
 * Flow records to the messages of one IPFIX file (RFC 5655), by libfixbuf. A file begins with
 * options that say what it is and who said the sampling rates; each combination of fields that
 * records have is a template of its own, written before the first record that needs it, so that
 * what an exporter did not say is absent in the file too.
 *
 *   encoder_new() → (encoder_add() … → encoder_take()) … →
 *   encoder_free()
 *
 * What stands for what:
 *   exporter            130, 131     agent of sFlow        403, 404
 *   observation domain  149          its format            214, the version of the protocol
 *   time of the flow    152, 153; where the exporter said none, when it came, which 323 repeats
 *   octets, packets     1, 2 those that count; 85, 86 those that the exporter said, where it said
 *                       a part of them in earlier records of the flow
 *   receipt             258          duration that was said          161
 *   rate                34; 305 and 306 where it is no whole number; 311 where it is no ratio
 *   who said the rate   302, by the table at the file's beginning   the reverse half   239 = 2
 *   later fragment      88 = 1, as the offset is not kept
 */
enum {
    ARCHIVE_MESSAGE_MAX = 32768,
    ARCHIVE_SHAPES_MAX = 1000 /* templates a file; routers together have some dozens */
};

/* What observationDomainName says in the options at the beginning; then comes the collector. */
#define ARCHIVE_MARK "weir archive 1"

struct encoder;

enum status encoder_new(struct encoder **ret_encoder, const char *collector, uint64_t wall_ms);
void encoder_free(struct encoder *encoder);

enum encoder_added {
    ENCODER_ADDED,
    ENCODER_FULL,      /* take the message, then add once more; up to four times */
    ENCODER_TEMPLATES, /* the file has its last template, and this record would need another */
    ENCODER_FAILED     /* libfixbuf has no memory, or does not agree: the file must end here */
};
/* wall_ms is the time now, item->came_ms Unix time here. */
enum encoder_added encoder_add(struct encoder *encoder, const struct archive_item *item,
                               uint64_t wall_ms);
size_t encoder_records(const struct encoder *encoder); /* in the message */
/* The message so far, lent until the next call; 0 octets: there is none. */
enum status encoder_take(struct encoder *encoder, const uint8_t **ret_bytes, size_t *ret_len);

#endif
