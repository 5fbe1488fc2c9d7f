#ifndef FLOWSPEC_DEVIATIONS_H
#define FLOWSPEC_DEVIATIONS_H

#include "flowspec/rule.h"

/*
 * How octets that nlri_decode and actions_decode_all take differ from those that weir sends for the
 * same meaning: what a receiver has to ignore or to put right, each with its place and the RFC's
 * section. What only another form of the rule would change (order, ranges) is rule_simplify's.
 */
struct deviation {
    size_t at; /* octet of the NLRI with its length; or number of the community */
    char what[160];
};

/* Gives how many there are, which may be more than room; none of octets that cannot be decoded. */
size_t nlri_deviations(enum addr_family family, const uint8_t *bytes, size_t len,
                       struct deviation *ret_deviations, size_t room);
/* Those of attribute 25 are numbered behind the others. */
size_t actions_deviations(const uint8_t (*communities)[8], size_t count,
                          const uint8_t (*communities6)[20], size_t count6,
                          struct deviation *ret_deviations, size_t room);

#endif
