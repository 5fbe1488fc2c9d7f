#ifndef PROTO_COUNT_H
#define PROTO_COUNT_H

#include "common/base/addr.h"
#include "common/base/status.h"
#include "common/base/text.h"

/*
 * What is counted, and under which keys: the two things whose canonical bytes cross processes.
 * docs/wire.md says the bytes and has examples, which a test reads.
 */
enum dimension {
    DIM_DST_ADDR = 1,
    DIM_SRC_ADDR = 2,
    DIM_PROTOCOL = 3,
    DIM_SRC_PORT = 4,
    DIM_DST_PORT = 5,
    DIM_TCP_FLAGS = 6,
    DIM_DST_NETWORK = 7,
    DIM_INPUT_IF = 8,
    DIM_EXPORTER = 9,
    DIM_SRC_AS = 10,
    DIM_DST_AS = 11,
    DIM_LAST = DIM_DST_AS
};
const char *dimension_name(enum dimension d); /* "dst_addr" */
enum status dimension_parse(enum dimension *ret_dimension, const char *name);
size_t dimension_width(enum dimension d); /* octets of a number in a key; 0: an address */

enum direction {
    DIRECTION_ANY,
    DIRECTION_INCOMING,
    DIRECTION_OUTGOING,
    DIRECTION_INTERNAL,
    DIRECTION_TRANSIT
};
const char *direction_name(enum direction d);
enum status direction_parse(enum direction *ret_direction, const char *name);

/* One dimension of a key; prefix lengths for the two address dimensions. */
struct count_dim {
    uint8_t dimension; /* enum dimension */
    uint8_t len4, len6;
};

/* One value of a filter: a number, an address or prefix, or a network by its contents. */
struct count_value {
    bool negated;
    uint64_t number;
    struct ip_prefix
        *prefixes; /* of a network, an address dimension or exporter; owned by the spec */
    size_t prefix_count;
};

struct count_filter {
    uint8_t dimension;
    struct count_value *values;
    size_t count;
};

struct count_spec {
    uint8_t direction;
    struct count_dim key[DIM_LAST];
    size_t key_count;
    struct count_filter *filter; /* one a dimension at most */
    size_t filter_count;
    struct ip_prefix *ours; /* what direction is relative to: merged, sorted; none for any */
    size_t ours_count;
};

/*
 * Puts dimensions in order, values sorted and unique, prefixes merged; drops `ours` where direction
 * is any. EXISTS: a dimension twice. RANGE: a value that its dimension cannot have. After an error
 * the spec is as good for count_spec_done as before.
 */
enum status count_canonicalize(struct count_spec *spec);
void count_spec_done(struct count_spec *spec);
/* Canonical bytes of a canonical spec, and their hash, which is the count's id. */
enum status count_bytes(const struct count_spec *spec, struct text *ret_bytes);
enum status count_id(const struct count_spec *spec, uint64_t *ret_id);
/* Sorts, drops what another covers, joins halves. In place; gives the new number. */
size_t prefixes_merge(struct ip_prefix *prefixes, size_t count);
/* The same, but halves stay two: for who counts what is in them. */
size_t prefixes_outermost(struct ip_prefix *prefixes, size_t count);
/* What names a network in keys (DIM_DST_NETWORK): the hash of its merged prefixes' bytes. */
enum status prefixes_id(uint64_t *ret_id, const struct ip_prefix *merged, size_t count);

/*
 * A key under a count: per dimension, in order, one octet dimension, one octet length, the value in
 * network order. Values are built with key_add_*, in rising order of dimension. The empty key is
 * the row of what a full tally did not admit.
 */
enum { KEY_BYTES_MAX = 104 };
struct flow_key {
    uint8_t len;
    uint8_t bytes[KEY_BYTES_MAX];
};
void key_add_addr(struct flow_key *key, enum dimension d, const struct ip_addr *masked);
void key_add_number(struct flow_key *key, enum dimension d,
                    uint64_t value); /* width by dimension */
/* Checks a key that came from outside: order, lengths, no rest. Dimensions of a newer build pass.
 */
enum status key_check(const uint8_t *bytes, size_t len);
/* The value of one dimension; STATUS_NOT_FOUND when the key does not hold it. */
enum status key_addr(const struct flow_key *key, enum dimension d, struct ip_addr *ret_addr);
enum status key_number(const struct flow_key *key, enum dimension d, uint64_t *ret_value);
/* "dst_addr=203.0.113.7 protocol=17"; a network is its number in hex, the empty key "other". */
const char *key_format(const struct flow_key *key, char *ret_text, size_t room);
enum { KEY_TEXT_MAX = 320 };

enum { SLOTS = 64 };
/* hash(count id, key) mod 64, over the id's 8 octets in network order followed by the key's. */
unsigned int key_slot(uint64_t count_id, const struct flow_key *key);

#endif
