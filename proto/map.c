#include "proto/map.h"

#include <assert.h>
#include <math.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <string.h>

static uint32_t small_load(const uint8_t *at, size_t width)
{
    uint16_t two;
    uint32_t four;
    switch (width) {
    case 1:
        return at[0];
    case 2:
        memcpy(&two, at, sizeof(two));
        return two;
    default:
        assert(width == 4);
        memcpy(&four, at, sizeof(four));
        return four;
    }
}

static void small_store(uint8_t *at, size_t width, uint32_t value)
{
    uint16_t two = (uint16_t)value;
    switch (width) {
    case 1:
        at[0] = (uint8_t)value;
        break;
    case 2:
        memcpy(at, &two, sizeof(two));
        break;
    default:
        assert(width == 4);
        memcpy(at, &value, sizeof(value));
    }
}

static enum status field_to_message(const struct map_field *field, const uint8_t *noun,
                                    uint8_t *message)
{
    char *lent = (char *)(uintptr_t)noun; /* the message only reads it */
    double real;
    uint32_t small;
    protobuf_c_boolean truth;
    switch ((enum map_kind)field->kind) {
    case MAP_KIND_TEXT:
        if (memchr(noun, 0, field->limit) == NULL)
            return STATUS_LIMIT;
        memcpy(message, &lent, sizeof(lent));
        break;
    case MAP_KIND_SMALL:
        small = small_load(noun, field->width);
        if (small > field->limit)
            return STATUS_RANGE;
        memcpy(message, &small, sizeof(small));
        break;
    case MAP_KIND_U64:
        memcpy(message, noun, sizeof(uint64_t));
        break;
    case MAP_KIND_BOOL:
        truth = noun[0] != 0;
        memcpy(message, &truth, sizeof(truth));
        break;
    case MAP_KIND_DOUBLE:
        memcpy(&real, noun, sizeof(real));
        if (!isfinite(real))
            return STATUS_RANGE;
        memcpy(message, &real, sizeof(real));
        break;
    case MAP_KIND_ENUM:
        small = noun[0];
        if (small >= field->limit)
            return STATUS_RANGE;
        memcpy(message, &small, sizeof(small));
        break;
    }
    return STATUS_OK;
}

enum status map_to_message(const struct map_field *map, size_t count, const void *noun,
                           void *message)
{
    for (size_t i = 0; i < count; i++) {
        enum status status = field_to_message(&map[i], (const uint8_t *)noun + map[i].noun,
                                              (uint8_t *)message + map[i].message);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static bool field_valid(const struct map_field *field, const uint8_t *message)
{
    const char *text;
    double real;
    uint32_t small; /* a negative enum becomes a large number, which is out of range too */
    switch ((enum map_kind)field->kind) {
    case MAP_KIND_TEXT:
        memcpy(&text, message, sizeof(text));
        return strlen(text) < field->limit;
    case MAP_KIND_SMALL:
        memcpy(&small, message, sizeof(small));
        return small <= field->limit;
    case MAP_KIND_DOUBLE:
        memcpy(&real, message, sizeof(real));
        return isfinite(real);
    case MAP_KIND_ENUM:
        memcpy(&small, message, sizeof(small));
        return small < field->limit;
    case MAP_KIND_U64:
    case MAP_KIND_BOOL:
        break;
    }
    return true;
}

enum status map_check(const struct map_field *map, size_t count, const void *message)
{
    for (size_t i = 0; i < count; i++) {
        if (!field_valid(&map[i], (const uint8_t *)message + map[i].message))
            return STATUS_MALFORMED;
    }
    return STATUS_OK;
}

static void field_to_noun(const struct map_field *field, const uint8_t *message, uint8_t *noun)
{
    const char *text;
    uint32_t small;
    protobuf_c_boolean truth;
    switch ((enum map_kind)field->kind) {
    case MAP_KIND_TEXT:
        memcpy(&text, message, sizeof(text));
        memcpy(noun, text, strlen(text) + 1);
        break;
    case MAP_KIND_SMALL:
        memcpy(&small, message, sizeof(small));
        small_store(noun, field->width, small);
        break;
    case MAP_KIND_U64:
    case MAP_KIND_DOUBLE:
        memcpy(noun, message, sizeof(uint64_t));
        break;
    case MAP_KIND_BOOL:
        memcpy(&truth, message, sizeof(truth));
        noun[0] = truth != 0;
        break;
    case MAP_KIND_ENUM:
        memcpy(&small, message, sizeof(small));
        noun[0] = (uint8_t)small;
        break;
    }
}

void map_to_noun(const struct map_field *map, size_t count, const void *message, void *noun)
{
    for (size_t i = 0; i < count; i++)
        field_to_noun(&map[i], (const uint8_t *)message + map[i].message,
                      (uint8_t *)noun + map[i].noun);
}
