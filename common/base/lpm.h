#ifndef COMMON_BASE_LPM_H
#define COMMON_BASE_LPM_H

#include "common/base/addr.h"

/*
 * Prefix table with longest-prefix match for both families. Built once (new, add …, seal), then
 * only read, by as many threads as like. A value is a small number of the caller's; one prefix
 * holds one value.
 */
struct lpm;

enum { LPM_NONE = -1 };

struct lpm *lpm_new(size_t prefixes_max); /* NULL: out of memory */
void lpm_free(struct lpm *lpm);
/* STATUS_EXISTS when the prefix is there already, STATUS_LIMIT past prefixes_max, STATUS_RANGE for
 * a value below 0, STATUS_REFUSED once sealed. */
enum status lpm_add(struct lpm *lpm, const struct ip_prefix *prefix, int32_t value);
enum status lpm_seal(struct lpm *lpm);
size_t lpm_count(const struct lpm *lpm);

/* Value of the longest prefix that holds the address, or LPM_NONE. */
int32_t lpm_lookup(const struct lpm *lpm, const struct ip_addr *addr);
/* Calls for every prefix that holds the address, longest first, until the callback gives false. */
void lpm_walk(const struct lpm *lpm, const struct ip_addr *addr,
              bool (*on_match)(void *owner, const struct ip_prefix *prefix, int32_t value),
              void *owner);

#endif
