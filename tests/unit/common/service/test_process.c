#include "common/service/process.h"

#include "common/base/metrics.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A process of the smallest kind in a child, seen from outside: its exit status, what it writes,
 * and what it tells the supervisor's socket. Every wait is for a condition and has a limit.
 */
enum { WAIT_MS = 10000, OUTPUT_MAX = 65536 };

struct fixture {
    char folder[64], config[96], notify[96];
    int notify_fd, output_fd;
    pid_t pid;
    char output[OUTPUT_MAX];
    size_t output_len;
};

static struct fixture fx;

/* --- the child ----------------------------------------------------------------------------------
 */

enum way { CHILD_USUAL, CHILD_NEVER_STOPS, CHILD_HANGS, CHILD_FAILS, CHILD_REFUSES_START };
struct child {
    struct process *process;
    enum way way;
    uv_timer_t timer;
};

static struct child child;

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    if (child.way == CHILD_FAILS)
        process_fail(child.process, "lost the lock");
}

static enum status child_start(void *self, struct process *process)
{
    struct child *c = self;
    c->process = process;
    if (c->way == CHILD_REFUSES_START)
        return STATUS_IO;
    (void)uv_timer_init(process_loop(process), &c->timer);
    (void)uv_timer_start(&c->timer, on_timer, 20, 20);
    return STATUS_OK;
}

static void child_reload(void *self, const struct config *config)
{
    (void)self;
    fprintf(stderr, "reloaded name=%s level=%d exporters=%zu state=%s shards=%zu of %s\n",
            config->policy.name, (int)config->log_level, config->exporter_count,
            config->redis.state.address, config->shard_count, config->shards[0].aggregator);
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
    process_stopped(child.process);
}

static void child_stop(void *self)
{
    struct child *c = self;
    if (c->way == CHILD_HANGS)
        for (;;)
            pause();
    if (c->way != CHILD_NEVER_STOPS)
        uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void child_check(const struct config *config, struct config_errors *errors)
{
    if (config->policy.lease_ms == 666)
        config_error(errors, (struct config_pos){2, 3}, "the model does not like 666ms");
}

static struct metric_family child_total = {
    .name = "weir_child_total", .help = "what the child counts", .type = METRIC_COUNTER};

static void child_declare(void)
{
    metrics_declare(&child_total);
}

static const struct process_hooks hooks = {.kind = "policy",
                                           .check = child_check,
                                           .declare_metrics = child_declare,
                                           .start = child_start,
                                           .reload = child_reload,
                                           .stop = child_stop,
                                           .self = &child};

/* --- the test's side ----------------------------------------------------------------------------
 */

static void write_config(const char *yaml)
{
    FILE *out = fopen(fx.config, "w");
    cr_assert_not_null(out);
    fputs(yaml, out);
    cr_assert_eq(fclose(out), 0);
}

static void setup(void)
{
    strcpy(fx.folder, "/tmp/weir-test-XXXXXX");
    cr_assert_not_null(mkdtemp(fx.folder));
    snprintf(fx.config, sizeof(fx.config), "%s/weir.yaml", fx.folder);
    snprintf(fx.notify, sizeof(fx.notify), "%s/notify", fx.folder);
    fx.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strcpy(at.sun_path, fx.notify);
    cr_assert_eq(bind(fx.notify_fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void teardown(void)
{
    if (fx.pid > 0) {
        (void)kill(fx.pid, SIGKILL);
        (void)waitpid(fx.pid, NULL, 0);
    }
    (void)unlink(fx.config);
    (void)unlink(fx.notify);
    (void)rmdir(fx.folder);
}

TestSuite(process, .init = setup, .fini = teardown, .timeout = 60);

static void run_with(enum way way, int argc, char **argv)
{
    int out[2];
    cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
    fx.pid = fork();
    cr_assert_geq(fx.pid, 0);
    if (fx.pid == 0) {
        (void)dup2(out[1], STDOUT_FILENO);
        (void)dup2(out[1], STDERR_FILENO);
        (void)close(STDIN_FILENO);
        (void)setenv("NOTIFY_SOCKET", fx.notify, 1);
        (void)unsetenv("WEIR_CONFIG");
        child.way = way;
        int status = process_run(argc, argv, &hooks);
        (void)fflush(stdout);
        _exit(status);
    }
    (void)close(out[1]);
    fx.output_fd = out[0];
}

static void run_child(enum way way)
{
    char *argv[] = {"weir-policy", "--config", fx.config, NULL};
    run_with(way, 3, argv);
}

/* Reads what the child writes until it contains text, or until its end when text is NULL. */
static void wait_output(const char *text)
{
    while (text == NULL || strstr(fx.output, text) == NULL) {
        struct pollfd p = {.fd = fx.output_fd, .events = POLLIN};
        cr_assert_eq(poll(&p, 1, WAIT_MS), 1, "no \"%s\" in: %s", text ? text : "(end)", fx.output);
        ssize_t n =
            read(fx.output_fd, fx.output + fx.output_len, sizeof(fx.output) - fx.output_len - 1);
        if (n <= 0) {
            cr_assert_null(text, "ended without \"%s\": %s", text ? text : "", fx.output);
            return;
        }
        fx.output_len += (size_t)n;
        fx.output[fx.output_len] = '\0';
    }
}

static void wait_notify(const char *want)
{
    char got[256] = "";
    struct pollfd p = {.fd = fx.notify_fd, .events = POLLIN};
    cr_assert_eq(poll(&p, 1, WAIT_MS), 1, "no %s; output: %s", want, fx.output);
    ssize_t n = recv(fx.notify_fd, got, sizeof(got) - 1, 0);
    cr_assert_gt(n, 0);
    cr_assert_eq(strncmp(got, want, strlen(want)), 0, "%s instead of %s", got, want);
}

static int wait_exit(void)
{
    int status = 0;
    wait_output(NULL);
    cr_assert_eq(waitpid(fx.pid, &status, 0), fx.pid);
    fx.pid = 0;
    cr_assert(WIFEXITED(status), "signal %d: %s", WTERMSIG(status), fx.output);
    return WEXITSTATUS(status);
}

static bool said(const char *text)
{
    return strstr(fx.output, text) != NULL;
}

#define QUIET "policy: {name: p7, metrics_port: 0}\n"

Test(process, starts_tells_the_supervisor_and_ends_on_sigterm)
{
    write_config(QUIET);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    wait_notify("STOPPING=1");
    cr_assert_eq(wait_exit(), 0, "%s", fx.output);
    cr_assert(said("name=p7"), "%s", fx.output);
}

Test(process, ends_on_sigint_as_well)
{
    write_config(QUIET);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    cr_assert_eq(kill(fx.pid, SIGINT), 0);
    cr_assert_eq(wait_exit(), 0);
}

Test(process, reload_gives_the_hook_the_new_config)
{
    write_config(QUIET);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    write_config(QUIET "log: {level: debug}\nexporters: [{address: 192.0.2.1}]\n");
    cr_assert_eq(kill(fx.pid, SIGHUP), 0);
    wait_notify("RELOADING=1\nMONOTONIC_USEC=");
    wait_notify("READY=1");
    wait_output("reloaded name=p7 level=3 exporters=1");
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 0, "%s", fx.output);
}

Test(process, reload_of_an_invalid_file_changes_nothing_and_says_why)
{
    write_config(QUIET);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    write_config(QUIET "nonsense: 1\nlog: {level: loud}\n");
    cr_assert_eq(kill(fx.pid, SIGHUP), 0);
    wait_notify("RELOADING=1");
    wait_notify("READY=1");
    wait_output("errors=2");
    cr_assert(said("weir.yaml:2:1: unknown key"), "%s", fx.output);
    cr_assert(said("weir.yaml:3:14: level"), "%s", fx.output);
    cr_assert_not(said("reloaded name"), "%s", fx.output);
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 0);
}

Test(process, reload_judges_by_the_process_too)
{
    write_config(QUIET);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    write_config("policy: {name: p7, metrics_port: 0, lease: 666ms}\nlog: {level: loud}\n");
    cr_assert_eq(kill(fx.pid, SIGHUP), 0);
    wait_output("configuration refused, the old one stays\" errors=2");
    cr_assert(said("the model does not like 666ms"), "%s", fx.output);
    cr_assert(said("weir.yaml:2:14: level"), "%s", fx.output);
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 0);
    cr_assert_not(said("reloaded name"));
}

Test(process, reload_keeps_what_needs_a_restart)
{
    write_config(QUIET);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    write_config("policy: {name: p8, metrics_port: 0}\nrun_dir: /tmp\n"
                 "aggregator: {name: a9}\nexporters: [{address: 192.0.2.1}]\n");
    cr_assert_eq(kill(fx.pid, SIGHUP), 0);
    wait_output("reloaded name=p7 level=2 exporters=1 state=unix:/run/weir/state.sock shards=1 "
                "of a1");
    static const char *const kept[] = {"key=policy.name", "key=run_dir", "key=redis.state.address",
                                       "key=redis.telemetry", "key=shards"};
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        cr_assert(said(kept[i]), "%s in %s", kept[i], fx.output);
    cr_assert_not(said("key=aggregator.name"), "another process's key: %s", fx.output);
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 0);
}

Test(process, a_process_that_does_not_drain_leaves_within_five_seconds)
{
    write_config(QUIET);
    run_child(CHILD_NEVER_STOPS);
    wait_notify("READY=1");
    struct clock clock = clock_system();
    uint64_t start_ms = clock_mono_ms(&clock);
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("did not end in time"), "%s", fx.output);
    cr_assert_leq(clock_mono_ms(&clock) - start_ms, 6000);
}

Test(process, a_process_whose_loop_hangs_leaves_as_well)
{
    write_config(QUIET);
    run_child(CHILD_HANGS);
    wait_notify("READY=1");
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("loop hangs"), "%s", fx.output);
}

Test(process, failing_later_stops_and_ends_with_one)
{
    write_config(QUIET);
    run_child(CHILD_FAILS);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("lost the lock"), "%s", fx.output);
}

Test(process, failing_to_start_ends_with_one)
{
    write_config(QUIET);
    run_child(CHILD_REFUSES_START);
    cr_assert_eq(wait_exit(), 1, "%s", fx.output);
}

Test(process, a_config_with_errors_is_said_line_by_line_and_ends_with_one)
{
    write_config("dry_run: maybe\nlisten: here\n");
    run_child(CHILD_USUAL);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("weir.yaml:1:10: dry_run: \"maybe\", expected true or false\n"), "%s",
              fx.output);
    cr_assert(said("weir.yaml:2:9: listen: \"here\""), "%s", fx.output);
    char want[160];
    snprintf(want, sizeof(want), "STATUS=%s:1:10: dry_run: \"maybe\"", fx.config);
    wait_notify(want);
}

Test(process, check_reads_and_leaves)
{
    write_config(QUIET);
    char *argv[] = {"weir-policy", "--check", "--config", fx.config, NULL};
    run_with(CHILD_USUAL, 4, argv);
    cr_assert_eq(wait_exit(), 0);
    cr_assert(said("weir.yaml: ok\n"), "%s", fx.output);
}

Test(process, check_of_a_wrong_file_ends_with_one)
{
    write_config("policy: {lease: 666ms}\n");
    char *argv[] = {"weir-policy", "--check", "--config", fx.config, NULL};
    run_with(CHILD_USUAL, 4, argv);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("weir.yaml:2:3: the model"), "%s", fx.output);
}

Test(process, wrong_usage_ends_with_two)
{
    char *cases[][4] = {{"weir-policy", "--verbose", NULL, NULL},
                        {"weir-policy", "--config", NULL, NULL},
                        {"weir-policy", "weir.yaml", NULL, NULL},
                        {"weir-policy", "--config=", NULL, NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fx.output_len = 0;
        fx.output[0] = '\0';
        run_with(CHILD_USUAL, 2, cases[i]);
        cr_assert_eq(wait_exit(), 2, "%zu", i);
        cr_assert(said("usage: weir-policy"), "%s", fx.output);
    }
}

Test(process, help_and_version_end_with_zero)
{
    char *help[] = {"weir-policy", "--help", NULL}, *version[] = {"weir-policy", "--version", NULL};
    run_with(CHILD_USUAL, 2, help);
    cr_assert_eq(wait_exit(), 0);
    cr_assert(said("--config FILE"));
    run_with(CHILD_USUAL, 2, version);
    cr_assert_eq(wait_exit(), 0);
    cr_assert(said(weir_version()));
}

Test(process, its_metrics_are_listed_without_a_configuration)
{
    char *argv[] = {"weir-policy", "--metrics", NULL};
    run_with(CHILD_USUAL, 2, argv);
    cr_assert_eq(wait_exit(), 0);
    cr_assert(said("weir_policy_reloads_total\tcounter\tresult\t"), "%s", fx.output);
    cr_assert(said("weir_child_total\tcounter\t\twhat the child counts\n"), "%s", fx.output);
}

Test(process, a_missing_file_is_said)
{
    run_child(CHILD_USUAL);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("weir.yaml: cannot be read (No such file or directory)"), "%s", fx.output);
}

Test(process, the_watchdog_is_fed)
{
    write_config(QUIET);
    (void)setenv("WATCHDOG_USEC", "100000", 1);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    wait_notify("WATCHDOG=1");
    wait_notify("WATCHDOG=1");
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 0);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0, "%s", strerror(errno));
    return fd;
}

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    (void)close(fd);
    return ntohs(at.sin_port);
}

Test(process, metrics_show_the_process)
{
    char yaml[96], answer[32768] = "";
    uint16_t port = free_port();
    snprintf(yaml, sizeof(yaml), "policy: {name: p7, metrics_port: %u}\n", port);
    write_config(yaml);
    run_child(CHILD_USUAL);
    wait_notify("READY=1");
    int fd = connect_to(port);
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    cr_assert_eq(write(fd, request, sizeof(request) - 1), (ssize_t)sizeof(request) - 1);
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, answer + len, sizeof(answer) - len - 1)) > 0)
        len += (size_t)n;
    (void)close(fd);
    static const char *const lines[] = {
        "weir_build_info{version=\"", "weir_process_start_time_seconds ",
        "weir_process_resident_memory_bytes ", "weir_policy_reloads_total{result=\"ok\"} 0",
        "weir_policy_reloads_total{result=\"refused\"} 0"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cr_assert_not_null(strstr(answer, lines[i]), "%s in %s", lines[i], answer);
    cr_assert_eq(kill(fx.pid, SIGTERM), 0);
    cr_assert_eq(wait_exit(), 0, "%s", fx.output);
}

Test(process, a_taken_port_ends_with_one)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    char yaml[96];
    snprintf(yaml, sizeof(yaml), "policy: {metrics_port: %u}\n", ntohs(at.sin_port));
    write_config(yaml);
    run_child(CHILD_USUAL);
    cr_assert_eq(wait_exit(), 1);
    cr_assert(said("cannot listen for /metrics"), "%s", fx.output);
    cr_assert(said("Address already in use"), "%s", fx.output);
    wait_notify("STATUS=cannot listen for /metrics: address=127.0.0.1:");
    (void)close(fd);
}
