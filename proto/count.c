#include "proto/count.h"

#include "common/base/hash.h"
#include "common/base/wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The first octet of a count's canonical bytes: a change of what follows changes every id. */
enum { COUNT_BYTES_VERSION = 1 };

/* A prefix length that a dimension does not have. */
enum { NO_PREFIX_LEN = 0xff };

static const char *const direction_names[] = {
    [DIRECTION_ANY] = "any",           [DIRECTION_INCOMING] = "incoming",
    [DIRECTION_OUTGOING] = "outgoing", [DIRECTION_INTERNAL] = "internal",
    [DIRECTION_TRANSIT] = "transit",
};

const char *direction_name(enum direction d)
{
    return (unsigned int)d <= DIRECTION_TRANSIT ? direction_names[d] : "unknown";
}

enum status direction_parse(enum direction *ret_direction, const char *name)
{
    for (unsigned int d = DIRECTION_ANY; d <= DIRECTION_TRANSIT; d++) {
        if (strcmp(direction_names[d], name) == 0) {
            *ret_direction = (enum direction)d;
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

/* --- prefixes ----------------------------------------------------------------------------------
 */

/* By family, address, length: a prefix comes right before what it covers. */
static int prefix_order(const void *left, const void *right)
{
    const struct ip_prefix *a = left, *b = right;
    int by_addr = addr_compare(&a->addr, &b->addr);
    return by_addr != 0 ? by_addr : (int)a->len - (int)b->len;
}

static bool prefixes_are_halves(const struct ip_prefix *a, const struct ip_prefix *b)
{
    if (a->addr.family != b->addr.family || a->len != b->len || a->len == 0)
        return false;
    struct ip_addr parent_a = addr_masked(&a->addr, (uint8_t)(a->len - 1));
    struct ip_addr parent_b = addr_masked(&b->addr, (uint8_t)(b->len - 1));
    return addr_equal(&parent_a, &parent_b);
}

static size_t prefixes_tidy(struct ip_prefix *prefixes, size_t count, bool joins_halves)
{
    size_t kept = 0;
    if (count > 1)
        qsort(prefixes, count, sizeof(prefixes[0]), prefix_order);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && prefix_covers(&prefixes[kept - 1], &prefixes[i]))
            continue;
        prefixes[kept++] = prefixes[i];
        while (joins_halves && kept > 1 &&
               prefixes_are_halves(&prefixes[kept - 2], &prefixes[kept - 1])) {
            kept--;
            prefixes[kept - 1].len--;
        }
    }
    return kept;
}

size_t prefixes_merge(struct ip_prefix *prefixes, size_t count)
{
    return prefixes_tidy(prefixes, count, true);
}

size_t prefixes_outermost(struct ip_prefix *prefixes, size_t count)
{
    return prefixes_tidy(prefixes, count, false);
}

static void prefixes_add(struct text *t, const struct ip_prefix *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t head[2] = {prefixes[i].addr.family, prefixes[i].len};
        text_add_bytes(t, head, sizeof(head));
        text_add_bytes(t, prefixes[i].addr.octets, addr_len(&prefixes[i].addr));
    }
}

static size_t prefixes_len(const struct ip_prefix *prefixes, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += 2 + addr_len(&prefixes[i].addr);
    return len;
}

static bool prefixes_valid(const struct ip_prefix *prefixes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (addr_len(&prefixes[i].addr) == 0 || prefixes[i].len > addr_bits(&prefixes[i].addr))
            return false;
    }
    return true;
}

enum status prefixes_id(uint64_t *ret_id, const struct ip_prefix *merged, size_t count)
{
    struct text bytes;
    text_init(&bytes, 0);
    prefixes_add(&bytes, merged, count);
    enum status status = bytes.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        *ret_id = hash_wire(text_str(&bytes), bytes.len);
    text_done(&bytes);
    return status;
}

/* --- canonical form ----------------------------------------------------------------------------
 */

static bool dimension_holds_prefixes(unsigned int d)
{
    return dimension_width((enum dimension)d) == 0 || d == DIM_DST_NETWORK;
}

/* In the order of the values' canonical bytes. */
static int value_order(const void *left, const void *right)
{
    const struct count_value *a = left, *b = right;
    if (a->negated != b->negated)
        return a->negated ? 1 : -1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    for (size_t i = 0; i < a->prefix_count && i < b->prefix_count; i++) {
        const struct ip_prefix *p = &a->prefixes[i], *q = &b->prefixes[i];
        int by_family = (int)p->addr.family - (int)q->addr.family;
        if (by_family != 0)
            return by_family;
        if (p->len != q->len)
            return (int)p->len - (int)q->len;
        int by_addr = addr_compare(&p->addr, &q->addr);
        if (by_addr != 0)
            return by_addr;
    }
    return (a->prefix_count > b->prefix_count) - (a->prefix_count < b->prefix_count);
}

static enum status filter_canonicalize(struct count_filter *filter)
{
    unsigned int d = filter->dimension;
    if (d < DIM_DST_ADDR || d > DIM_LAST || filter->count == 0)
        return STATUS_RANGE;
    size_t width = dimension_width((enum dimension)d);
    for (size_t i = 0; i < filter->count; i++) {
        struct count_value *value = &filter->values[i];
        if (dimension_holds_prefixes(d)) {
            if (!prefixes_valid(value->prefixes, value->prefix_count))
                return STATUS_RANGE;
            value->number = 0;
            value->prefix_count = prefixes_merge(value->prefixes, value->prefix_count);
        } else if (value->prefix_count != 0 || value->number >> (8 * width) != 0) {
            return STATUS_RANGE;
        }
    }
    qsort(filter->values, filter->count, sizeof(filter->values[0]), value_order);
    size_t kept = 1;
    for (size_t i = 1; i < filter->count; i++) {
        if (value_order(&filter->values[kept - 1], &filter->values[i]) == 0)
            free(filter->values[i].prefixes);
        else
            filter->values[kept++] = filter->values[i];
    }
    filter->count = kept;
    return filter->count > UINT16_MAX ? STATUS_LIMIT : STATUS_OK;
}

static int dim_order(const void *left, const void *right)
{
    const struct count_dim *a = left, *b = right;
    return (int)a->dimension - (int)b->dimension;
}

static int filter_order(const void *left, const void *right)
{
    const struct count_filter *a = left, *b = right;
    return (int)a->dimension - (int)b->dimension;
}

static enum status key_canonicalize(struct count_spec *spec)
{
    if (spec->key_count > DIM_LAST)
        return STATUS_LIMIT;
    qsort(spec->key, spec->key_count, sizeof(spec->key[0]), dim_order);
    for (size_t i = 0; i < spec->key_count; i++) {
        struct count_dim *dim = &spec->key[i];
        unsigned int d = dim->dimension;
        if (d < DIM_DST_ADDR || d > DIM_LAST)
            return STATUS_RANGE;
        if (i > 0 && spec->key[i - 1].dimension == d)
            return STATUS_EXISTS;
        if (d != DIM_DST_ADDR && d != DIM_SRC_ADDR)
            dim->len4 = dim->len6 = NO_PREFIX_LEN;
        else if (dim->len4 > 32 || dim->len6 > 128)
            return STATUS_RANGE;
    }
    return STATUS_OK;
}

enum status count_canonicalize(struct count_spec *spec)
{
    enum status status = key_canonicalize(spec);
    if (status != STATUS_OK)
        return status;
    if (spec->direction > DIRECTION_TRANSIT || !prefixes_valid(spec->ours, spec->ours_count))
        return STATUS_RANGE;
    if (spec->filter_count > DIM_LAST)
        return STATUS_LIMIT;
    if (spec->filter_count > 1)
        qsort(spec->filter, spec->filter_count, sizeof(spec->filter[0]), filter_order);
    for (size_t i = 0; i < spec->filter_count; i++) {
        if (i > 0 && spec->filter[i - 1].dimension == spec->filter[i].dimension)
            return STATUS_EXISTS;
        status = filter_canonicalize(&spec->filter[i]);
        if (status != STATUS_OK)
            return status;
    }
    if (spec->direction == DIRECTION_ANY) {
        free(spec->ours);
        spec->ours = NULL;
        spec->ours_count = 0;
    }
    spec->ours_count = prefixes_merge(spec->ours, spec->ours_count);
    return STATUS_OK;
}

void count_spec_done(struct count_spec *spec)
{
    if (spec == NULL)
        return;
    for (size_t i = 0; i < spec->filter_count; i++) {
        for (size_t j = 0; j < spec->filter[i].count; j++)
            free(spec->filter[i].values[j].prefixes);
        free(spec->filter[i].values);
    }
    free(spec->filter);
    free(spec->ours);
    *spec = (struct count_spec){0};
}

/* --- canonical bytes ---------------------------------------------------------------------------
 */

static void add_number(struct text *t, size_t width, uint64_t number)
{
    uint8_t octets[8];
    wire_put_uint_at(octets, width, number);
    text_add_bytes(t, octets, width);
}

static void add_filter(struct text *t, const struct count_filter *filter)
{
    size_t width = dimension_width((enum dimension)filter->dimension);
    add_number(t, 1, filter->dimension);
    add_number(t, 2, filter->count);
    for (size_t i = 0; i < filter->count; i++) {
        const struct count_value *value = &filter->values[i];
        add_number(t, 1, value->negated);
        if (dimension_holds_prefixes(filter->dimension)) {
            add_number(t, 4, prefixes_len(value->prefixes, value->prefix_count));
            prefixes_add(t, value->prefixes, value->prefix_count);
        } else {
            add_number(t, 4, width);
            add_number(t, width, value->number);
        }
    }
}

enum status count_bytes(const struct count_spec *spec, struct text *ret_bytes)
{
    add_number(ret_bytes, 1, COUNT_BYTES_VERSION);
    add_number(ret_bytes, 1, spec->direction);
    add_number(ret_bytes, 1, spec->key_count);
    for (size_t i = 0; i < spec->key_count; i++) {
        add_number(ret_bytes, 1, spec->key[i].dimension);
        add_number(ret_bytes, 1, spec->key[i].len4);
        add_number(ret_bytes, 1, spec->key[i].len6);
    }
    add_number(ret_bytes, 1, spec->filter_count);
    for (size_t i = 0; i < spec->filter_count; i++)
        add_filter(ret_bytes, &spec->filter[i]);
    if (spec->direction != DIRECTION_ANY) {
        add_number(ret_bytes, 4, spec->ours_count);
        prefixes_add(ret_bytes, spec->ours, spec->ours_count);
    }
    return ret_bytes->failed ? STATUS_LIMIT : STATUS_OK;
}

enum status count_id(const struct count_spec *spec, uint64_t *ret_id)
{
    struct text bytes;
    text_init(&bytes, 0);
    enum status status = count_bytes(spec, &bytes);
    if (status == STATUS_OK)
        *ret_id = hash_wire(text_str(&bytes), bytes.len);
    text_done(&bytes);
    return status;
}
