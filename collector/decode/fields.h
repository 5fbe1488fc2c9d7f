#ifndef COLLECTOR_DECODE_FIELDS_H
#define COLLECTOR_DECODE_FIELDS_H

#include "common/base/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A record of a template, field by field, whether we know its elements or not: for people, and for
 * who must know more than a flow record says. Slower than a plan by far, as each record is taken
 * apart by the definition of its template.
 *
 *   fields_begin() → fields_next() …
 */
struct decode_fields {
    uint8_t format; /* FORMAT_NETFLOW9 or FORMAT_IPFIX */
    bool options;
    uint16_t template_id;
    uint32_t domain;
    size_t count, scope_count; /* scopes come first */
    const uint8_t *spec;       /* the template's fields as they came */
    size_t spec_len;
    const uint8_t *bytes; /* of the record */
    size_t len;
};

struct field {
    uint32_t enterprise; /* 0: IANA */
    uint16_t element;    /* a NetFlow 9 scope: its type, which is no element */
    bool is_scope;
    const uint8_t *bytes; /* without the length that a field of variable length begins with */
    size_t len;
};

struct fields_walk {
    struct wire_reader spec, record;
    size_t left, scopes_left;
    bool is_ipfix;
};

void fields_begin(struct fields_walk *walk, const struct decode_fields *fields);
bool fields_next(struct fields_walk *walk, struct field *ret_field); /* false: no more */

#endif
