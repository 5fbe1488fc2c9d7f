#include "common/base/wire.h"
#include "flowspec/component.h"

#include <string.h>

/*
 * RFC 8955 5.1 with RFC 8956 4. Only the two prefixes need care: as long as the octets are equal
 * both NLRI are at the same place of the same component, so after the prefixes the first octet
 * that differs decides, be it a type or a part of an operator, and of two that are equal up to the
 * end of one the longer goes first.
 */
struct prefix_view {
    uint8_t len, offset;
    const uint8_t *pattern;
    unsigned bits; /* of the pattern */
};

static struct wire_reader body_of(const uint8_t *nlri, size_t len)
{
    struct wire_reader r = wire_reader_of(nlri, len);
    if (wire_u8(&r) >= 240)
        wire_skip(&r, 1);
    return r;
}

static bool take_prefix(struct wire_reader *r, enum addr_family family, struct prefix_view *ret)
{
    wire_skip(r, 1);
    ret->len = wire_u8(r);
    ret->offset = family == ADDR_IPV6 ? wire_u8(r) : 0;
    ret->bits = ret->len > ret->offset ? (unsigned)ret->len - ret->offset : 0;
    ret->pattern = wire_take(r, (ret->bits + 7) / 8);
    return !r->failed;
}

static int compare_prefix(const struct prefix_view *a, const struct prefix_view *b)
{
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    unsigned common = a->bits < b->bits ? a->bits : b->bits;
    int order = memcmp(a->pattern, b->pattern, common / 8);
    if (order == 0 && common % 8 != 0) {
        unsigned shift = 8 - common % 8;
        order = (a->pattern[common / 8] >> shift) - (b->pattern[common / 8] >> shift);
    }
    if (order != 0)
        return order;
    return b->bits < a->bits ? -1 : b->bits > a->bits;
}

int nlri_compare(enum addr_family family, const uint8_t *a, size_t a_len, const uint8_t *b,
                 size_t b_len)
{
    struct wire_reader x = body_of(a, a_len), y = body_of(b, b_len);
    while (x.left > 0 && y.left > 0 && x.pos[0] == y.pos[0] && x.pos[0] <= COMPONENT_SOURCE) {
        struct wire_reader before_x = x, before_y = y;
        struct prefix_view p, q;
        if (!take_prefix(&x, family, &p) || !take_prefix(&y, family, &q)) {
            x = before_x;
            y = before_y;
            break;
        }
        int order = compare_prefix(&p, &q);
        if (order != 0)
            return order;
    }
    size_t common = x.left < y.left ? x.left : y.left;
    int order = common == 0 ? 0 : memcmp(x.pos, y.pos, common);
    if (order != 0)
        return order;
    return x.left > y.left ? -1 : x.left < y.left;
}

/*
 * The drafts before RFC 5575 compare the rules' octets as one string, without a look inside, so
 * that a prefix length stands before the address and the less specific prefix goes first: one
 * restricts an aggregate, and a later rule speaks of a part of it. Of two strings that begin alike
 * the shorter goes first, as it is the less specific here too.
 */
int nlri_compare_draft6(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    struct wire_reader x = body_of(a, a_len), y = body_of(b, b_len);
    size_t common = x.left < y.left ? x.left : y.left;
    int order = common == 0 ? 0 : memcmp(x.pos, y.pos, common);
    if (order != 0)
        return order;
    return x.left < y.left ? -1 : x.left > y.left;
}

enum status nlri_order_key_draft6(const uint8_t *nlri, size_t len, uint8_t *ret_key, size_t room,
                                  size_t *ret_len)
{
    struct wire_reader r = body_of(nlri, len);
    if (r.left > room)
        return STATUS_LIMIT;
    if (r.left > 0)
        memcpy(ret_key, r.pos, r.left);
    *ret_len = r.left;
    return STATUS_OK;
}

/*
 * A bit 0 becomes 01, a bit 1 becomes 10 and the end 11, so that the lower value sorts first and a
 * prefix behind what lies inside it.
 */
static void put_prefix(struct wire_writer *w, const struct prefix_view *p)
{
    wire_put_u8(w, p->offset);
    for (unsigned i = 0; i <= p->bits; i += 4) {
        unsigned octet = 0;
        for (unsigned at = i; at < i + 4; at++) {
            unsigned pair = 3;
            if (at < p->bits)
                pair = ((unsigned)p->pattern[at / 8] >> (7 - at % 8) & 1U) != 0 ? 2 : 1;
            octet = octet << 2 | pair;
        }
        wire_put_u8(w, (uint8_t)octet);
    }
}

enum status nlri_order_key(enum addr_family family, const uint8_t *nlri, size_t len,
                           uint8_t *ret_key, size_t room, size_t *ret_len)
{
    struct wire_reader r = body_of(nlri, len);
    struct wire_writer w = wire_writer_of(ret_key, room);
    while (r.left > 0 && r.pos[0] <= COMPONENT_SOURCE) {
        struct prefix_view p;
        wire_put_u8(&w, r.pos[0]);
        if (!take_prefix(&r, family, &p))
            return STATUS_TRUNCATED;
        put_prefix(&w, &p);
    }
    wire_put_bytes(&w, r.pos, r.left);
    wire_put_u8(&w, 0xff); /* above every type: what ends here sorts behind what goes on */
    if (w.failed)
        return STATUS_LIMIT;
    *ret_len = w.len;
    return STATUS_OK;
}
