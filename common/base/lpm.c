#include "common/base/lpm.h"

#include "common/base/hash.h"
#include "common/base/table.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

/*
 * Sealing cuts the address space of a family at every place where a prefix starts or ends. Between
 * two cuts the longest match is the same for all addresses, so a lookup is a search for the last
 * cut that is not past the address. A root table says, for the leading bits that tell the cuts
 * apart, where to search: a few steps then remain, and at worst log2 of the cuts.
 */
typedef unsigned __int128 position; /* an address, aligned to the top of 128 bits */

struct lpm_item {
    struct ip_prefix prefix;
    int32_t value;
    int32_t parent; /* the next shorter prefix around this one, or LPM_NONE */
};

struct cut_result {
    int32_t value, item; /* of the longest match from this cut on; LPM_NONE where none */
};

struct lpm_side {
    uint64_t *high, *low; /* halves of the cuts' positions; low is looked at only when high ties */
    struct cut_result *results;
    size_t count;         /* cuts; the first is at 0 */
    uint64_t first, last; /* high of the first cut after 0, and of the last */
    unsigned int shift;   /* root index: (high - first) >> shift */
    uint32_t *root;       /* first cut of each index, and one past the end behind them */
    size_t root_count;
};

struct lpm {
    struct lpm_item *items;
    size_t count, room, max;
    struct table *seen; /* prefixes added so far; gone when sealed */
    struct lpm_side ipv4, ipv6;
    bool sealed;
};

enum { ROOT_MAX = 1 << 18 }; /* 1 MiB, only for tables with that many cuts */

struct lpm *lpm_new(size_t prefixes_max)
{
    struct table_options seen = {.key_max = sizeof(struct ip_prefix), .max = prefixes_max};
    struct lpm *lpm = calloc(1, sizeof(*lpm));

    assert(prefixes_max < INT32_MAX / 2);
    if (lpm == NULL)
        return NULL;
    seen.seed = hash_random_seed();
    lpm->max = prefixes_max;
    lpm->seen = table_new(&seen);
    if (lpm->seen == NULL) {
        free(lpm);
        return NULL;
    }
    return lpm;
}

static void side_done(struct lpm_side *side)
{
    free(side->high);
    free(side->low);
    free(side->results);
    free(side->root);
}

void lpm_free(struct lpm *lpm)
{
    if (lpm == NULL)
        return;
    side_done(&lpm->ipv4);
    side_done(&lpm->ipv6);
    table_free(lpm->seen);
    free(lpm->items);
    free(lpm);
}

enum status lpm_add(struct lpm *lpm, const struct ip_prefix *prefix, int32_t value)
{
    bool new;

    if (lpm->sealed)
        return STATUS_REFUSED;
    if (value < 0 || prefix->addr.family == ADDR_NONE)
        return STATUS_RANGE;
    if (table_find(lpm->seen, prefix, sizeof(*prefix)) != NULL)
        return STATUS_EXISTS;
    if (lpm->count >= lpm->max)
        return STATUS_LIMIT;
    if (lpm->count == lpm->room) {
        size_t room = lpm->room == 0 ? 16 : lpm->room * 2;
        struct lpm_item *items = realloc(lpm->items, room * sizeof(items[0]));
        if (items == NULL)
            return STATUS_NO_MEMORY;
        lpm->items = items;
        lpm->room = room;
    }
    if (table_insert(lpm->seen, prefix, sizeof(*prefix), &new) == NULL)
        return STATUS_NO_MEMORY;
    lpm->items[lpm->count++] =
        (struct lpm_item){.prefix = *prefix, .value = value, .parent = LPM_NONE};
    return STATUS_OK;
}

/* Shorter prefixes come before the ones they cover. */
static int compare_items(const void *a, const void *b)
{
    const struct lpm_item *left = a, *right = b;
    int order = addr_compare(&left->prefix.addr, &right->prefix.addr);

    return order != 0 ? order : (int)left->prefix.len - (int)right->prefix.len;
}

static uint64_t half_of(const uint8_t *octets)
{
    uint64_t half;

    memcpy(&half, octets, sizeof(half));
    return be64toh(half);
}

/* The octets of an IPv4 address are the first four, so both families align to the top. */
static position position_of(const struct ip_addr *a)
{
    return (position)half_of(a->octets) << 64 | half_of(a->octets + 8);
}

/* One past the last address of the prefix; 0 when that is the end of all addresses. */
static position position_after(const struct ip_prefix *p)
{
    return p->len == 0 ? 0 : position_of(&p->addr) + ((position)1 << (128 - p->len));
}

/* From this position on, the longest match is items[item]. A later word on one place wins. */
static void cut_add(struct lpm_side *side, const struct lpm_item *items, position at, int32_t item)
{
    if (side->count == 0 || side->high[side->count - 1] != (uint64_t)(at >> 64) ||
        side->low[side->count - 1] != (uint64_t)at)
        side->count++;
    side->high[side->count - 1] = (uint64_t)(at >> 64);
    side->low[side->count - 1] = (uint64_t)at;
    side->results[side->count - 1] =
        (struct cut_result){.value = item == LPM_NONE ? LPM_NONE : items[item].value, .item = item};
}

/* Leaves the innermost open prefix: what is around it goes on. */
static int32_t prefix_leave(struct lpm_side *side, const struct lpm_item *items, int32_t open)
{
    position after = position_after(&items[open].prefix);

    if (after != 0)
        cut_add(side, items, after, items[open].parent);
    return items[open].parent;
}

/* items[from…to) are all of one family and sorted: their cuts, and who is around whom. */
static void side_cut(struct lpm_side *side, struct lpm_item *items, size_t from, size_t to)
{
    int32_t open = LPM_NONE; /* the innermost prefix around the current position */

    cut_add(side, items, 0, LPM_NONE);
    for (size_t i = from; i < to; i++) {
        while (open != LPM_NONE && !prefix_covers(&items[open].prefix, &items[i].prefix))
            open = prefix_leave(side, items, open);
        items[i].parent = open;
        open = (int32_t)i;
        cut_add(side, items, position_of(&items[i].prefix.addr), open);
    }
    while (open != LPM_NONE)
        open = prefix_leave(side, items, open);
}

static enum status side_index(struct lpm_side *side)
{
    size_t root_max = 16;

    side->first = side->high[side->count > 1 ? 1 : 0];
    side->last = side->high[side->count - 1];
    while (root_max < side->count && root_max < ROOT_MAX)
        root_max *= 2;
    while ((side->last - side->first) >> side->shift >= root_max)
        side->shift++;

    side->root_count = (size_t)((side->last - side->first) >> side->shift) + 1;
    side->root = malloc((side->root_count + 1) * sizeof(side->root[0]));
    if (side->root == NULL)
        return STATUS_NO_MEMORY;
    size_t cut = side->count > 1 ? 1 : 0;
    for (size_t i = 0; i <= side->root_count; i++) {
        while (cut < side->count && (side->high[cut] - side->first) >> side->shift < i)
            cut++;
        side->root[i] = (uint32_t)cut;
    }
    return STATUS_OK;
}

static enum status side_seal(struct lpm_side *side, struct lpm_item *items, size_t from, size_t to)
{
    size_t cuts_max = 2 * (to - from) + 1;

    side->high = calloc(cuts_max, sizeof(side->high[0]));
    side->low = calloc(cuts_max, sizeof(side->low[0]));
    side->results = calloc(cuts_max, sizeof(side->results[0]));
    if (side->high == NULL || side->low == NULL || side->results == NULL)
        return STATUS_NO_MEMORY;
    side_cut(side, items, from, to);
    return side_index(side);
}

enum status lpm_seal(struct lpm *lpm)
{
    size_t ipv4_count = 0;

    if (lpm->sealed)
        return STATUS_OK;
    if (lpm->count > 0)
        qsort(lpm->items, lpm->count, sizeof(lpm->items[0]), compare_items);
    while (ipv4_count < lpm->count && lpm->items[ipv4_count].prefix.addr.family == ADDR_IPV4)
        ipv4_count++;

    enum status s = side_seal(&lpm->ipv4, lpm->items, 0, ipv4_count);
    if (s == STATUS_OK)
        s = side_seal(&lpm->ipv6, lpm->items, ipv4_count, lpm->count);
    if (s != STATUS_OK) {
        side_done(&lpm->ipv4);
        side_done(&lpm->ipv6);
        lpm->ipv4 = lpm->ipv6 = (struct lpm_side){0};
        return s;
    }
    table_free(lpm->seen);
    lpm->seen = NULL;
    lpm->sealed = true;
    return STATUS_OK;
}

size_t lpm_count(const struct lpm *lpm)
{
    return lpm->count;
}

static bool cut_is_past(const struct lpm_side *side, size_t cut, uint64_t high, uint64_t low)
{
    if (__builtin_expect(side->high[cut] == high, false))
        return side->low[cut] > low;
    return side->high[cut] > high;
}

/* The last cut that is not past the address. */
static inline size_t side_find(const struct lpm_side *side, uint64_t high, uint64_t low)
{
    if (high < side->first)
        return 0;
    if (high > side->last)
        return side->count - 1;
    /* The cut sought is one of this index, or the last before it. */
    const uint32_t *root = &side->root[(high - side->first) >> side->shift];
    size_t from = root[0] > 0 ? root[0] - 1 : 0, count = root[1] - from;
    while (count > 1) {
        size_t half = count / 2;
        /* A product, as a branch here is guessed wrong half of the time. */
        from += half * !cut_is_past(side, from + half, high, low);
        count -= half;
    }
    return from;
}

/* What holds from that cut on. */
static inline struct cut_result lookup(const struct lpm *lpm, const struct ip_addr *addr)
{
    assert(lpm->sealed);
    if (addr->family == ADDR_IPV4) {
        uint32_t four;
        memcpy(&four, addr->octets, sizeof(four));
        return lpm->ipv4.results[side_find(&lpm->ipv4, (uint64_t)be32toh(four) << 32, 0)];
    }
    if (addr->family == ADDR_IPV6)
        return lpm->ipv6
            .results[side_find(&lpm->ipv6, half_of(addr->octets), half_of(addr->octets + 8))];
    return (struct cut_result){.value = LPM_NONE, .item = LPM_NONE};
}

int32_t lpm_lookup(const struct lpm *lpm, const struct ip_addr *addr)
{
    return lookup(lpm, addr).value;
}

void lpm_walk(const struct lpm *lpm, const struct ip_addr *addr,
              bool (*on_match)(void *owner, const struct ip_prefix *prefix, int32_t value),
              void *owner)
{
    int32_t i = lookup(lpm, addr).item;

    while (i != LPM_NONE && on_match(owner, &lpm->items[i].prefix, lpm->items[i].value))
        i = lpm->items[i].parent;
}
