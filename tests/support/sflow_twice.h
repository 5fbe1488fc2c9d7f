#ifndef TESTS_SUPPORT_SFLOW_TWICE_H
#define TESTS_SUPPORT_SFLOW_TWICE_H

#include "collector/decode/decode.h"

/*
 * Two decoders that are told the same. One gets each datagram as it is; for the other a record that
 * nobody knows stands before the others of each flow sample, so that no sample is one of those that
 * are read on the short way (collector/decode/sflow_usual.h). All that they say must be the same.
 */
struct sflow_twice;
struct sflow_twice *sflow_twice_new(void); /* never NULL */
void sflow_twice_free(struct sflow_twice *twice);

/* Puts that record into every flow sample of a datagram; *ret_len octets, at most 8 more for each
 * 40, which the caller frees. What is no sFlow stays as it is. */
uint8_t *sflow_disguise(const uint8_t *bytes, size_t len, size_t *ret_len);

/* NULL, or what differs. */
const char *sflow_twice_feed(struct sflow_twice *twice, const struct decode_source *source,
                             const uint8_t *bytes, size_t len);
/* What both were given, and how many records. */
uint64_t sflow_twice_datagrams(const struct sflow_twice *twice);
uint64_t sflow_twice_records(const struct sflow_twice *twice);

#endif
