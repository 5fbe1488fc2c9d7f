#ifndef COLLECTOR_DECODE_RESTORE_H
#define COLLECTOR_DECODE_RESTORE_H

#include "collector/decode/state.h"

/*
 * What was told before a restart. When we start again, snapshot.c takes up what a snapshot holds;
 * when an exporter does, its templates and samplers of before may not be those of now. Both serve
 * on trial: data that does not fit drops a template, a new definition replaces it, and a sampler
 * gives way to those that are told anew.
 */

/* Each header of NetFlow 9 and IPFIX, before its sets are read. The first one of a domain that is
 * taken up drops all where it shows that the exporter started again meanwhile. */
void restore_judge_header(struct decode_context *context, uint32_t sequence);
/* The datagram's stream is the one that counts from now on, and began anew. */
void restore_began_anew(struct decode_context *context);
/* Whether a set of data is as a plan says, with nothing behind it but padding. */
bool restore_fits(const struct decode_plan *plan, struct wire_reader set);
/* A set of data for a template on trial. False: it does not fit, and the template is gone. */
bool restore_judge_data(struct decode_context *context, struct decode_template *t,
                        const struct wire_reader *set);

#endif
