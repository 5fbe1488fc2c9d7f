#include "policy/policy_internal.h"

/* The same failure would come again at once: the others get their chance first. */
enum { GIVE_UP_PAUSE_MS = 2000 };

/* A call of the engine: renewals wait no longer than this, with room to spare for the lease. */
enum { TURN_LONG_US = 100000, TURN_SHORT_US = 25000 };

struct engine_now gate_now(const struct policy *p)
{
    return (struct engine_now){.mono_ms = clock_mono_ms(&p->clock),
                               .state_ms = redis_now_ms(p->state)};
}

bool gate_is_open(const struct policy *p)
{
    return p->engine != NULL && p->restore == NULL && p->give_up == NULL &&
           lease_is_valid(&p->lease) && redis_is_up(p->state);
}

void gate_give_up(struct policy *p, const char *why)
{
    lease_drop(&p->lease, why, redis_is_up(p->state) ? GIVE_UP_PAUSE_MS : 0);
}

void gate_measure(struct policy *p, uint64_t began_us)
{
    uint64_t took_us = clock_mono_us(&p->clock) - began_us;
    if (took_us > TURN_LONG_US && p->turn > ENGINE_TURN_MIN)
        p->turn /= 2;
    else if (took_us < TURN_SHORT_US && p->turn < ENGINE_TURN_MAX)
        p->turn *= 2;
    else
        return;
    engine_set_turn(p->engine, p->turn);
}

void gate_settle(struct policy *p)
{
    if (p->give_up != NULL)
        gate_give_up(p, p->give_up);
}
