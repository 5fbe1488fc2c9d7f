#ifndef CTL_ELEMENT_NAMES_H
#define CTL_ELEMENT_NAMES_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What people call an information element, and what kind of value it has: as libfixbuf's model of
 * IANA's registry says, the reverse half of RFC 5103 among it, and as exporters say themselves of
 * their own elements (RFC 5610). libfixbuf gives names here and sees no octet of any exporter.
 */
struct element_names;

/* The abstract types of RFC 7012 by their numbers of RFC 5610, 3.1. */
enum element_type {
    ELEMENT_OCTETS,
    ELEMENT_U8,
    ELEMENT_U16,
    ELEMENT_U32,
    ELEMENT_U64,
    ELEMENT_S8,
    ELEMENT_S16,
    ELEMENT_S32,
    ELEMENT_S64,
    ELEMENT_FLOAT32,
    ELEMENT_FLOAT64,
    ELEMENT_BOOLEAN,
    ELEMENT_MAC,
    ELEMENT_STRING,
    ELEMENT_SECONDS,
    ELEMENT_MILLISECONDS,
    ELEMENT_MICROSECONDS,
    ELEMENT_NANOSECONDS,
    ELEMENT_IPV4,
    ELEMENT_IPV6,
    ELEMENT_BASIC_LIST,
    ELEMENT_SUB_TEMPLATE_LIST,
    ELEMENT_SUB_TEMPLATE_MULTI_LIST,
    ELEMENT_TYPE_COUNT
};

/* Names that exporters say, which they could invent for ever. */
enum { ELEMENT_NAME_MAX = 127, ELEMENT_NAMES_LEARNED_MAX = 4096 };

struct element_info {
    char name[ELEMENT_NAME_MAX + 1]; /* "e<enterprise>id<element>" where nobody knows another */
    enum element_type type;
};

struct element_names *element_names_new(void); /* NULL: no memory */
void element_names_free(struct element_names *names);
void element_names_find(const struct element_names *names, uint32_t enterprise, uint16_t element,
                        struct element_info *ret_info);
/* What exporters said is forgotten, as at the end of what they said it in. */
void element_names_forget(struct element_names *names);
/* Of each its own, for hashes of what strangers choose. */
uint64_t element_names_seed(const struct element_names *names);
/* Of an enterprise's element; what is no name, or too much, is left out. */
void element_names_learn(struct element_names *names, uint32_t enterprise, uint16_t element,
                         uint8_t type, const uint8_t *name, size_t name_len);

#endif
