#ifndef COLLECTOR_DECODE_SFLOW_USUAL_H
#define COLLECTOR_DECODE_SFLOW_USUAL_H

#include "collector/decode/state.h"

/*
 * The flow sample that nearly all are: a raw header of Ethernet, with one VLAN tag or none, of a
 * TCP or UDP packet that is no fragment and has neither options nor extension headers, alone or
 * beside a switch's record. It is read at fixed places after few checks, and gives, octet for
 * octet, the record that sflow.c would give, which reads all others.
 *
 *   sflow_usual_init() → sflow_usual_read() before each sample of the datagram that sflow.c reads
 */
struct sflow_usual {
    struct flow_record flow; /* of each usual sample in turn, which sets all that differ */
    double base_rate;        /* of samples that say none themselves */
    uint8_t base_source;
    uint32_t rate; /* of a sample that has what `flow` says of sampling; 0: of none */
};

void sflow_usual_init(struct sflow_usual *usual, struct decode_context *context,
                      const struct ip_addr *agent);
/* What all samples of the datagram share. */
void sflow_usual_base(const struct sflow_usual *usual, struct flow_record *ret_base);
/* Reads samples as long as they are usual, at most so many; how many it read. */
uint32_t sflow_usual_read(struct decode_context *context, struct wire_reader *r,
                          struct sflow_usual *usual, uint32_t samples);

#endif
