#ifndef PROTO_COLUMNS_H
#define PROTO_COLUMNS_H

#include "common/base/addr.h"
#include "common/base/wire.h"
#include "proto/count.h"

/*
 * Values that stand one after the other in one bytes field. Readers must have used up all octets at
 * the last value: test columns_end() behind the loop.
 */
enum { COLUMN_ADDR_MAX = 17, COLUMN_PREFIX_MAX = 18 };

/* One octet family, 4 or 6 (0 where `none` is allowed), then as many octets as it has. */
void columns_put_addr(struct wire_writer *w, const struct ip_addr *addr);
enum status columns_take_addr(struct wire_reader *r, bool none, struct ip_addr *ret_addr);

/* As an address, with one octet length behind the family unless that is 0. */
void columns_put_prefix(struct wire_writer *w, const struct ip_prefix *prefix);
enum status columns_take_prefix(struct wire_reader *r, struct ip_prefix *ret_prefix);

/* A key of len octets, checked; *ret_key must be zeroed. */
enum status columns_take_key(struct wire_reader *r, size_t len, struct flow_key *ret_key);

static inline bool columns_end(const struct wire_reader *r)
{
    return !r->failed && r->left == 0;
}

#endif
