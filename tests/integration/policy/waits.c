#include "tests/integration/policy/waits.h"

#include <inttypes.h>
#include <stdio.h>

/* The second number of schedstat; 0: there is no such process, or the kernel does not count. */
static uint64_t waited_ns(pid_t pid)
{
    char path[64];
    uint64_t ran_ns = 0, waited = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &ran_ns, &waited) != 2)
        waited = 0;
    (void)fclose(file);
    return waited;
}

static void look_at(struct waits *waits, size_t place, pid_t pid)
{
    uint64_t now_ns = pid > 0 ? waited_ns(pid) : 0;
    if (pid != waits->pids[place])
        waits->seen_ns[place] = 0; /* of a new one all counts: it began since the last look */
    waits->pids[place] = pid;
    uint64_t more_ns = now_ns > waits->seen_ns[place] ? now_ns - waits->seen_ns[place] : 0;
    waits->total_ns += more_ns;
    waits->lease_ns += place < WAITS_OF_LEASE ? more_ns : 0;
    waits->seen_ns[place] = now_ns;
}

void waits_look(struct waits *waits, const pid_t pids[WAITS_PROCESSES], uint64_t now_ms)
{
    for (size_t i = 0; i < WAITS_PROCESSES; i++)
        look_at(waits, i, pids[i]);
    if (now_ms - waits->window_began_ms >= WAITS_WINDOW_MS) {
        waits->before_ns = waits->window_began_ns;
        waits->window_began_ns = waits->lease_ns;
        waits->window_began_ms = now_ms;
    }
    if (waits->lease_ns - waits->before_ns >= WAITS_STARVED_MS * UINT64_C(1000000))
        waits->starved = true;
}
