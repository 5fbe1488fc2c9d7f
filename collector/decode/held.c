#include "collector/decode/held.h"

#include "collector/decode/template.h"
#include "common/base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
    HELD_MS = 10000, /* an older set says little of the traffic of now */
    BLOCK_OCTETS = 508,
    SET_MAX = 65535,
    BUCKETS_MIN = 16,
    TOLD_MAX = 64 /* templates of one datagram whose sets wait for its end; more do not wait */
};

struct held_block {
    uint32_t next; /* index, or no_block */
    uint8_t octets[BLOCK_OCTETS];
};
static const uint32_t no_block = UINT32_MAX;

/* A set is known by the index of its first block. */
struct held_set {
    struct chain all, of_exporter, of_domain, of_bucket; /* from the newest to the oldest */
    struct decode_domain *domain;
    uint64_t came_ms, export_ms; /* what its datagram's header said, to read times with */
    uint32_t uptime_ms;
    uint32_t len, blocks;
    uint16_t id;
};

struct held_pool {
    struct chain all[DECODE_TRUSTS]; /* by how well their senders were known */
    uint32_t exporter_blocks_max, free_count, free_first;
    struct held_set *sets;
    struct held_block *blocks;
    /* By domain and template id, under a secret seed: whoever chooses ids cannot fill one bucket.
     */
    struct chain *buckets;
    size_t bucket_count; /* a power of two, at least one for each set that there may be */
    uint64_t seed, steps;
    uint16_t told[TOLD_MAX]; /* templates of the datagram at hand that sets wait for */
    size_t told_count;
    uint8_t whole[SET_MAX]; /* a set put together again */
};

static size_t bucket_count_for(size_t sets)
{
    size_t count = BUCKETS_MIN;
    while (count < sets)
        count *= 2;
    return count;
}

struct held_pool *held_pool_new(const struct decode_limits *limits, uint64_t seed)
{
    struct held_pool *pool = calloc(1, sizeof(*pool));
    size_t count = limits->held_bytes / sizeof(struct held_block);
    if (pool == NULL)
        return NULL;
    pool->seed = seed;
    pool->bucket_count = bucket_count_for(count);
    pool->sets = calloc(count + 1, sizeof(*pool->sets));
    pool->blocks = calloc(count + 1, sizeof(*pool->blocks));
    pool->buckets = calloc(pool->bucket_count, sizeof(*pool->buckets));
    if (pool->sets == NULL || pool->blocks == NULL || pool->buckets == NULL) {
        held_pool_free(pool);
        return NULL;
    }
    for (size_t i = 0; i < pool->bucket_count; i++)
        chain_init(&pool->buckets[i]);
    for (unsigned int t = 0; t < DECODE_TRUSTS; t++)
        chain_init(&pool->all[t]);
    pool->exporter_blocks_max =
        (uint32_t)(limits->held_bytes_per_exporter / sizeof(struct held_block));
    pool->free_count = (uint32_t)count;
    pool->free_first = count > 0 ? 0 : no_block;
    for (size_t i = 0; i < count; i++)
        pool->blocks[i].next = i + 1 < count ? (uint32_t)i + 1 : no_block;
    return pool;
}

void held_pool_free(struct held_pool *pool)
{
    if (pool == NULL)
        return;
    free(pool->sets);
    free(pool->blocks);
    free(pool->buckets);
    free(pool);
}

uint64_t held_steps(const struct held_pool *pool)
{
    return pool->steps;
}

static struct chain *bucket_of(struct held_pool *pool, const struct decode_domain *domain,
                               uint16_t id)
{
    const struct {
        const void *domain;
        uint64_t id;
    } key = {domain, id};
    return &pool->buckets[hash_seeded(&key, sizeof(key), pool->seed) & (pool->bucket_count - 1)];
}

static void drop(struct held_pool *pool, struct held_set *set)
{
    uint32_t first = (uint32_t)(set - pool->sets), last = first;
    while (pool->blocks[last].next != no_block)
        last = pool->blocks[last].next;
    pool->blocks[last].next = pool->free_first;
    pool->free_first = first;
    pool->free_count += set->blocks;
    set->domain->exporter->held_blocks -= set->blocks;
    chain_drop(&set->all);
    chain_drop(&set->of_exporter);
    chain_drop(&set->of_domain);
    chain_drop(&set->of_bucket);
}

static void drop_counted(struct decode *decode, struct held_set *set)
{
    drop(decode->held, set);
    decode->counters.held_dropped++;
}

static struct held_set *oldest_of(const struct decode_exporter *exporter)
{
    return CHAIN_OWNER(exporter->held.prev, struct held_set, of_exporter);
}

static void drop_old(struct decode *decode, const struct chain *head, uint64_t now_ms)
{
    while (head->prev != head) {
        struct held_set *oldest = CHAIN_OWNER(head->prev, struct held_set, all);
        if (now_ms - oldest->came_ms <= HELD_MS)
            break;
        drop_counted(decode, oldest);
    }
}

/* What of those that are known no better came first goes first. False: all is of better known ones.
 */
static bool make_room(struct decode *decode, struct decode_exporter *exporter, uint32_t blocks,
                      uint64_t now_ms)
{
    struct held_pool *pool = decode->held;

    for (unsigned int t = 0; t < DECODE_TRUSTS; t++)
        drop_old(decode, &pool->all[t], now_ms);
    while (exporter->held_blocks + blocks > pool->exporter_blocks_max)
        drop_counted(decode, oldest_of(exporter));
    for (unsigned int t = 0; t <= exporter->trust; t++) {
        const struct chain *head = &pool->all[t];
        while (pool->free_count < blocks && head->prev != head)
            drop_counted(decode, CHAIN_OWNER(head->prev, struct held_set, all));
    }
    return pool->free_count >= blocks;
}

static uint32_t take_blocks(struct held_pool *pool, const uint8_t *octets, size_t len)
{
    uint32_t first = pool->free_first, last = first;
    for (;;) {
        size_t part = len < BLOCK_OCTETS ? len : BLOCK_OCTETS;
        memcpy(pool->blocks[last].octets, octets, part);
        pool->free_count--;
        octets += part;
        len -= part;
        if (len == 0)
            break;
        last = pool->blocks[last].next;
    }
    pool->free_first = pool->blocks[last].next;
    pool->blocks[last].next = no_block;
    return first;
}

void held_keep(struct decode_context *context, uint16_t id, const struct wire_reader *octets)
{
    struct decode *decode = context->decode;
    struct held_pool *pool = decode->held;
    struct decode_exporter *exporter = context->domain->exporter;
    uint32_t blocks = (uint32_t)((octets->left + BLOCK_OCTETS - 1) / BLOCK_OCTETS);

    if (octets->left == 0 || octets->left > SET_MAX || decode->limits.held_bytes == 0)
        return;
    if (blocks > pool->exporter_blocks_max ||
        !make_room(decode, exporter, blocks, context->now_ms)) {
        decode->counters.held_dropped++;
        return;
    }
    struct held_set *set = &pool->sets[take_blocks(pool, octets->pos, octets->left)];
    *set = (struct held_set){.domain = context->domain,
                             .came_ms = context->now_ms,
                             .export_ms = context->export_ms,
                             .uptime_ms = context->uptime_ms,
                             .len = (uint32_t)octets->left,
                             .blocks = blocks,
                             .id = id};
    chain_push(&pool->all[exporter->trust], &set->all);
    chain_push(&exporter->held, &set->of_exporter);
    chain_push(&context->domain->held, &set->of_domain);
    chain_push(bucket_of(pool, context->domain, id), &set->of_bucket);
    exporter->held_blocks += blocks;
    decode->counters.held_sets++;
}

static struct wire_reader put_together(struct held_pool *pool, const struct held_set *set)
{
    uint8_t *to = pool->whole;
    size_t left = set->len;
    for (uint32_t at = (uint32_t)(set - pool->sets); at != no_block; at = pool->blocks[at].next) {
        size_t part = left < BLOCK_OCTETS ? left : BLOCK_OCTETS;
        memcpy(to, pool->blocks[at].octets, part);
        to += part;
        left -= part;
    }
    return wire_reader_of(pool->whole, set->len);
}

/* Gives records on as they come, with the time of the set that they were held in. */
struct late {
    const struct decode_sink *sink;
    struct decode_counters *counters;
    uint64_t came_ms;
};

static void on_late_record(void *owner, const struct flow_record *flow)
{
    struct late *late = owner;
    late->counters->held_records++;
    if (late->sink->on_late != NULL)
        late->sink->on_late(late->sink->owner, flow, late->came_ms);
    else
        late->sink->on_record(late->sink->owner, flow);
}

static void on_late_fields(void *owner, const struct decode_fields *fields)
{
    struct late *late = owner;
    late->sink->on_fields(late->sink->owner, fields);
}

static struct held_set *oldest_for(struct held_pool *pool, const struct decode_domain *domain,
                                   uint16_t id)
{
    const struct chain *bucket = bucket_of(pool, domain, id);
    for (struct chain *l = bucket->prev; l != bucket; l = l->prev) {
        struct held_set *set = CHAIN_OWNER(l, struct held_set, of_bucket);
        pool->steps++;
        if (set->domain == domain && set->id == id)
            return set;
    }
    return NULL;
}

static void decode_all(struct decode_context *context, uint16_t id)
{
    struct decode *decode = context->decode;
    struct decode_domain *domain = context->domain;
    struct held_set *set;

    /* A record of options can push out what it likes, so nothing is remembered between turns. */
    while (template_find(domain, id) != NULL &&
           (set = oldest_for(decode->held, domain, id)) != NULL) {
        if (context->now_ms - set->came_ms > HELD_MS) {
            drop_counted(decode, set);
            continue;
        }
        struct late late = {
            .sink = context->sink, .counters = &decode->counters, .came_ms = set->came_ms};
        struct decode_sink sink = {.on_record = on_late_record,
                                   .on_fields =
                                       context->sink->on_fields != NULL ? on_late_fields : NULL,
                                   .owner = &late};
        struct decode_context then = *context;
        then.sink = &sink;
        then.export_ms = set->export_ms;
        then.uptime_ms = set->uptime_ms;
        struct wire_reader octets = put_together(decode->held, set);
        drop(decode->held, set);
        then.octets += octets.left;
        decode->counters.held_decoded++;
        data_read_set(&then, &octets, id);
        context->walks = then.walks; /* over samplers: all of the datagram's are counted */
        context->walked = then.walked;
        context->octets = then.octets;
    }
}

void held_note_template(struct decode_context *context, uint16_t id, bool options)
{
    struct held_pool *pool = context->decode->held;

    if (context->domain->held.next == &context->domain->held)
        return;
    if (options || pool->told_count == TOLD_MAX)
        decode_all(context, id);
    else
        pool->told[pool->told_count++] = id;
}

void held_decode(struct decode_context *context)
{
    struct held_pool *pool = context->decode->held;
    for (size_t i = 0; i < pool->told_count; i++)
        decode_all(context, pool->told[i]);
    pool->told_count = 0;
}

void held_drop(struct decode *decode, struct decode_domain *domain, uint16_t id)
{
    struct held_set *set;
    while ((set = oldest_for(decode->held, domain, id)) != NULL)
        drop_counted(decode, set);
}

void held_drop_domain(struct decode *decode, struct decode_domain *domain)
{
    while (domain->held.next != &domain->held)
        drop_counted(decode, CHAIN_OWNER(domain->held.prev, struct held_set, of_domain));
}
