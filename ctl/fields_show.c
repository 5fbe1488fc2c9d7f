#include "ctl/fields_show.h"

#include "common/base/addr.h"
#include "common/base/clock.h"
#include "common/base/hash.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t to_uint(const struct field *field)
{
    uint64_t value = 0;
    for (size_t i = 0; i < field->len; i++)
        value = value << 8 | field->bytes[i];
    return value;
}

/* --- values --- */

static void add_octets(struct text *out, const struct field *field)
{
    text_add(out, "\"");
    text_add_hex(out, field->bytes, field->len);
    text_add(out, "\"");
}

/* Fields of fixed length are filled up with zeros. */
static void add_string(struct text *out, const struct field *field)
{
    size_t len = field->len;
    while (len > 0 && field->bytes[len - 1] == '\0')
        len--;
    char *copy = malloc(len + 1);
    if (copy == NULL || memchr(field->bytes, '\0', len) != NULL) {
        free(copy);
        add_octets(out, field);
        return;
    }
    memcpy(copy, field->bytes, len);
    copy[len] = '\0';
    show_add_json_safe(out, copy);
    free(copy);
}

static void add_signed(struct text *out, const struct field *field)
{
    uint64_t value = to_uint(field);
    unsigned int bits = (unsigned int)field->len * 8;
    if (bits < 64 && (value >> (bits - 1) & 1) != 0)
        value |= UINT64_MAX << bits;
    int64_t number;
    memcpy(&number, &value, sizeof(number));
    text_addf(out, "%" PRId64, number);
}

static void add_float(struct text *out, const struct field *field)
{
    double value;
    uint64_t bits = to_uint(field);
    if (field->len == 4) {
        float half;
        memcpy(&half, &(uint32_t){(uint32_t)bits}, sizeof(half));
        value = (double)half;
    } else {
        memcpy(&value, &bits, sizeof(value));
    }
    if (!isfinite(value)) { /* which JSON has no number for */
        text_addf(out, "\"%s\"", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    text_add(out, text);
}

static void add_time_ms(struct text *out, uint64_t unix_ms)
{
    char text[CLOCK_TEXT_MAX];
    text_addf(out, "\"%s\"", clock_format_wall(unix_ms, text));
}

/* RFC 7011, 6.1.9 and 6.1.10: seconds since 1900, or since they wrapped in 2036, and a fraction. */
static void add_ntp_time(struct text *out, const struct field *field, int digits)
{
    const uint64_t to_1970 = UINT64_C(2208988800), wrap = UINT64_C(1) << 32;
    uint64_t value = to_uint(field), seconds = value >> 32, scale = 1;
    char text[CLOCK_TEXT_MAX];
    seconds = seconds >= to_1970 ? seconds - to_1970 : seconds + wrap - to_1970;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    uint64_t fraction = ((value & UINT32_MAX) * scale) >> 32;
    (void)clock_format_wall(seconds * 1000, text);
    text_addf(out, "\"%.19s.%0*" PRIu64 "Z\"", text, digits, fraction);
}

static void add_mac(struct text *out, const struct field *field)
{
    for (size_t i = 0; i < field->len; i++)
        text_addf(out, "%s%02x", i == 0 ? "\"" : ":", field->bytes[i]);
    text_add(out, "\"");
}

static void add_addr(struct text *out, const struct field *field)
{
    char text[ADDR_TEXT_MAX];
    struct ip_addr addr = addr_from_octets(field->len == 4 ? ADDR_IPV4 : ADDR_IPV6, field->bytes);
    text_addf(out, "\"%s\"", addr_format(&addr, text));
}

/* RFC 7011, 6.1.5 */
static void add_boolean(struct text *out, uint8_t value)
{
    if (value == 1 || value == 2)
        text_add(out, value == 1 ? "true" : "false");
    else
        text_addf(out, "%u", value);
}

/* The octets that a value of this type can have. */
static bool len_fits(enum element_type type, size_t len)
{
    switch (type) {
    case ELEMENT_U8:
    case ELEMENT_U16:
    case ELEMENT_U32:
    case ELEMENT_U64:
    case ELEMENT_S8:
    case ELEMENT_S16:
    case ELEMENT_S32:
    case ELEMENT_S64:
        return len >= 1 && len <= 8;
    case ELEMENT_FLOAT32:
    case ELEMENT_FLOAT64:
        return len == 4 || len == 8;
    case ELEMENT_BOOLEAN:
        return len == 1;
    case ELEMENT_MAC:
        return len == 6;
    case ELEMENT_SECONDS:
        return len == 4;
    case ELEMENT_MILLISECONDS:
    case ELEMENT_MICROSECONDS:
    case ELEMENT_NANOSECONDS:
        return len == 8;
    case ELEMENT_IPV4:
    case ELEMENT_IPV6: /* NetFlow 9 exporters take one for the other */
        return len == 4 || len == 16;
    case ELEMENT_OCTETS:
    case ELEMENT_STRING:
    case ELEMENT_BASIC_LIST:
    case ELEMENT_SUB_TEMPLATE_LIST:
    case ELEMENT_SUB_TEMPLATE_MULTI_LIST:
    case ELEMENT_TYPE_COUNT:
        break;
    }
    return true;
}

static void add_value(struct text *out, enum element_type type, const struct field *field)
{
    if (!len_fits(type, field->len)) {
        add_octets(out, field);
        return;
    }
    switch (type) {
    case ELEMENT_U8:
    case ELEMENT_U16:
    case ELEMENT_U32:
    case ELEMENT_U64:
        text_addf(out, "%" PRIu64, to_uint(field));
        return;
    case ELEMENT_S8:
    case ELEMENT_S16:
    case ELEMENT_S32:
    case ELEMENT_S64:
        add_signed(out, field);
        return;
    case ELEMENT_FLOAT32:
    case ELEMENT_FLOAT64:
        add_float(out, field);
        return;
    case ELEMENT_BOOLEAN:
        add_boolean(out, field->bytes[0]);
        return;
    case ELEMENT_MAC:
        add_mac(out, field);
        return;
    case ELEMENT_STRING:
        add_string(out, field);
        return;
    case ELEMENT_SECONDS:
        add_time_ms(out, to_uint(field) * 1000);
        return;
    case ELEMENT_MILLISECONDS:
        add_time_ms(out, to_uint(field));
        return;
    case ELEMENT_MICROSECONDS:
        add_ntp_time(out, field, 6);
        return;
    case ELEMENT_NANOSECONDS:
        add_ntp_time(out, field, 9);
        return;
    case ELEMENT_IPV4:
    case ELEMENT_IPV6:
        add_addr(out, field);
        return;
    case ELEMENT_OCTETS:
    case ELEMENT_BASIC_LIST:
    case ELEMENT_SUB_TEMPLATE_LIST:
    case ELEMENT_SUB_TEMPLATE_MULTI_LIST:
    case ELEMENT_TYPE_COUNT:
        add_octets(out, field);
        return;
    }
}

/* --- records --- */

/* The elements of a record, and how often each has come. Open addressing, twice as many cells as
 * there are fields, so that a record of many costs what its fields cost. */
struct elements {
    struct element_cell {
        uint32_t enterprise, times; /* times 0: nothing is here */
        uint16_t element;
        bool is_scope;
    } * cells;
    size_t mask;
    uint64_t seed;
};

static bool elements_init(struct elements *elements, size_t fields, uint64_t seed)
{
    size_t cells = 16;
    while (cells < fields * 2)
        cells *= 2;
    *elements = (struct elements){calloc(cells, sizeof(struct element_cell)), cells - 1, seed};
    return elements->cells != NULL;
}

/* The how many-th of its element this field is. */
static uint32_t elements_count(struct elements *elements, const struct field *field)
{
    const uint32_t key[2] = {field->enterprise, field->element | (uint32_t)field->is_scope << 16};
    size_t at = (size_t)hash_seeded(key, sizeof(key), elements->seed) & elements->mask;
    struct element_cell *cell = &elements->cells[at];
    while (cell->times > 0 &&
           (cell->enterprise != field->enterprise || cell->element != field->element ||
            cell->is_scope != field->is_scope)) {
        at = (at + 1) & elements->mask;
        cell = &elements->cells[at];
    }
    cell->enterprise = field->enterprise;
    cell->element = field->element;
    cell->is_scope = field->is_scope;
    return ++cell->times;
}

void fields_show(const struct element_names *names, const struct decode_fields *fields,
                 struct text *out)
{
    struct fields_walk walk;
    struct field field;
    struct element_info info;
    struct elements elements;
    bool is_later = false;
    if (!elements_init(&elements, fields->count, element_names_seed(names))) {
        out->failed = true;
        return;
    }
    text_add(out, "{");
    fields_begin(&walk, fields);
    while (fields_next(&walk, &field)) {
        element_names_find(names, field.enterprise, field.element, &info);
        uint32_t number = elements_count(&elements, &field);
        text_addf(out, "%s\"%s", is_later ? ", " : "", info.name);
        if (number > 1)
            text_addf(out, "#%u", number);
        text_add(out, "\": ");
        add_value(out, info.type, &field);
        is_later = true;
    }
    text_add(out, "}");
    free(elements.cells);
}

void fields_learn(struct element_names *names, const struct decode_fields *fields)
{
    enum { ELEMENT_ID = 303, TYPE = 339, NAME = 341, ENTERPRISE = 346 };
    struct fields_walk walk;
    struct field field, name = {0};
    uint64_t enterprise = 0, element = 0, type = ELEMENT_OCTETS;
    fields_begin(&walk, fields);
    while (fields_next(&walk, &field)) {
        if (field.enterprise != 0 || (field.element != NAME && field.len > 8))
            continue;
        if (field.element == ENTERPRISE)
            enterprise = to_uint(&field);
        else if (field.element == ELEMENT_ID)
            element = to_uint(&field) & 0x7fff; /* some leave the enterprise bit in it */
        else if (field.element == TYPE)
            type = to_uint(&field);
        else if (field.element == NAME)
            name = field;
    }
    while (name.len > 0 && name.bytes[name.len - 1] == '\0')
        name.len--;
    if (name.len > 0 && enterprise <= UINT32_MAX && type < ELEMENT_TYPE_COUNT)
        element_names_learn(names, (uint32_t)enterprise, (uint16_t)element, (uint8_t)type,
                            name.bytes, name.len);
}
