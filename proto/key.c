#include "proto/count.h"

#include "common/base/hash.h"
#include "common/base/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t width; /* octets of a value; 0: an address, 4 or 16 */
} dimensions[DIM_LAST + 1] = {
    [DIM_DST_ADDR] = {"dst_addr", 0},       [DIM_SRC_ADDR] = {"src_addr", 0},
    [DIM_PROTOCOL] = {"protocol", 1},       [DIM_SRC_PORT] = {"src_port", 2},
    [DIM_DST_PORT] = {"dst_port", 2},       [DIM_TCP_FLAGS] = {"tcp_flags", 2},
    [DIM_DST_NETWORK] = {"dst_network", 8}, [DIM_INPUT_IF] = {"input_if", 4},
    [DIM_EXPORTER] = {"exporter", 0},       [DIM_SRC_AS] = {"src_as", 4},
    [DIM_DST_AS] = {"dst_as", 4},
};

const char *dimension_name(enum dimension d)
{
    return d >= DIM_DST_ADDR && d <= DIM_LAST ? dimensions[d].name : "unknown";
}

enum status dimension_parse(enum dimension *ret_dimension, const char *name)
{
    for (unsigned int d = DIM_DST_ADDR; d <= DIM_LAST; d++) {
        if (strcmp(dimensions[d].name, name) == 0) {
            *ret_dimension = (enum dimension)d;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

size_t dimension_width(enum dimension d)
{
    return d >= DIM_DST_ADDR && d <= DIM_LAST ? dimensions[d].width : 0;
}

/* The place for a value of len octets at the key's end. Dimensions must rise, so it walks over what
 * is there; a key has few. */
static uint8_t *key_reserve(struct flow_key *key, enum dimension d, size_t len)
{
    size_t at = 0, last = 0;
    while (at < key->len) {
        last = key->bytes[at];
        at += 2U + key->bytes[at + 1];
    }
    assert(at == key->len && last < d && at + 2 + len <= KEY_BYTES_MAX);
    key->bytes[at] = (uint8_t)d;
    key->bytes[at + 1] = (uint8_t)len;
    key->len = (uint8_t)(at + 2 + len);
    return key->bytes + at + 2;
}

void key_add_addr(struct flow_key *key, enum dimension d, const struct ip_addr *masked)
{
    size_t len = addr_len(masked);
    assert(d >= DIM_DST_ADDR && d <= DIM_LAST && dimensions[d].width == 0 && len > 0);
    memcpy(key_reserve(key, d, len), masked->octets, len);
}

void key_add_number(struct flow_key *key, enum dimension d, uint64_t value)
{
    size_t width = dimension_width(d);
    assert(width > 0 && (width == 8 || value >> (8 * width) == 0));
    wire_put_uint_at(key_reserve(key, d, width), width, value);
}

enum status key_check(const uint8_t *bytes, size_t len)
{
    if (len > KEY_BYTES_MAX)
        return STATUS_MALFORMED;
    struct wire_reader r = wire_reader_of(bytes, len);
    unsigned int last = 0;
    while (r.left > 0) {
        unsigned int d = wire_u8(&r);
        size_t value_len = wire_u8(&r);
        wire_skip(&r, value_len);
        if (r.failed || d <= last || value_len == 0)
            return STATUS_MALFORMED;
        /* A dimension of a newer build is not judged: its count's id is unknown here anyway. */
        if (d <= DIM_LAST) {
            size_t width = dimensions[d].width;
            if (width > 0 ? value_len != width : value_len != 4 && value_len != 16)
                return STATUS_MALFORMED;
        }
        last = d;
    }
    return r.failed ? STATUS_MALFORMED : STATUS_OK;
}

/* The value of dimension d. Keys are short, so the walk is cheaper than an index. */
static const uint8_t *key_value(const struct flow_key *key, enum dimension d, size_t *ret_len)
{
    struct wire_reader r = wire_reader_of(key->bytes, key->len);
    while (r.left > 0) {
        unsigned int found = wire_u8(&r);
        size_t len = wire_u8(&r);
        const uint8_t *value = wire_take(&r, len);
        if (value != NULL && found == d) {
            *ret_len = len;
            return value;
        }
    }
    return NULL;
}

enum status key_addr(const struct flow_key *key, enum dimension d, struct ip_addr *ret_addr)
{
    size_t len = 0;
    const uint8_t *value = key_value(key, d, &len);
    if (value == NULL || dimension_width(d) != 0 || (len != 4 && len != 16))
        return STATUS_NOT_FOUND;
    *ret_addr = addr_from_octets(len == 4 ? ADDR_IPV4 : ADDR_IPV6, value);
    return STATUS_OK;
}

enum status key_number(const struct flow_key *key, enum dimension d, uint64_t *ret_value)
{
    size_t len = 0;
    const uint8_t *value = key_value(key, d, &len);
    if (value == NULL || dimension_width(d) == 0 || len != dimension_width(d))
        return STATUS_NOT_FOUND;
    struct wire_reader r = wire_reader_of(value, len);
    *ret_value = wire_uint(&r, len);
    return STATUS_OK;
}

/* Text into a buffer of fixed size: what does not fit is cut. */
struct key_text {
    char *at;
    size_t len, room;
};

__attribute__((format(printf, 2, 3))) static void key_print(struct key_text *t, const char *format,
                                                            ...)
{
    if (t->len + 1 >= t->room)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->at + t->len, t->room - t->len, format, args);
    va_end(args);
    size_t wrote = n > 0 ? (size_t)n : 0;
    t->len = wrote < t->room - t->len ? t->len + wrote : t->room - 1;
}

static void key_print_value(struct key_text *t, unsigned int d, const uint8_t *value, size_t len)
{
    char addr_text[ADDR_TEXT_MAX];
    if (d > DIM_LAST) {
        key_print(t, "dimension%u=", d);
        for (size_t i = 0; i < len; i++)
            key_print(t, "%02x", value[i]);
        return;
    }
    key_print(t, "%s=", dimension_name((enum dimension)d));
    struct wire_reader r = wire_reader_of(value, len);
    if (dimension_width((enum dimension)d) == 0) {
        struct ip_addr addr = addr_from_octets(len == 4 ? ADDR_IPV4 : ADDR_IPV6, value);
        key_print(t, "%s", addr_format(&addr, addr_text));
    } else if (d == DIM_DST_NETWORK) {
        key_print(t, "%016" PRIx64, wire_uint(&r, len));
    } else if (d == DIM_TCP_FLAGS) {
        key_print(t, "0x%02" PRIx64, wire_uint(&r, len));
    } else {
        key_print(t, "%" PRIu64, wire_uint(&r, len));
    }
}

const char *key_format(const struct flow_key *key, char *ret_text, size_t room)
{
    struct key_text t = {.at = ret_text, .room = room};
    if (room > 0)
        ret_text[0] = '\0';
    if (key_check(key->bytes, key->len) != STATUS_OK) {
        key_print(&t, "invalid");
        return ret_text;
    }
    if (key->len == 0)
        key_print(&t, "other");
    struct wire_reader r = wire_reader_of(key->bytes, key->len);
    while (r.left > 0) {
        unsigned int d = wire_u8(&r);
        size_t len = wire_u8(&r);
        const uint8_t *value = wire_take(&r, len);
        if (t.len > 0)
            key_print(&t, " ");
        key_print_value(&t, d, value, len);
    }
    return ret_text;
}

unsigned int key_slot(uint64_t count_id, const struct flow_key *key)
{
    uint8_t bytes[8 + KEY_BYTES_MAX];
    assert(key->len <= KEY_BYTES_MAX);
    wire_put_uint_at(bytes, 8, count_id);
    memcpy(bytes + 8, key->bytes, key->len);
    return (unsigned int)(hash_wire(bytes, 8U + key->len) % SLOTS);
}
