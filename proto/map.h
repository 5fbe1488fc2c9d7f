#ifndef PROTO_MAP_H
#define PROTO_MAP_H

#include "common/base/status.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The single values of a noun and of its protobuf-c message, paired in one table that is used in
 * both directions, so that neither can forget a field. Columns are each topic's own business.
 */
enum map_kind {
    MAP_KIND_TEXT,
    MAP_KIND_SMALL,
    MAP_KIND_U64,
    MAP_KIND_BOOL,
    MAP_KIND_DOUBLE,
    MAP_KIND_ENUM
};

struct map_field {
    uint16_t noun, message; /* offsets */
    uint8_t kind;           /* enum map_kind */
    uint8_t width;          /* octets of a small number in the noun */
    uint32_t limit; /* text: room; small number: largest value; enum: number of its constants */
};

#define MAP_SIZE(type, member) sizeof(((type *)0)->member)
/* Zero, or no translation when the member is not as wide as its kind says. */
#define MAP_WIDTH_IS(type, member, width)                                                          \
    (0 * sizeof(char[MAP_SIZE(type, member) == (width) ? 1 : -1]))

#define MAP_TEXT(noun_type, noun_member, type, member)                                             \
    {                                                                                              \
        offsetof(noun_type, noun_member), offsetof(type, member), MAP_KIND_TEXT,                   \
            MAP_WIDTH_IS(type, member, sizeof(char *)), MAP_SIZE(noun_type, noun_member)           \
    }
#define MAP_SMALL(noun_type, noun_member, type, member, max)                                       \
    {                                                                                              \
        offsetof(noun_type, noun_member), offsetof(type, member), MAP_KIND_SMALL,                  \
            MAP_SIZE(noun_type, noun_member) + MAP_WIDTH_IS(type, member, 4), max                  \
    }
#define MAP_U64(noun_type, noun_member, type, member)                                              \
    {                                                                                              \
        offsetof(noun_type, noun_member), offsetof(type, member), MAP_KIND_U64,                    \
            MAP_WIDTH_IS(noun_type, noun_member, 8) + MAP_WIDTH_IS(type, member, 8), 0             \
    }
#define MAP_BOOL(noun_type, noun_member, type, member)                                             \
    {                                                                                              \
        offsetof(noun_type, noun_member), offsetof(type, member), MAP_KIND_BOOL,                   \
            MAP_WIDTH_IS(noun_type, noun_member, 1) +                                              \
                MAP_WIDTH_IS(type, member, sizeof(protobuf_c_boolean)),                            \
            0                                                                                      \
    }
#define MAP_DOUBLE(noun_type, noun_member, type, member)                                           \
    {                                                                                              \
        offsetof(noun_type, noun_member), offsetof(type, member), MAP_KIND_DOUBLE,                 \
            MAP_WIDTH_IS(noun_type, noun_member, 8) + MAP_WIDTH_IS(type, member, 8), 0             \
    }
#define MAP_ENUM(noun_type, noun_member, type, member, count)                                      \
    {                                                                                              \
        offsetof(noun_type, noun_member), offsetof(type, member), MAP_KIND_ENUM,                   \
            MAP_WIDTH_IS(noun_type, noun_member, 1) + MAP_WIDTH_IS(type, member, sizeof(int)),     \
            count                                                                                  \
    }

/* Lends the noun's texts to the message. LIMIT: a text without its end. RANGE: a number that no
 * reader would take. */
enum status map_to_message(const struct map_field *map, size_t count, const void *noun,
                           void *message);
/* MALFORMED: a text that does not fit, a number out of range or not finite. */
enum status map_check(const struct map_field *map, size_t count, const void *message);
/* Only after map_check(); a text's octets behind its end are left as they are. */
void map_to_noun(const struct map_field *map, size_t count, const void *message, void *noun);

#endif
