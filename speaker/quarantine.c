#include "speaker/quarantine.h"

#include "common/base/hash.h"
#include "common/base/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct quarantine {
    struct table *entries; /* struct quarantined */
};

struct key {
    uint64_t octets;
    char peer[NAME_MAX_LEN + 1];
};

static struct key key_of(const char *peer, uint64_t octets)
{
    struct key key = {.octets = octets};
    size_t len = strlen(peer);
    memcpy(key.peer, peer, len < NAME_MAX_LEN ? len : NAME_MAX_LEN);
    return key;
}

struct quarantine *quarantine_new(void)
{
    struct quarantine *q = calloc(1, sizeof(*q));
    struct table_options options = {.entry_size = sizeof(struct quarantined),
                                    .key_max = sizeof(struct key),
                                    .max = QUARANTINE_MAX,
                                    .seed = hash_random_seed()};
    if (q == NULL)
        return NULL;
    q->entries = table_new(&options);
    if (q->entries != NULL)
        return q;
    free(q);
    return NULL;
}

void quarantine_free(struct quarantine *q)
{
    if (q != NULL)
        table_free(q->entries);
    free(q);
}

static void put_list(struct wire_writer *w, const void *items, size_t count, size_t size)
{
    wire_put_u16(w, (uint16_t)count);
    wire_put_bytes(w, items, count * size);
}

uint64_t quarantine_octets(const struct rib_nlri *nlri, const struct communities *c)
{
    enum {
        ROOM = 32 + NLRI_MAX + NEXT_HOP_LEN_MAX + RIB_COMMUNITIES_MAX * COMMUNITY_LEN +
               RIB_COMMUNITIES6_MAX * COMMUNITY6_LEN + RIB_STANDARD_MAX * COMMUNITY_STANDARD_LEN +
               RIB_LARGE_MAX * COMMUNITY_LARGE_LEN
    };
    uint8_t bytes[ROOM];
    struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
    wire_put_u8(&w, (uint8_t)nlri->family);
    put_list(&w, nlri->bytes, nlri->len, 1);
    put_list(&w, c->at, c->count, COMMUNITY_LEN);
    put_list(&w, c->ipv6, c->ipv6_count, COMMUNITY6_LEN);
    put_list(&w, c->standard, c->standard_count, COMMUNITY_STANDARD_LEN);
    put_list(&w, c->large, c->large_count, COMMUNITY_LARGE_LEN);
    put_list(&w, c->next_hop, c->next_hop_len, 1);
    wire_put_u8(&w, c->exported);
    assert(!w.failed);
    return hash_wire(bytes, w.len);
}

/* The oldest of the peer that has most. */
static const struct quarantined *one_that_gives_way(const struct quarantine *q)
{
    const struct quarantined *at, *found = NULL;
    size_t most = 0, cursor = 0;
    while ((at = quarantine_next(q, &cursor)) != NULL) {
        size_t count = found != NULL && strcmp(found->peer, at->peer) == 0
                           ? most
                           : quarantine_count(q, at->peer);
        if (found == NULL || count > most || (count == most && at->since_ms < found->since_ms)) {
            found = at;
            most = count;
        }
    }
    return found;
}

enum status quarantine_put(struct quarantine *q, const struct quarantined *entry,
                           struct quarantined *ret_gone)
{
    struct key key = key_of(entry->peer, entry->octets);
    bool is_new;
    *ret_gone = (struct quarantined){0};
    if (table_count(q->entries) == QUARANTINE_MAX &&
        table_find(q->entries, &key, sizeof(key)) == NULL) {
        *ret_gone = *one_that_gives_way(q);
        (void)quarantine_drop(q, ret_gone->peer, ret_gone->octets);
    }
    struct quarantined *at = table_insert(q->entries, &key, sizeof(key), &is_new);
    if (at == NULL)
        return STATUS_NO_MEMORY;
    *at = *entry;
    return STATUS_OK;
}

struct quarantined *quarantine_find(const struct quarantine *q, const char *peer, uint64_t octets)
{
    struct key key = key_of(peer, octets);
    return q != NULL ? table_find(q->entries, &key, sizeof(key)) : NULL;
}

bool quarantine_drop(struct quarantine *q, const char *peer, uint64_t octets)
{
    struct key key = key_of(peer, octets);
    return table_remove(q->entries, &key, sizeof(key));
}

size_t quarantine_count(const struct quarantine *q, const char *peer)
{
    const struct quarantined *at;
    size_t cursor = 0, count = 0;
    while ((at = quarantine_next(q, &cursor)) != NULL)
        count += peer == NULL || strcmp(at->peer, peer) == 0 ? 1 : 0;
    return count;
}

const struct quarantined *quarantine_next(const struct quarantine *q, size_t *cursor)
{
    return q != NULL ? table_next(q->entries, cursor) : NULL;
}
