#include "collector/archive/archive_queue.h"

#include <criterion/criterion.h>

static struct archive_queue queue;
static sem_t wake;

static void set_up(void)
{
    cr_assert_eq(sem_init(&wake, 0, 0), 0);
    cr_assert(archive_queue_init(&queue, &wake));
}

static void tear_down(void)
{
    archive_queue_done(&queue);
    sem_destroy(&wake);
}

TestSuite(archive_queue, .init = set_up, .fini = tear_down);

static void put(uint64_t bytes)
{
    struct flow_record flow = {.bytes = bytes};
    struct ip_addr exporter = addr_from_ipv4(0xc0000201);
    archive_queue_put(&queue, &flow, &exporter, bytes + 1);
}

Test(archive_queue, gives_in_order_what_was_put)
{
    put(1);
    put(2);
    cr_assert_eq(archive_queue_waiting(&queue), 2u);
    cr_assert_eq(archive_queue_at(&queue, 0)->flow.bytes, 1u);
    cr_assert_eq(archive_queue_at(&queue, 1)->flow.bytes, 2u);
    cr_assert_eq(archive_queue_at(&queue, 1)->came_ms, 3u);
    archive_queue_pop(&queue, 1);
    put(3);
    cr_assert_eq(archive_queue_at(&queue, 1)->flow.bytes, 3u);
}

Test(archive_queue, full_drops_the_newest_counts_it_and_goes_on_when_there_is_room)
{
    for (uint64_t i = 0; i < ARCHIVE_QUEUE_ROOM + 5; i++)
        put(i);
    cr_assert_eq(archive_queue_waiting(&queue), (size_t)ARCHIVE_QUEUE_ROOM);
    cr_assert_eq(atomic_load(&queue.dropped), 5u);
    cr_assert_eq(archive_queue_at(&queue, 0)->flow.bytes, 0u);
    archive_queue_pop(&queue, 2);
    put(77);
    cr_assert_eq(atomic_load(&queue.dropped), 5u);
    cr_assert_eq(archive_queue_at(&queue, ARCHIVE_QUEUE_ROOM - 2)->flow.bytes, 77u);
}

Test(archive_queue, half_full_wakes_the_reader)
{
    for (uint64_t i = 0; i + 1 < ARCHIVE_QUEUE_ROOM / 2; i++)
        put(i);
    cr_assert_neq(sem_trywait(&wake), 0);
    put(0);
    cr_assert_eq(sem_trywait(&wake), 0);
}
