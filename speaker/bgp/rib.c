#include "speaker/bgp/rib_internal.h"

#include "common/base/hash.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static bool pool_init(struct pool *pool, size_t max)
{
    pool->max = max;
    pool->bound = 1;
    pool->seed = hash_random_seed();
    struct table_options options = {.entry_size = sizeof(uint32_t),
                                    .key_max = sizeof(uint64_t),
                                    .max = max,
                                    .seed = pool->seed};
    pool->by_hash = table_new(&options);
    return pool->by_hash != NULL;
}

static void pool_done(struct pool *pool)
{
    for (uint32_t id = 1; id < pool->bound; id++)
        free(pool->items[id].bytes);
    free(pool->items);
    table_free(pool->by_hash);
}

static uint64_t hash_of(const struct pool *pool, uint8_t kind, const uint8_t *bytes, size_t len)
{
    return hash_seeded(bytes, len, pool->seed + kind);
}

static uint32_t pool_find(const struct pool *pool, uint64_t hash, uint8_t kind,
                          const uint8_t *bytes, size_t len)
{
    const uint32_t *first = table_find(pool->by_hash, &hash, sizeof(hash));
    for (uint32_t id = first != NULL ? *first : 0; id != 0; id = pool->items[id].next) {
        const struct item *item = &pool->items[id];
        if (item->kind == kind && item->len == len && memcmp(item->bytes, bytes, len) == 0)
            return id;
    }
    return 0;
}

/* A number that nothing has. */
static enum status pool_take(struct pool *pool, uint32_t *ret_id)
{
    if (pool->free_first != 0) {
        *ret_id = pool->free_first;
        pool->free_first = pool->items[*ret_id].next;
        return STATUS_OK;
    }
    if (pool->bound >= pool->room) {
        size_t room = rib_more_room(pool->room, 0);
        struct item *items = realloc(pool->items, room * sizeof(*items));
        if (items == NULL)
            return STATUS_NO_MEMORY;
        pool->items = items;
        pool->room = (uint32_t)room;
    }
    *ret_id = pool->bound++;
    pool->items[*ret_id] = (struct item){0};
    return STATUS_OK;
}

static void pool_give_back(struct pool *pool, uint32_t id)
{
    free(pool->items[id].bytes);
    pool->items[id] = (struct item){.next = pool->free_first};
    pool->free_first = id;
}

static enum status pool_hold(struct pool *pool, uint8_t kind, const uint8_t *bytes, size_t len,
                             uint32_t *ret_id)
{
    if (len > UINT16_MAX)
        return STATUS_LIMIT;
    uint64_t hash = hash_of(pool, kind, bytes, len);
    uint32_t id = pool_find(pool, hash, kind, bytes, len);
    if (id != 0) {
        pool->items[id].refs++;
        *ret_id = id;
        return STATUS_OK;
    }
    if (pool->count >= pool->max)
        return STATUS_LIMIT;
    enum status status = pool_take(pool, &id);
    if (status != STATUS_OK)
        return status;
    uint8_t *copy = malloc(len > 0 ? len : 1);
    bool is_new;
    uint32_t *first =
        copy != NULL ? table_insert(pool->by_hash, &hash, sizeof(hash), &is_new) : NULL;
    if (first == NULL) {
        free(copy);
        pool_give_back(pool, id);
        return STATUS_NO_MEMORY;
    }
    memcpy(copy, bytes, len);
    pool->items[id] =
        (struct item){.bytes = copy, .len = (uint16_t)len, .refs = 1, .next = *first, .kind = kind};
    *first = id;
    pool->count++;
    *ret_id = id;
    return STATUS_OK;
}

static void pool_unlink(struct pool *pool, uint32_t id)
{
    const struct item *item = &pool->items[id];
    uint64_t hash = hash_of(pool, item->kind, item->bytes, item->len);
    uint32_t *link = table_find(pool->by_hash, &hash, sizeof(hash));
    assert(link != NULL);
    if (*link == id && item->next == 0) {
        table_remove(pool->by_hash, &hash, sizeof(hash));
        return;
    }
    while (*link != id)
        link = &pool->items[*link].next;
    *link = item->next;
}

static void pool_release(struct pool *pool, uint32_t id)
{
    assert(id > 0 && id < pool->bound && pool->items[id].refs > 0);
    if (--pool->items[id].refs > 0)
        return;
    pool_unlink(pool, id);
    pool_give_back(pool, id);
    pool->count--;
}

static const struct item *pool_item(const struct pool *pool, uint32_t id)
{
    assert(id > 0 && id < pool->bound && pool->items[id].refs > 0);
    return &pool->items[id];
}

struct rib *rib_new(size_t nlri_max)
{
    assert(nlri_max <= RIB_NLRI_MAX);
    struct rib *rib = calloc(1, sizeof(*rib));
    if (rib == NULL || !pool_init(&rib->nlri, nlri_max) || !pool_init(&rib->attributes, nlri_max)) {
        rib_free(rib);
        return NULL;
    }
    return rib;
}

void rib_free(struct rib *rib)
{
    if (rib == NULL)
        return;
    pool_done(&rib->nlri);
    pool_done(&rib->attributes);
    rib_routes_done(rib);
    free(rib);
}

size_t rib_nlri_count(const struct rib *rib)
{
    return rib->nlri.count;
}

uint32_t rib_nlri_bound(const struct rib *rib)
{
    return rib->nlri.bound;
}

enum status rib_hold_nlri(struct rib *rib, enum bgp_family family, const uint8_t *bytes, size_t len,
                          uint32_t *ret_id)
{
    return pool_hold(&rib->nlri, (uint8_t)family, bytes, len, ret_id);
}

/* Attributes as they are stored: how many of each kind there are, and then all behind each other:
 *
 *   extended, IPv6, standard, large (1 each) | octets of next hop (1) | NO_EXPORT (1) | values
 */
enum {
    ATTRIBUTES_HEAD_LEN = 6,
    ATTRIBUTES_MAX = ATTRIBUTES_HEAD_LEN + RIB_COMMUNITIES_MAX * COMMUNITY_LEN +
                     RIB_COMMUNITIES6_MAX * COMMUNITY6_LEN +
                     RIB_STANDARD_MAX * COMMUNITY_STANDARD_LEN +
                     RIB_LARGE_MAX * COMMUNITY_LARGE_LEN + NEXT_HOP_LEN_MAX
};

enum status rib_hold_attributes(struct rib *rib, const struct communities *c, uint32_t *ret_id)
{
    uint8_t bytes[ATTRIBUTES_MAX];
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    if (c->count > RIB_COMMUNITIES_MAX || c->ipv6_count > RIB_COMMUNITIES6_MAX ||
        c->standard_count > RIB_STANDARD_MAX || c->large_count > RIB_LARGE_MAX ||
        c->next_hop_len > NEXT_HOP_LEN_MAX)
        return STATUS_LIMIT;
    wire_put_u8(&w, (uint8_t)c->count);
    wire_put_u8(&w, (uint8_t)c->ipv6_count);
    wire_put_u8(&w, (uint8_t)c->standard_count);
    wire_put_u8(&w, (uint8_t)c->large_count);
    wire_put_u8(&w, c->next_hop_len);
    wire_put_u8(&w, c->exported);
    wire_put_bytes(&w, c->at, c->count * COMMUNITY_LEN);
    wire_put_bytes(&w, c->ipv6, c->ipv6_count * COMMUNITY6_LEN);
    wire_put_bytes(&w, c->standard, c->standard_count * COMMUNITY_STANDARD_LEN);
    wire_put_bytes(&w, c->large, c->large_count * COMMUNITY_LARGE_LEN);
    wire_put_bytes(&w, c->next_hop, c->next_hop_len);
    return pool_hold(&rib->attributes, 0, bytes, w.len, ret_id);
}

void rib_hold_nlri_again(struct rib *rib, uint32_t id)
{
    (void)pool_item(&rib->nlri, id);
    rib->nlri.items[id].refs++;
}

void rib_hold_attributes_again(struct rib *rib, uint32_t id)
{
    (void)pool_item(&rib->attributes, id);
    rib->attributes.items[id].refs++;
}

void rib_release_nlri(struct rib *rib, uint32_t id)
{
    pool_release(&rib->nlri, id);
}

void rib_release_attributes(struct rib *rib, uint32_t id)
{
    pool_release(&rib->attributes, id);
}

void rib_set_guarding(struct rib *rib, uint32_t id)
{
    (void)pool_item(&rib->attributes, id);
    rib->attributes.items[id].guarding = true;
}

bool rib_is_guarding(const struct rib *rib, uint32_t id)
{
    return pool_item(&rib->attributes, id)->guarding;
}

struct rib_nlri rib_nlri(const struct rib *rib, uint32_t id)
{
    const struct item *item = pool_item(&rib->nlri, id);
    return (struct rib_nlri){.family = item->kind, .len = item->len, .bytes = item->bytes};
}

struct communities rib_attributes(const struct rib *rib, uint32_t id)
{
    const struct item *item = pool_item(&rib->attributes, id);
    const uint8_t *head = item->bytes;
    uint8_t *at = item->bytes + ATTRIBUTES_HEAD_LEN;
    struct communities c = {.count = head[0],
                            .ipv6_count = head[1],
                            .standard_count = head[2],
                            .large_count = head[3],
                            .next_hop_len = head[4],
                            .exported = head[5]};
    c.at = (const uint8_t(*)[COMMUNITY_LEN])at;
    at += c.count * COMMUNITY_LEN;
    c.ipv6 = (const uint8_t(*)[COMMUNITY6_LEN])at;
    at += c.ipv6_count * COMMUNITY6_LEN;
    c.standard = (const uint8_t(*)[COMMUNITY_STANDARD_LEN])at;
    at += c.standard_count * COMMUNITY_STANDARD_LEN;
    c.large = (const uint8_t(*)[COMMUNITY_LARGE_LEN])at;
    at += c.large_count * COMMUNITY_LARGE_LEN;
    c.next_hop = at;
    return c;
}
