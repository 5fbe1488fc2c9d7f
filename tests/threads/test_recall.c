#include "collector/recall/answer.h"
#include "collector/recall/recall.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * One worker that fills and seals as fast as it can, the keeper, who also asks for copies, and
 * readers. Every record has one octet more than its number of packets says, so that a reader can
 * tell a record that was changed under it: then the sums of its tuples would not agree.
 */
enum { READERS = 3, RECORDS = 600000, PACKETS = 3, OCTETS = 300 };

static struct recall *recall;
static _Atomic uint64_t now_ms = 1000;
static atomic_bool is_done;
static atomic_uint answers;

static void *work(void *owner)
{
    struct flow_record flow = {.has = FLOW_SRC_ADDR | FLOW_DST_ADDR | FLOW_BYTES | FLOW_PACKETS,
                               .sampling_rate = 1,
                               .bytes = OCTETS,
                               .packets = PACKETS};
    (void)owner;
    for (uint32_t i = 0; i < RECORDS; i++) {
        uint64_t at_ms = atomic_load(&now_ms);
        flow.dst_addr = addr_from_ipv4(0xc6336400U + i % 256);
        flow.src_addr = addr_from_ipv4(0xcb007100U + i % 1000);
        recall_add(recall, &flow, DIRECTION_INCOMING, false, at_ms);
        if (i % 100 == 0) {
            atomic_store(&now_ms, at_ms + 50);
            recall_tick(recall, at_ms + 50);
            (void)recall_copy(recall, at_ms + 50);
        }
    }
    atomic_store(&is_done, true);
    return NULL;
}

static void *keep(void *owner)
{
    (void)owner;
    while (!atomic_load(&is_done)) {
        struct recall_counters counters;
        (void)recall_ask(recall, atomic_load(&now_ms));
        (void)recall_keep(recall);
        recall_counters(recall, &counters);
    }
    return NULL;
}

static void *read_on(void *owner)
{
    struct recall_answer *answer = recall_answer_new(1);
    struct recall_request request = {.now_ms = 20000, .before_ms = 200000, .target_count = 1};
    (void)owner;
    assert(answer != NULL);
    assert(prefix_parse(&request.targets[0].prefix, "198.51.100.0/26") == STATUS_OK);
    while (!atomic_load(&is_done)) {
        struct recall_reply reply;
        struct recall_view view;
        struct recall_plan plan = {0};
        recall_view_take(recall, &view);
        uint64_t of_ms = atomic_load(&now_ms);
        recall_plan_add(&plan, answer, &view, &request, of_ms);
        recall_answer(answer, &plan, &view, &request, of_ms, &reply);
        recall_view_give(&view);
        for (size_t i = 0; i < reply.tuple_count; i++) {
            double octets = reply.tuples[i].bytes.value / reply.tuples[i].packets.value;
            assert(octets > 0.999 * OCTETS / PACKETS && octets < 1.001 * OCTETS / PACKETS);
        }
        atomic_fetch_add(&answers, reply.tuple_count > 0);
    }
    recall_answer_free(answer);
    return NULL;
}

int main(void)
{
    pthread_t threads[READERS + 2];
    struct recall_options options = {
        .memory_bytes = 4 << 20, .keep_ms = 300000, .cap = 16, .seed = 9};
    assert(recall_new(&recall, &options) == STATUS_OK);
    for (int i = 0; i < READERS; i++)
        assert(pthread_create(&threads[i], NULL, read_on, NULL) == 0);
    assert(pthread_create(&threads[READERS], NULL, keep, NULL) == 0);
    assert(pthread_create(&threads[READERS + 1], NULL, work, NULL) == 0);
    for (int i = 0; i < READERS + 2; i++)
        assert(pthread_join(threads[i], NULL) == 0);
    struct recall_counters counters;
    recall_counters(recall, &counters);
    printf("TABLE: recall: %u answers by %d readers beside %d records, %llu chunks lost to them\n",
           atomic_load(&answers), READERS, RECORDS, (unsigned long long)counters.lost_chunks);
    assert(counters.records == RECORDS && atomic_load(&answers) > 0);
    recall_free(recall);
    return EXIT_SUCCESS;
}
