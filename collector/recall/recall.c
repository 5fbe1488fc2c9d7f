#include "collector/recall/recall_internal.h"

#include <stdlib.h>
#include <string.h>

/* --- memory --- */

static size_t thin_chunks(uint32_t keep_ms)
{
    uint32_t minute_ms = MINUTE * RECALL_CHUNK_MS, group_ms = GROUP * RECALL_CHUNK_MS;
    if (keep_ms <= minute_ms)
        return 0;
    /* The last minute too: a thin one is made as soon as its seconds are whole. */
    return (keep_ms + group_ms - 1) / group_ms + SPARE;
}

/* Whole seconds, the one that a time begins in too. */
static size_t dense_chunks(uint32_t keep_ms)
{
    if (keep_ms > MINUTE * RECALL_CHUNK_MS)
        return DENSE;
    return (keep_ms + RECALL_CHUNK_MS - 1) / RECALL_CHUNK_MS + 1 + SPARE;
}

static size_t dense_bytes(uint32_t room, size_t chunks)
{
    /* opens, the copy and the chunk of it, what is sorted */
    return OPENS * open_bytes(room) + 2 * (size_t)room * sizeof(struct recall_item) +
           (chunks + 1) * chunk_bytes(room) + 2 * (size_t)room * sizeof(struct chunk_rank);
}

static size_t thin_bytes(uint32_t room, size_t chunks)
{
    if (chunks == 0)
        return 0;
    return chunks * chunk_bytes(room) + chunk_union_bytes(room) +
           2 * (size_t)room * sizeof(struct chunk_rank);
}

/* The largest room whose bytes fit: sizes come in steps of powers of two here and there. */
static uint32_t fit(size_t (*bytes)(uint32_t room, size_t chunks), size_t chunks, uint64_t budget,
                    uint32_t most)
{
    uint32_t low = 0, high = most;
    while (low < high) {
        uint32_t middle = low + (high - low + 1) / 2;
        if (bytes(middle, chunks) <= budget)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

static enum status make_dense(struct recall *r, uint32_t room)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < OPENS && status == STATUS_OK; i++)
        status = open_init(&r->opens[i], room, r->options.cap, r->options.seed + i);
    for (size_t i = 0; i < r->dense_count && status == STATUS_OK; i++)
        status = chunk_init(&r->dense[i], room);
    if (status == STATUS_OK)
        status = chunk_init(&r->now, room);
    r->copy = calloc(room, sizeof(*r->copy));
    r->flat = calloc(room, sizeof(*r->flat));
    return r->copy == NULL || r->flat == NULL ? STATUS_NO_MEMORY : status;
}

static enum status make_thin(struct recall *r, uint32_t room)
{
    enum status status = STATUS_OK;
    if (r->thin_count == 0)
        return STATUS_OK;
    for (size_t i = 0; i < r->thin_count && status == STATUS_OK; i++)
        status = chunk_init(&r->thin[i], room);
    r->uniting = chunk_union_new(room, r->options.cap, r->options.seed);
    return r->uniting == NULL ? STATUS_NO_MEMORY : status;
}

enum status recall_new(struct recall **ret_recall, const struct recall_options *options)
{
    if (options->keep_ms == 0 || options->keep_ms > KEEP_MAX_MS || options->cap == 0 ||
        options->cap > RECALL_CAP_MAX)
        return STATUS_RANGE;
    size_t thins = thin_chunks(options->keep_ms), denses = dense_chunks(options->keep_ms);
    uint64_t budget = options->memory_bytes > sizeof(struct recall)
                          ? options->memory_bytes - sizeof(struct recall)
                          : 0;
    uint64_t for_dense = thins > 0 ? budget / 2 : budget;
    uint32_t room = fit(dense_bytes, denses, for_dense, OPEN_ROOM_MAX);
    uint32_t thin_room = fit(thin_bytes, thins, budget - for_dense, THIN_ROOM_MAX);
    if (room < ROOM_MIN || (thins > 0 && thin_room < ROOM_MIN))
        return STATUS_RANGE;
    struct recall *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return STATUS_NO_MEMORY;
    r->options = *options;
    r->random = options->seed;
    r->dense_count = denses;
    r->thin_count = thins;
    r->memory_bytes = sizeof(*r) + dense_bytes(room, denses) + thin_bytes(thin_room, thins);
    size_t sorted = thins > 0 && thin_room > room ? thin_room : room;
    r->sort.ranks = calloc(sorted, sizeof(*r->sort.ranks));
    r->sort.spare = calloc(sorted, sizeof(*r->sort.spare));
    enum status status = make_dense(r, room);
    if (status == STATUS_OK)
        status = make_thin(r, thin_room);
    if (status != STATUS_OK || r->sort.ranks == NULL || r->sort.spare == NULL) {
        recall_free(r);
        return STATUS_NO_MEMORY;
    }
    r->filling = &r->opens[0];
    atomic_init(&r->open_states[0], OPEN_FILLING);
    *ret_recall = r;
    return STATUS_OK;
}

void recall_free(struct recall *recall)
{
    if (recall == NULL)
        return;
    for (size_t i = 0; i < OPENS; i++)
        open_done(&recall->opens[i]);
    for (size_t i = 0; i < DENSE; i++)
        chunk_done(&recall->dense[i]);
    for (size_t i = 0; i < THIN_MAX; i++)
        chunk_done(&recall->thin[i]);
    chunk_done(&recall->now);
    chunk_union_free(recall->uniting);
    free(recall->copy);
    free(recall->flat);
    free(recall->sort.ranks);
    free(recall->sort.spare);
    free(recall);
}

/* --- the worker's --- */

/* Evenly from (0, 1]: splitmix64. */
static double chance(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    return (double)((z >> 11) + 1) * 0x1p-53;
}

static double rate_of(const struct flow_record *flow)
{
    return flow->sampling_rate > 1 ? flow->sampling_rate : 1;
}

enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_ICMP6 = 58, TCP_SYN = 2, TCP_ACK = 16 };

/* A TCP packet that opens a connection, or a flow that may hold one: what flags of several packets
 * say together, nobody knows of each. Without SYN among them it began earlier. */
static bool tells_of_connection(const struct flow_record *flow)
{
    if (flow->protocol != PROTOCOL_TCP ||
        (flow->has & FLOW_FRAGMENT && flow->fragment & FRAGMENT_LATER))
        return false;
    if (!(flow->has & FLOW_TCP_FLAGS))
        return true;
    if (!(flow->tcp_flags & TCP_SYN))
        return false;
    return flow->packets > 1 || !(flow->tcp_flags & TCP_ACK);
}

/* The length of every packet of it, where that is known. */
static uint16_t length_of(const struct flow_record *flow)
{
    uint32_t both = FLOW_MIN_LENGTH | FLOW_MAX_LENGTH;
    if (flow->has & FLOW_IP_LENGTH)
        return flow->ip_length;
    if ((flow->has & both) == both && flow->min_length == flow->max_length)
        return flow->min_length;
    if (flow->format != FORMAT_SFLOW5 && flow->packets == 1 && flow->has & FLOW_BYTES)
        return flow->bytes <= UINT16_MAX ? (uint16_t)flow->bytes : 0;
    return 0;
}

static void write_item(struct recall_item *item, const struct flow_record *flow,
                       const struct ip_addr *peer, uint64_t at_ms)
{
    enum {
        KNOWN = FLOW_SRC_PORT | FLOW_DST_PORT | FLOW_PROTOCOL | FLOW_TOS | FLOW_ICMP |
                FLOW_FRAGMENT | FLOW_INPUT_IF
    };
    uint32_t known = flow->has & KNOWN;
    double rate = rate_of(flow);
    item->length = length_of(flow);
    if (item->length > 0)
        known |= FLOW_IP_LENGTH;
    if (flow->has & FLOW_TCP_FLAGS && flow->packets <= 1)
        known |= FLOW_TCP_FLAGS;
    memcpy(item->peer, peer->octets, sizeof(item->peer));
    item->known = known;
    item->input_if = known & FLOW_INPUT_IF ? flow->input_if : 0;
    item->at_ms = (uint32_t)at_ms;
    item->rate = (float)rate;
    item->bytes = flow->has & FLOW_BYTES ? (float)((double)flow->bytes * rate) : 0;
    item->packets = flow->has & FLOW_PACKETS ? (float)((double)flow->packets * rate) : 0;
    item->src_port = known & FLOW_SRC_PORT ? flow->src_port : 0;
    item->dst_port = known & FLOW_DST_PORT ? flow->dst_port : 0;
    if (known & FLOW_ICMP && (flow->protocol == PROTOCOL_ICMP || flow->protocol == PROTOCOL_ICMP6))
        item->dst_port = (uint16_t)(flow->icmp_type << 8 | flow->icmp_code);
    item->tcp_flags = flow->has & FLOW_TCP_FLAGS ? flow->tcp_flags : 0;
    item->protocol = known & FLOW_PROTOCOL ? flow->protocol : 0;
    item->fragment = known & FLOW_FRAGMENT ? flow->fragment : 0;
    item->tos = known & FLOW_TOS ? flow->tos : 0;
    item->connection = tells_of_connection(flow);
}

static bool offer(struct recall *r, const struct flow_record *flow, enum recall_side side,
                  uint64_t at_ms)
{
    const struct ip_addr *host = side == RECALL_DESTINATION ? &flow->dst_addr : &flow->src_addr;
    const struct ip_addr *peer = side == RECALL_DESTINATION ? &flow->src_addr : &flow->dst_addr;
    struct open_chunk *open = r->filling;
    double rate = rate_of(flow);
    double size = item_size((double)(float)((double)flow->bytes * rate),
                            (double)(float)((double)flow->packets * rate));
    double u = chance(&r->random);
    if (size <= (double)open->threshold * u)
        return false;
    double priority = size / u;
    struct recall_item *item = open_place(open, host->octets, (uint8_t)side, host->family,
                                          priority < 1e38 ? (float)priority : 1e38F);
    if (item == NULL)
        return false;
    write_item(item, flow, peer, at_ms);
    open->first_ms = at_ms < open->first_ms ? at_ms : open->first_ms;
    open->last_ms = at_ms > open->last_ms ? at_ms : open->last_ms;
    recall_count(&r->kept);
    return true;
}

static void begin(struct recall *r, uint64_t now_ms)
{
    r->started = true;
    open_begin(r->filling, 0, now_ms);
}

void recall_add(struct recall *recall, const struct flow_record *flow, enum direction direction,
                bool sources, uint64_t at_ms)
{
    bool internal = direction == DIRECTION_INTERNAL;
    if (!recall->started)
        begin(recall, at_ms);
    if (internal || direction == DIRECTION_INCOMING) {
        recall_count(&recall->records);
        (void)offer(recall, flow, RECALL_DESTINATION, at_ms);
    }
    if (sources && (internal || direction == DIRECTION_OUTGOING)) {
        recall_count(&recall->records);
        (void)offer(recall, flow, RECALL_SOURCE, at_ms);
    }
}

void recall_tick(struct recall *recall, uint64_t now_ms)
{
    struct open_chunk *open = recall->filling;
    unsigned int mine = open == &recall->opens[0] ? 0 : 1, other = 1 - mine;
    if (!recall->started)
        begin(recall, now_ms);
    open->last_ms = now_ms > open->last_ms ? now_ms : open->last_ms;
    if (now_ms - open->from_ms < RECALL_CHUNK_MS)
        return;
    if (atomic_load_explicit(&recall->open_states[other], memory_order_acquire) != OPEN_FREE) {
        recall_count(&recall->late_seals);
        return;
    }
    open_begin(&recall->opens[other], open_next_threshold(open), now_ms);
    recall->opens[other].seq = open->seq + 1;
    atomic_store_explicit(&recall->open_states[other], OPEN_FILLING, memory_order_relaxed);
    recall->filling = &recall->opens[other];
    open->to_ms = now_ms;
    atomic_store_explicit(&recall->open_states[mine], OPEN_SEALED, memory_order_release);
}

bool recall_copy(struct recall *recall, uint64_t now_ms)
{
    struct open_chunk *open = recall->filling;
    if (atomic_load_explicit(&recall->copy_state, memory_order_acquire) != COPY_ASKED)
        return false;
    open->last_ms = now_ms > open->last_ms ? now_ms : open->last_ms;
    recall->copy_count = open_copy(open, recall->copy);
    recall->copy_of = *open;
    recall->copy_of.to_ms = now_ms;
    atomic_store_explicit(&recall->copy_state, COPY_MADE, memory_order_release);
    return true;
}

void recall_counters(const struct recall *recall, struct recall_counters *ret_counters)
{
    *ret_counters = (struct recall_counters){
        .records = atomic_load_explicit(&recall->records, memory_order_relaxed),
        .kept = atomic_load_explicit(&recall->kept, memory_order_relaxed),
        .late_seals = atomic_load_explicit(&recall->late_seals, memory_order_relaxed),
        .lost_chunks = atomic_load_explicit(&recall->lost_chunks, memory_order_relaxed),
        .memory_bytes = recall->memory_bytes,
    };
}
