#include "common/service/process.h"

#include "common/base/metrics.h"
#include "common/service/config_fixed.h"
#include "common/service/health.h"
#include "common/service/http.h"
#include "common/service/notify.h"
#include "common/service/parent.h"
#include "common/service/process_args.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * From the signal to the end at most five seconds: the loop gives up shortly before, and where the
 * loop itself hangs, the kernel's alarm ends the process.
 */
enum { STOP_LIMIT_MS = 4500, STOP_ALARM_S = 5, METRIC_NAME_MAX = 64 };
enum { HEALTH_LIMIT_MS = 3000 }; /* of --health */

struct process {
    const struct process_hooks *hooks;
    struct config *config;
    const char *path;
    uv_loop_t loop;
    uv_signal_t on_hangup, on_terminate, on_interrupt;
    uv_timer_t stop_limit, watchdog;
    struct parent_watch parent;
    struct http *http;
    bool started, stopping, stopped;
    const char *failure; /* asked for before start had returned */
    int exit_status;
};

/* --- metrics ------------------------------------------------------------------------------------
 */

static struct metric_family build_info = {.name = "weir_build_info",
                                          .help = "1, with the version of this build",
                                          .type = METRIC_GAUGE,
                                          .labels = {"version"},
                                          .series_max = 1};
static struct metric_family start_time = {.name = "weir_process_start_time_seconds",
                                          .help = "when the process started, Unix time",
                                          .type = METRIC_GAUGE};
static struct metric_family resident = {.name = "weir_process_resident_memory_bytes",
                                        .help = "memory of the process that is in RAM",
                                        .type = METRIC_GAUGE};
static char reloads_name[METRIC_NAME_MAX] = "weir_process_reloads_total";
static struct metric_family reloads = {.name = reloads_name,
                                       .help = "configurations read again, by result",
                                       .type = METRIC_COUNTER,
                                       .labels = {"result"},
                                       .series_max = 2};

const char *weir_version(void)
{
    return WEIR_VERSION;
}

static void count_reload(const char *result, uint64_t amount)
{
    metric_add(metric_at(&reloads, (const char *const[]){result}), amount);
}

static void declare_metrics(const struct process_hooks *hooks)
{
    (void)snprintf(reloads_name, sizeof(reloads_name), "weir_%s_reloads_total", hooks->kind);
    metrics_declare(&build_info);
    metrics_declare(&start_time);
    metrics_declare(&resident);
    metrics_declare(&reloads);
    if (hooks->declare_metrics != NULL)
        hooks->declare_metrics();
}

static void begin_metrics(const struct process *p)
{
    struct clock clock = process_clock(p);
    declare_metrics(p->hooks);
    metric_set(metric_at(&build_info, (const char *const[]){weir_version()}), 1);
    metric_set(metric_of(&start_time), (double)clock_wall_ms(&clock) / 1000);
    count_reload("ok", 0);
    count_reload("refused", 0);
}

static void measure_memory(void *owner)
{
    unsigned long total = 0, pages = 0;
    (void)owner;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in == NULL)
        return;
    if (fscanf(in, "%lu %lu", &total, &pages) == 2)
        metric_set(metric_of(&resident), (double)pages * (double)sysconf(_SC_PAGESIZE));
    (void)fclose(in);
}

/* --- what differs by kind ------------------------------------------------------------------------
 */

struct identity {
    const char *name; /* "c1" */
    uint16_t metrics_port;
};

static struct identity identity_of(const struct process_hooks *hooks, const struct config *c)
{
    const struct {
        const char *kind;
        struct identity identity;
    } kinds[] = {{"collector", {c->collector.name, c->collector.metrics_port}},
                 {"aggregator", {c->aggregator.name, c->aggregator.metrics_port}},
                 {"policy", {c->policy.name, c->policy.metrics_port}},
                 {"speaker", {c->speaker.name, c->speaker.metrics_port}}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].kind, hooks->kind) == 0)
            return kinds[i].identity;
    assert(false); /* each of the processes has a section */
    return (struct identity){0};
}

/* --- configuration ------------------------------------------------------------------------------
 */

static void log_errors(const struct config_errors *errors)
{
    const char *at = text_str(&errors->lines);
    while (*at != '\0') {
        char line[1200], value[1500];
        size_t len = strcspn(at, "\n");
        (void)snprintf(line, sizeof(line), "%.*s", (int)len, at);
        log_error("configuration error", "error=%s", log_value(value, sizeof(value), line));
        at += len + (at[len] == '\n');
    }
}

static void on_kept(void *owner, const char *key)
{
    (void)owner;
    log_warn("a changed key needs a restart, the old value stays", "key=%s", key);
}

/* The new config with what cannot change put back; NULL, and everything said, when it is refused.
 */
static struct config *load_again(struct process *p)
{
    struct config_errors errors;
    config_errors_init(&errors, p->path);
    struct config *config = NULL;
    if (config_load_judged(&config, p->path, p->hooks->check, &errors) == STATUS_OK &&
        config_keep_fixed(config, p->config, p->hooks->kind, on_kept, NULL) != STATUS_OK) {
        config_free(config);
        config = NULL;
    }
    if (config == NULL) {
        log_errors(&errors);
        log_error("configuration refused, the old one stays", "errors=%zu", errors.count);
    }
    config_errors_done(&errors);
    return config;
}

static void reload(struct process *p)
{
    char state[64], path[300];
    struct clock clock = process_clock(p);
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)clock_mono_us(&clock));
    notify_send(state);
    struct config *config = load_again(p);
    count_reload(config != NULL ? "ok" : "refused", 1);
    if (config != NULL) {
        struct config *old = p->config;
        p->config = config;
        log_set_level(config->log_level);
        p->hooks->reload(p->hooks->self, config);
        config_free(old);
        log_info("configuration reloaded", "file=%s config=%s",
                 log_value(path, sizeof(path), p->path), config->hash);
    }
    notify_send("READY=1");
}

/* --- end ----------------------------------------------------------------------------------------
 */

/* The loop hangs: nothing but this may be trusted any more. */
static void on_alarm(int number)
{
    static const char line[] = "error \"did not end in time, leaving\" reason=\"loop hangs\"\n";
    (void)number;
    ssize_t written = write(STDERR_FILENO, line, sizeof(line) - 1);
    (void)written;
    _exit(1);
}

static void on_stop_limit(uv_timer_t *timer)
{
    (void)timer;
    log_error("did not end in time, leaving", "limit_ms=%d", STOP_LIMIT_MS);
    _exit(1); /* whatever still runs must not run into the tidying up of exit() */
}

static void begin_stop(struct process *p)
{
    if (p->stopping)
        return;
    p->stopping = true;
    notify_send("STOPPING=1");
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(STOP_ALARM_S);
    (void)uv_timer_start(&p->stop_limit, on_stop_limit, STOP_LIMIT_MS, 0);
    if (!p->stopped)
        p->hooks->stop(p->hooks->self);
}

void process_stopped(struct process *p)
{
    if (p->stopped)
        return;
    p->stopped = true;
    uv_handle_t *const handles[] = {(uv_handle_t *)&p->on_hangup, (uv_handle_t *)&p->on_terminate,
                                    (uv_handle_t *)&p->on_interrupt, (uv_handle_t *)&p->watchdog};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        uv_close(handles[i], NULL);
    parent_watch_close(&p->parent);
    http_close(p->http, NULL);
    p->http = NULL;
    /* Stays to end a loop that something else keeps alive, and does not keep it alive itself. */
    uv_unref((uv_handle_t *)&p->stop_limit);
}

void process_fail(struct process *p, const char *why)
{
    char value[300];
    p->exit_status = 1;
    if (!p->started) {
        p->failure = why; /* start is still running; it is stopped when it returns */
        return;
    }
    if (!p->stopping)
        log_error("cannot go on", "reason=%s", log_value(value, sizeof(value), why));
    begin_stop(p);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct process *p = handle->data;
    if (p->stopping)
        return;
    if (number == SIGHUP) {
        reload(p);
        return;
    }
    log_info("stopping", "signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
    begin_stop(p);
}

static void on_parent_gone(void *owner)
{
    struct process *p = owner;
    if (!p->stopping)
        log_error("stopping", "reason=\"weir up is gone\"");
    begin_stop(p);
}

/* --- start --------------------------------------------------------------------------------------
 */

/* A descriptor that was closed at start would be given to the first socket, and written to. */
static void open_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) < 0)
            abort();
}

static bool is_healthy(void *owner, struct text *why)
{
    struct process *p = owner;
    if (p->started && !p->stopping)
        return p->hooks->healthy == NULL || p->hooks->healthy(p->hooks->self, why);
    text_add(why, p->started ? "stopping" : "starting");
    return false;
}

static bool start_http(struct process *p)
{
    uint16_t port = identity_of(p->hooks, p->config).metrics_port;
    char text[ENDPOINT_TEXT_MAX];
    struct http_options options = {.listen = {p->config->listen, port},
                                   .healthy = is_healthy,
                                   .before_metrics = measure_memory,
                                   .owner = p};
    if (port == 0 || http_start(&p->http, &p->loop, &options) == STATUS_OK)
        return true;
    log_error("cannot listen for /metrics", "address=%s reason=\"%s\"",
              endpoint_format(&options.listen, text), strerror(errno != 0 ? errno : EADDRINUSE));
    return false;
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    notify_send("WATCHDOG=1");
}

static void start_watchdog(struct process *p)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t interval_us = 0, of_pid = 0;
    if (usec == NULL || text_parse_u64(&interval_us, usec, UINT64_MAX) != STATUS_OK)
        return;
    if (pid != NULL &&
        (text_parse_u64(&of_pid, pid, INT32_MAX) != STATUS_OK || of_pid != (uint64_t)getpid()))
        return;
    uint64_t every_ms = interval_us / 2000;
    if (every_ms > 0)
        (void)uv_timer_start(&p->watchdog, on_watchdog, every_ms, every_ms);
}

static void start_handles(struct process *p)
{
    struct {
        uv_signal_t *handle;
        int number;
    } signals[] = {
        {&p->on_hangup, SIGHUP}, {&p->on_terminate, SIGTERM}, {&p->on_interrupt, SIGINT}};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        int error = uv_signal_init(&p->loop, signals[i].handle);
        signals[i].handle->data = p;
        if (error == 0)
            error = uv_signal_start(signals[i].handle, on_signal, signals[i].number);
        assert(error == 0); /* fails only for numbers that are no signals, and without memory */
    }
    (void)uv_timer_init(&p->loop, &p->stop_limit); /* cannot fail */
    (void)uv_timer_init(&p->loop, &p->watchdog);
    parent_watch_start(&p->parent, &p->loop, on_parent_gone, p);
}

static bool start(struct process *p)
{
    char path[300];
    if (!start_http(p) || p->hooks->start(p->hooks->self, p) != STATUS_OK)
        return false;
    p->started = true;
    if (p->failure != NULL) {
        process_fail(p, p->failure);
        return true;
    }
    start_watchdog(p);
    log_info("started", "name=%s version=%s config=%s file=%s",
             identity_of(p->hooks, p->config).name, weir_version(), p->config->hash,
             log_value(path, sizeof(path), p->path));
    notify_send("READY=1");
    return true;
}

/* So that who started the process can say why it ended without reading its log. */
static void notify_why(const char *why, size_t len)
{
    char state[600];
    (void)snprintf(state, sizeof(state), "STATUS=%.*s", (int)len, why);
    notify_send(state);
}

static void notify_last_error(void)
{
    char why[560];
    log_last_error(why, sizeof(why));
    if (why[0] != '\0')
        notify_why(why, strlen(why));
}

/* From a checked config to the end of the process. */
static int live(struct process *p)
{
    log_init(p->hooks->kind, p->config->log_level);
    begin_metrics(p);
    if (uv_loop_init(&p->loop) != 0)
        return 1;
    start_handles(p);
    if (start(p)) {
        (void)uv_run(&p->loop, UV_RUN_DEFAULT);
    } else {
        p->exit_status = 1;
        process_stopped(p);
    }
    uv_close((uv_handle_t *)&p->stop_limit, NULL);
    (void)uv_run(&p->loop, UV_RUN_NOWAIT);
    if (uv_loop_close(&p->loop) != 0)
        log_debug("handles were left open", "");
    (void)alarm(0);
    if (p->exit_status != 0)
        notify_last_error();
    log_info("ended", "status=%d", p->exit_status);
    return p->exit_status;
}

static int check_only(const struct process *p)
{
    (void)printf("%s: ok\n", p->path);
    return 0;
}

/* Only 0 and 1: others mean something else to who runs health checks. */
static int ask_health(const struct process *p)
{
    struct ip_endpoint at = {p->config->listen, identity_of(p->hooks, p->config).metrics_port};
    struct text said;
    text_init(&said, 0);
    enum status s = STATUS_NOT_FOUND;
    if (at.port == 0)
        text_addf(&said, "%s.metrics_port is 0, so it has no /healthz", p->hooks->kind);
    else
        s = health_ask(&at, HEALTH_LIMIT_MS, &said);
    (void)printf("%s\n", text_str(&said));
    text_done(&said);
    return s == STATUS_OK ? 0 : 1;
}

static int list_metrics(const struct process_hooks *hooks)
{
    struct text list;
    text_init(&list, 0);
    declare_metrics(hooks);
    metrics_list(&list);
    (void)fputs(text_str(&list), stdout);
    int status = list.failed ? 1 : 0;
    text_done(&list);
    return status;
}

int process_run(int argc, char **argv, const struct process_hooks *hooks)
{
    open_standard_files();
    struct process_args args = process_args_parse(argc, argv, hooks->kind);
    if (args.action == ACTION_EXIT)
        return args.exit_status;
    if (args.action == ACTION_METRICS)
        return list_metrics(hooks);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ,
                 SIG_IGN); /* a file that may not grow fails its write, as a full disk does */

    struct process p = {.hooks = hooks, .path = config_find(args.config)};
    if (p.path == NULL) {
        (void)fprintf(stderr,
                      "weir-%s: no configuration; expected --config FILE, $WEIR_CONFIG, "
                      "./weir.yaml or /etc/weir/weir.yaml\n",
                      hooks->kind);
        return 1;
    }
    struct config_errors errors;
    config_errors_init(&errors, p.path);
    (void)config_load_judged(&p.config, p.path, hooks->check, &errors);
    (void)fputs(text_str(&errors.lines), stderr);
    if (p.config == NULL && args.action == ACTION_RUN)
        notify_why(text_str(&errors.lines), strcspn(text_str(&errors.lines), "\n"));
    config_errors_done(&errors);
    if (p.config == NULL)
        return 1;
    int status = args.action == ACTION_CHECK    ? check_only(&p)
                 : args.action == ACTION_HEALTH ? ask_health(&p)
                                                : live(&p);
    config_free(p.config);
    return status;
}

uv_loop_t *process_loop(struct process *process)
{
    return &process->loop;
}

const struct config *process_config(const struct process *process)
{
    return process->config;
}

struct clock process_clock(const struct process *process)
{
    (void)process;
    return clock_system();
}
