#include "speaker/exabgp_told.h"

#include "common/base/hash.h"
#include "speaker/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The family, and the octets with their length. */
enum { VALUE_MAX = 1 + 4097 };

struct entry {
    char key[24];
    uint8_t value[VALUE_MAX];
    size_t len;
};

static enum status make_entry(const struct rib *rib, uint32_t id, struct entry *ret_entry)
{
    struct rib_nlri nlri = rib_nlri(rib, id);
    if (nlri.len > VALUE_MAX - 1)
        return STATUS_LIMIT;
    ret_entry->value[0] = (uint8_t)nlri.family;
    memcpy(ret_entry->value + 1, nlri.bytes, nlri.len);
    ret_entry->len = nlri.len + 1;
    (void)snprintf(ret_entry->key, sizeof(ret_entry->key), "x:%016" PRIx64,
                   hash_wire(ret_entry->value, ret_entry->len));
    return STATUS_OK;
}

enum status told_init(struct told *told, struct rib *rib)
{
    static const struct communities none;
    *told = (struct told){0};
    return rib_hold_attributes(rib, &none, &told->attributes);
}

static void release_all(struct told *told, struct rib *rib)
{
    uint32_t at = 0;
    for (; told->nlri.count > 0; bits_unset(&told->nlri, at)) {
        at = bits_next(&told->nlri, at);
        rib_release_nlri(rib, at);
    }
}

void told_done(struct told *told, struct rib *rib)
{
    release_all(told, rib);
    bits_done(&told->nlri);
    if (told->attributes != 0)
        rib_release_attributes(rib, told->attributes);
    *told = (struct told){0};
}

static enum status make_room(struct told *told, uint32_t nlri)
{
    if (nlri < told->nlri.room)
        return STATUS_OK;
    return bits_grow(&told->nlri, (nlri + nlri / 8 + BITS_STEP) / BITS_STEP * BITS_STEP);
}

enum status told_add(struct speaker *speaker, struct told *told, uint32_t nlri)
{
    struct entry entry;
    if (bits_has(&told->nlri, nlri))
        return STATUS_OK;
    enum status status = make_room(told, nlri);
    if (status == STATUS_OK)
        status = make_entry(speaker->rib, nlri, &entry);
    if (status != STATUS_OK)
        return status;
    store_put(speaker, entry.key, entry.value, entry.len);
    rib_hold_nlri_again(speaker->rib, nlri);
    bits_set(&told->nlri, nlri);
    return STATUS_OK;
}

void told_drop(struct speaker *speaker, struct told *told, uint32_t nlri)
{
    struct entry entry;
    if (!bits_has(&told->nlri, nlri))
        return;
    if (make_entry(speaker->rib, nlri, &entry) == STATUS_OK)
        store_drop(speaker, entry.key);
    bits_unset(&told->nlri, nlri);
    rib_release_nlri(speaker->rib, nlri);
}

void told_adopt(const struct told *told, struct rib_out *out)
{
    uint32_t at = 0;
    for (size_t todo = told->nlri.count; todo > 0; todo--) {
        at = bits_next(&told->nlri, at);
        /* Without memory it stays, and the next adoption finds it. */
        (void)rib_out_adopt(out, at, told->attributes);
        at++;
    }
}

enum status told_load(struct told *told, struct rib *rib, const uint8_t *value, size_t len)
{
    uint32_t nlri;
    if (len < 2 || value[0] >= BGP_FAMILIES)
        return STATUS_MALFORMED;
    enum status status = rib_hold_nlri(rib, (enum bgp_family)value[0], value + 1, len - 1, &nlri);
    if (status != STATUS_OK)
        return status;
    status = make_room(told, nlri);
    if (status != STATUS_OK || bits_has(&told->nlri, nlri)) {
        rib_release_nlri(rib, nlri);
        return status;
    }
    bits_set(&told->nlri, nlri);
    return STATUS_OK;
}

void told_write_again(struct speaker *speaker, const struct told *told)
{
    struct entry entry;
    uint32_t at = 0;
    for (size_t todo = told->nlri.count; todo > 0; todo--) {
        at = bits_next(&told->nlri, at);
        if (make_entry(speaker->rib, at, &entry) == STATUS_OK)
            store_put(speaker, entry.key, entry.value, entry.len);
        at++;
    }
}
