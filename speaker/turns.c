#include "speaker/turns.h"

#include "speaker/accepting.h"
#include "speaker/in_jobs.h"
#include "speaker/out_updates.h"
#include "speaker/speaker_metrics.h"

#include <stdlib.h>

enum {
    /* What is due waits so long for hashes that were asked for: the two milliseconds that a job may
     * take, less what judging and writing it take at 50 peers. */
    GATHER_MS = 1,
    /* Jobs of one flush whose time is told; of more, what they take is what the first of them do.
     */
    JOBS_MAX = 1024,
    /* Of what is judged anew because a session came up: half a millisecond, so that jobs have their
     * turn between, and hold timers. */
    JUDGED_A_TURN = 64,
    HANDLES = 4,
};

struct turns {
    struct speaker *speaker;
    uv_check_t after_reading;
    uv_prepare_t before_waiting;
    uv_idle_t again; /* runs while something is due that nothing else will wake us for */
    uv_timer_t gathering;
    uint64_t due;      /* bits of peers */
    uint64_t since_us; /* when the first of them became so */
    size_t first;      /* whose turn is the first */
    uint64_t jobs[JOBS_MAX];
    size_t job_count;
    size_t handles_open;
    void (*on_closed)(void *owner);
};

static uint64_t bit_of(size_t peer)
{
    return UINT64_C(1) << peer;
}

/* Results come after the UPDATEs of all peers: writing them takes longer than those. */
static void flush(struct turns *turns)
{
    struct speaker *speaker = turns->speaker;
    accepting_apply(speaker);
    uint64_t due = turns->due;
    turns->due = 0;
    for (size_t i = 0; i < DESIRED_PEERS_MAX && due != 0; i++) {
        size_t number = (turns->first + i) % DESIRED_PEERS_MAX;
        struct peer *peer = speaker->peers[number];
        if ((due & bit_of(number)) != 0 && peer != NULL && out_updates_send(speaker, peer))
            turns->due |= bit_of(number);
    }
    turns->first = (turns->first + 1) % DESIRED_PEERS_MAX;
    if (turns->job_count > 0) {
        uint64_t now_us = clock_mono_us(&speaker->clock);
        for (size_t i = 0; i < turns->job_count; i++)
            speaker_metrics_job_written(now_us - turns->jobs[i]);
        turns->job_count = 0;
    }
    for (size_t number = 0; number < DESIRED_PEERS_MAX; number++)
        if ((due & bit_of(number)) != 0 && speaker->peers[number] != NULL)
            out_updates_report(speaker, speaker->peers[number]);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* that it runs keeps the loop from waiting */
}

static void on_gathered(uv_timer_t *timer)
{
    (void)timer; /* the turn that it wakes does it */
}

/* Waits for more, unless it has done so. */
static bool gathers(struct turns *turns)
{
    const struct speaker *speaker = turns->speaker;
    bool waits = in_jobs_is_asking(speaker->in_jobs) &&
                 clock_mono_us(&speaker->clock) < turns->since_us + GATHER_MS * 1000;
    if (waits && !uv_is_active((uv_handle_t *)&turns->gathering))
        (void)uv_timer_start(&turns->gathering, on_gathered, GATHER_MS, 0);
    return waits;
}

static void end_turn(struct turns *turns)
{
    bool is_due = turns->due != 0 || turns->job_count != 0;
    bool later = is_due && gathers(turns);
    if (is_due && !later)
        flush(turns);
    if ((!later && turns->due != 0) || desired_is_rejudging(turns->speaker->desired))
        (void)uv_idle_start(&turns->again, on_idle);
    else
        (void)uv_idle_stop(&turns->again);
}

static void on_check(uv_check_t *check)
{
    struct turns *turns = check->data;
    desired_rejudge_some(turns->speaker->desired, JUDGED_A_TURN);
    end_turn(turns);
}

static void on_prepare(uv_prepare_t *prepare)
{
    end_turn(prepare->data);
}

enum status turns_open(struct speaker *speaker)
{
    struct turns *turns = calloc(1, sizeof(*turns));
    if (turns == NULL)
        return STATUS_NO_MEMORY;
    turns->speaker = speaker;
    (void)uv_check_init(speaker->loop, &turns->after_reading);
    (void)uv_prepare_init(speaker->loop, &turns->before_waiting);
    (void)uv_idle_init(speaker->loop, &turns->again);
    (void)uv_timer_init(speaker->loop, &turns->gathering);
    turns->handles_open = HANDLES;
    turns->after_reading.data = turns->before_waiting.data = turns;
    turns->again.data = turns->gathering.data = turns;
    (void)uv_check_start(&turns->after_reading, on_check);
    (void)uv_prepare_start(&turns->before_waiting, on_prepare);
    speaker->turns = turns;
    return STATUS_OK;
}

void turns_due(struct speaker *speaker, size_t peer)
{
    struct turns *turns = speaker->turns;
    if (turns == NULL)
        return;
    if (turns->due == 0)
        turns->since_us = clock_mono_us(&speaker->clock);
    turns->due |= bit_of(peer);
}

void turns_all_due(struct speaker *speaker)
{
    for (size_t number = 0; number < DESIRED_PEERS_MAX; number++)
        if (speaker->peers[number] != NULL)
            turns_due(speaker, number);
}

void turns_flush(struct speaker *speaker)
{
    if (speaker->turns == NULL)
        return;
    turns_all_due(speaker);
    do
        flush(speaker->turns);
    while (speaker->turns->due != 0);
}

void turns_job(struct speaker *speaker, uint64_t read_us)
{
    struct turns *turns = speaker->turns;
    if (turns != NULL && turns->job_count < JOBS_MAX)
        turns->jobs[turns->job_count++] = read_us;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct turns *turns = handle->data;
    struct speaker *speaker = turns->speaker;
    void (*on_closed)(void *) = turns->on_closed;
    if (--turns->handles_open > 0)
        return;
    free(turns);
    on_closed(speaker);
}

void turns_close(struct speaker *speaker, void (*on_closed)(void *owner))
{
    struct turns *turns = speaker->turns;
    speaker->turns = NULL;
    turns->on_closed = on_closed;
    uv_close((uv_handle_t *)&turns->after_reading, on_handle_closed);
    uv_close((uv_handle_t *)&turns->before_waiting, on_handle_closed);
    uv_close((uv_handle_t *)&turns->again, on_handle_closed);
    uv_close((uv_handle_t *)&turns->gathering, on_handle_closed);
}
