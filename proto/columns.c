#include "proto/columns.h"

#include <string.h>

static bool take_octets(struct wire_reader *r, uint8_t family, struct ip_addr *ret_addr)
{
    struct ip_addr addr = {.family = family};
    size_t len = addr_len(&addr);
    const uint8_t *octets = wire_take(r, len);
    if (octets == NULL)
        return false;
    memcpy(addr.octets, octets, len);
    *ret_addr = addr;
    return true;
}

static bool family_valid(uint8_t family, bool none)
{
    return family == ADDR_IPV4 || family == ADDR_IPV6 || (none && family == ADDR_NONE);
}

void columns_put_addr(struct wire_writer *w, const struct ip_addr *addr)
{
    wire_put_u8(w, addr->family);
    wire_put_bytes(w, addr->octets, addr_len(addr));
}

enum status columns_take_addr(struct wire_reader *r, bool none, struct ip_addr *ret_addr)
{
    uint8_t family = wire_u8(r);
    if (r->failed || !family_valid(family, none) || !take_octets(r, family, ret_addr))
        return STATUS_MALFORMED;
    return STATUS_OK;
}

void columns_put_prefix(struct wire_writer *w, const struct ip_prefix *prefix)
{
    wire_put_u8(w, prefix->addr.family);
    if (prefix->addr.family == ADDR_NONE)
        return;
    wire_put_u8(w, prefix->len);
    wire_put_bytes(w, prefix->addr.octets, addr_len(&prefix->addr));
}

enum status columns_take_prefix(struct wire_reader *r, struct ip_prefix *ret_prefix)
{
    uint8_t family = wire_u8(r);
    if (r->failed || !family_valid(family, true))
        return STATUS_MALFORMED;
    struct ip_prefix prefix = {.addr.family = family};
    if (family != ADDR_NONE) {
        prefix.len = wire_u8(r);
        if (!take_octets(r, family, &prefix.addr) || prefix.len > addr_bits(&prefix.addr))
            return STATUS_MALFORMED;
        struct ip_addr masked = addr_masked(&prefix.addr, prefix.len);
        if (!addr_equal(&masked, &prefix.addr))
            return STATUS_MALFORMED;
    }
    *ret_prefix = prefix;
    return STATUS_OK;
}

enum status columns_take_key(struct wire_reader *r, size_t len, struct flow_key *ret_key)
{
    const uint8_t *bytes = wire_take(r, len);
    if (bytes == NULL || key_check(bytes, len) != STATUS_OK)
        return STATUS_MALFORMED;
    memcpy(ret_key->bytes, bytes, len);
    ret_key->len = (uint8_t)len;
    return STATUS_OK;
}
