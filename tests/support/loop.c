#include "tests/support/loop.h"

enum { TICK_MS = 5 };

static void on_tick(uv_timer_t *timer)
{
    (void)timer; /* it only wakes the loop */
}

void loop_wait_begin(struct loop_wait *wait, uv_loop_t *loop, uint64_t limit_ms)
{
    wait->loop = loop;
    wait->deadline_ns = uv_hrtime() + limit_ms * 1000000;
    uv_timer_init(loop, &wait->tick);
    uv_timer_start(&wait->tick, on_tick, TICK_MS, TICK_MS);
}

bool loop_wait_turn(struct loop_wait *wait)
{
    uv_run(wait->loop, UV_RUN_ONCE);
    return uv_hrtime() < wait->deadline_ns;
}

static void on_closed(uv_handle_t *handle)
{
    handle->data = NULL;
}

void loop_wait_end(struct loop_wait *wait)
{
    wait->tick.data = wait;
    uv_close((uv_handle_t *)&wait->tick, on_closed);
    while (wait->tick.data != NULL)
        uv_run(wait->loop, UV_RUN_NOWAIT);
}
