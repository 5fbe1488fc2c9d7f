#ifndef COLLECTOR_TALLY_FILTER_H
#define COLLECTOR_TALLY_FILTER_H

#include "collector/tally/identity.h"
#include "collector/tally/tally.h"

/* A count made ready for many records: does a record pass, and what is its key. */
struct filter;

/* What several counts ask of one record is found out once. */
struct filter_record {
    const struct flow_record *flow;
    const struct ip_addr *exporter;
    enum direction direction;
};

struct filter *filter_new(const struct model *model, const struct model_count *count,
                          uint8_t ipv6_host_len);
void filter_free(struct filter *filter);
bool filter_passes(const struct filter *filter, struct filter_record record);
/* The key in the words of a short identity, where the filter's keys are made of an IPv4 address and
 * numbers, and the record has them: the rest of an identity is zero there. False: ask filter_key.
 */
bool filter_short_key(const struct filter *filter, const struct flow_record *flow,
                      struct identity_words *ret_words);
/* False: the record lacks a dimension of the key. */
bool filter_key(const struct filter *filter, struct filter_record record, struct flow_key *ret_key);

#endif
