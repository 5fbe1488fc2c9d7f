#ifndef COMMON_SERVICE_PROCESS_H
#define COMMON_SERVICE_PROCESS_H

#include "common/base/clock.h"
#include "common/service/config.h"

#include <uv.h>

/*
 * The life that all four processes share: arguments, configuration, log, loop, signals, reload,
 * sd_notify, /metrics and /healthz. A process's main() is one call of process_run().
 *
 *   args → config → hooks.start → loop … SIGHUP: hooks.reload … SIGTERM, SIGINT: hooks.stop →
 *   the process calls process_stopped() when it has drained → exit; 5 s after the signal it
 *   leaves anyway and says so.
 */
struct process;

struct process_hooks {
    const char *kind; /* "collector": names its section of the config, too */
    /* Judges a config beyond the reader; adds to errors. May be NULL. */
    config_judge *check;
    /* Declares every metric that it may have; needs no config. May be NULL. */
    void (*declare_metrics)(void);
    /* Starts everything on the loop. A failure is logged by the hook and ends the process with 1.
     */
    enum status (*start)(void *self, struct process *process);
    /* A new, checked config. The old one stays valid until the hook returns, and is then freed. */
    void (*reload)(void *self, const struct config *config);
    void (*stop)(void *self);                      /* close everything, then process_stopped() */
    bool (*healthy)(void *self, struct text *why); /* /healthz: 200 or 503; on the loop's thread */
    void *self;
};

/* Returns the exit status. Takes --config FILE, --check, --health, --metrics, --version, --help. */
int process_run(int argc, char **argv, const struct process_hooks *hooks);

uv_loop_t *process_loop(struct process *process);
const struct config *process_config(const struct process *process);
struct clock process_clock(const struct process *process);
void process_stopped(struct process *process);
/* Ends the process with status 1 after hooks.stop: for what cannot go on (a lost lock, say). */
void process_fail(struct process *process, const char *why);
const char *weir_version(void);

#endif
