#include "policy/policy_internal.h"

#include <assert.h>

/* The process's connections: what they have in common, and their end: what reads and decides, then
 * the connections, then the process. */

struct redis_options links_options(struct policy *p, const char *name, const char *address)
{
    return (struct redis_options){.name = name,
                                  .address = address,
                                  .user = p->credentials.user,
                                  .password = p->credentials.password,
                                  .clock = p->clock};
}

static void on_connection_closed(void *owner)
{
    struct policy *p = owner;
    assert(p->parts_open > 0);
    if (--p->parts_open == 0)
        process_stopped(p->process);
}

static void close_connections(struct policy *p)
{
    p->parts_open = p->telemetry_count + 2;
    for (size_t i = 0; i < p->telemetry_count; i++)
        redis_close(p->telemetry[i].redis, on_connection_closed, p);
    redis_close(p->lease_redis, on_connection_closed, p);
    redis_close(p->state, on_connection_closed, p);
}

static void on_part_closed(void *owner)
{
    struct policy *p = owner;
    assert(p->parts_open > 0);
    if (--p->parts_open == 0 && p->is_closing)
        close_connections(p);
}

void links_close_reader(struct policy *p, struct stream_reader **reader)
{
    if (*reader == NULL)
        return;
    p->parts_open++;
    stream_reader_close(*reader, on_part_closed, p);
    *reader = NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

/* What was decided is written, or a second has gone by: a standby may take over. */
void links_close(struct policy *p)
{
    if (p->is_closing)
        return;
    p->is_closing = true;
    p->parts_open += 2; /* the timer and the lease */
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
    lease_close(&p->lease, on_part_closed);
    links_close_reader(p, &p->requests);
    for (size_t i = 0; i < p->telemetry_count; i++) {
        links_close_reader(p, &p->telemetry[i].rollups);
        p->parts_open++;
        registry_close(p->telemetry[i].registry, on_part_closed, p);
    }
}
