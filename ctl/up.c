#include "ctl/up.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/model/model.h"
#include "common/redis/redis.h"
#include "common/service/credentials.h"
#include "common/service/notify.h"
#include "common/service/parent.h"
#include "ctl/passwords.h"
#include "ctl/up_child.h"
#include "ctl/up_files.h"
#include "ctl/up_notify.h"
#include "ctl/up_say.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/*
 * A supervisor with one timer: every turn it starts what is due, and while it stops it ends the
 * children one by one from the last of `children` to the first. So children stand in starting
 * order: Redis first, policy last, and the order of the end is policy, collector, aggregator,
 * speaker, Redis.
 */
enum {
    UP_SERVERS_MAX = 16,
    UP_CHILDREN_MAX = UP_SERVERS_MAX + 4,
    UP_TURN_MS = 50,
    UP_STOP_LIMIT_MS = 7000, /* processes leave within 5 s by themselves; then they are killed */
    UP_LEFTOVERS_LIMIT_MS = 10000, /* of a `weir up` that was killed: its children are told so */
    UP_REDIS_START_LIMIT_MS = 30000,
    /* Who is not ready by then, or has died that often, is told about; it is tried again anyway. */
    UP_READY_LIMIT_MS = 15000,
    UP_READY_DEATHS = 3
};

static const char *const process_kinds[] = {"speaker", "aggregator", "collector", "policy"};

struct up {
    const struct command_context *context;
    struct config *config;
    struct credentials credentials; /* the operator's */
    uv_loop_t loop;
    uv_timer_t turn;
    uv_signal_t signals[4];
    struct child children[UP_CHILDREN_MAX];
    size_t child_count, server_count;
    struct clock clock;
    bool stopping;
    bool is_up, was_not_up;  /* said so, once each */
    uint64_t children_at_ms; /* when the processes were started; 0: not yet */
    int notify;              /* what the processes say of themselves */
    char notify_path[UP_PATH_MAX];
    uint64_t stop_sent_ms; /* to the child that is being stopped; 0: to none yet */
    int lock;
    int alive[2]; /* a pipe: the children watch its one end, the other closes when we end */
};

static uint64_t now_ms(const struct up *up)
{
    return clock_mono_ms(&up->clock);
}

static void start_child(struct up *up, struct child *child)
{
    if (child_start(child, now_ms(up)) != STATUS_OK)
        log_error("cannot start", "process=%s program=%s reason=\"%s\"", child->name,
                  child->args[0], strerror(errno));
    else
        log_info("started", "process=%s pid=%ld", child->name, (long)child->pid);
}

static void hear(struct up *up)
{
    struct up_notice notice;
    while (up_notify_next(up->notify, &notice)) {
        for (size_t i = 0; i < up->child_count; i++) {
            struct child *child = &up->children[i];
            if (child->pid == 0 || child->pid != notice.from)
                continue;
            if (notice.ready && !child->ready)
                log_info("ready", "process=%s pid=%ld", child->name, (long)child->pid);
            child_told(child, notice.ready, notice.status);
        }
    }
}

static void reap(struct up *up)
{
    hear(up); /* what it said before it ended */
    for (size_t i = 0; i < up->child_count; i++) {
        struct child *child = &up->children[i];
        int how = 0;
        if (child->pid == 0 || waitpid(child->pid, &how, WNOHANG) != child->pid)
            continue;
        char why[2 * CHILD_WHY_MAX];
        long pid = (long)child->pid;
        child_ended_so(child, how);
        uint64_t delay_ms = child_exited(child, now_ms(up));
        (void)log_value(why, sizeof(why), child->why);
        if (child->stopping)
            log_info("ended", "process=%s pid=%ld", child->name, pid);
        else
            log_error("process died",
                      "process=%s pid=%ld %s=%d restart_in_ms=%" PRIu64 " reason=%s", child->name,
                      pid, WIFSIGNALED(how) ? "signal" : "exit",
                      WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how), delay_ms, why);
    }
}

/* Says once that all are ready, and before that once that some are not. */
static void judge(struct up *up)
{
    const struct child *processes = &up->children[up->server_count];
    size_t count = up->child_count - up->server_count, ready = 0;
    if (up->is_up || up->children_at_ms == 0)
        return;
    bool late = now_ms(up) - up->children_at_ms > UP_READY_LIMIT_MS;
    for (size_t i = 0; i < count; i++) {
        ready += processes[i].ready;
        late = late || (!processes[i].ready && processes[i].failures >= UP_READY_DEATHS);
    }
    if (ready == count) {
        up->is_up = true;
        up_say_next(up->config, up->context->json);
        notify_send("READY=1");
    } else if (late && !up->was_not_up) {
        up->was_not_up = true;
        up_say_not_ready(up->config, processes, count);
    }
}

static void close_all(struct up *up)
{
    uv_close((uv_handle_t *)&up->turn, NULL);
    for (size_t i = 0; i < sizeof(up->signals) / sizeof(up->signals[0]); i++)
        uv_close((uv_handle_t *)&up->signals[i], NULL);
}

/* One child at a time, the last first; the next is told when this one has gone. */
static void stop_turn(struct up *up)
{
    for (size_t i = up->child_count; i-- > 0;) {
        struct child *child = &up->children[i];
        if (child->pid == 0) {
            child->stopping = true;
            continue;
        }
        if (!child->stopping) {
            child_stop(child, SIGTERM);
            up->stop_sent_ms = now_ms(up);
        } else if (now_ms(up) - up->stop_sent_ms > UP_STOP_LIMIT_MS) {
            log_error("does not end: killed", "process=%s pid=%ld", child->name, (long)child->pid);
            child_stop(child, SIGKILL);
            up->stop_sent_ms = now_ms(up);
        }
        return;
    }
    close_all(up);
}

static void on_turn(uv_timer_t *timer)
{
    struct up *up = timer->data;
    reap(up);
    if (up->stopping) {
        stop_turn(up);
        return;
    }
    for (size_t i = 0; i < up->child_count; i++) {
        struct child *child = &up->children[i];
        if (child->pid == 0 && child->restart_at_ms != 0 && now_ms(up) >= child->restart_at_ms)
            start_child(up, child);
    }
    judge(up);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct up *up = handle->data;
    switch (number) {
    case SIGCHLD:
        on_turn(&up->turn);
        break;
    case SIGHUP:
        for (size_t i = up->server_count; i < up->child_count; i++) {
            if (up->children[i].pid > 0)
                (void)kill(up->children[i].pid, SIGHUP);
        }
        break;
    default:
        if (!up->stopping) {
            log_info("stopping", "signal=%d", number);
            notify_send("STOPPING=1");
        }
        up->stopping = true;
        on_turn(&up->turn);
        break;
    }
}

static enum status add_server(struct up *up, const struct config_redis_server *server,
                              bool is_state)
{
    char conf[UP_PATH_MAX], name[32];
    struct text why;
    text_init(&why, 0);
    enum status s = up_redis_conf(up->config, server, is_state, conf, &why);
    bool is_said = why.len > 0;
    if (is_said)
        (void)command_failed(up->context, "%s", text_str(&why));
    text_done(&why);
    if (is_said)
        return STATUS_NOT_FOUND;
    if (s == STATUS_UNSUPPORTED) {
        log_info("not started here: its address is not a Unix socket", "redis=%s address=%s",
                 server->name, server->address);
        return STATUS_OK;
    }
    if (s != STATUS_OK)
        return s;
    const char *path = server->address + strlen("unix:");
    if (up_socket_is_taken(path)) {
        (void)command_failed(up->context,
                             "a server listens at %s already, perhaps of another `weir up` with "
                             "this run_dir; give redis %s another address, or run_dir another "
                             "folder",
                             path, server->name);
        return STATUS_EXISTS;
    }
    const char *program = up_redis_server_path();
    if (program == NULL) {
        (void)command_failed(up->context, "no redis-server in /usr/bin: install redis-server");
        return STATUS_NOT_FOUND;
    }
    (void)snprintf(name, sizeof(name), "redis-%.20s", server->name);
    const char *args[] = {program, conf, NULL};
    s = child_init(&up->children[up->child_count], name, args);
    if (s == STATUS_OK) {
        up->child_count++;
        up->server_count++;
    }
    return s;
}

/* Each process then is a user of its own to the servers, whose rights are in etc/redis. */
static bool make_passwords(struct up *up)
{
    struct text why;
    text_init(&why, 0);
    bool made =
        (up->config->redis.password_dir == NULL || passwords_make(up->config, &why) == STATUS_OK) &&
        credentials_read(&up->credentials, up->config, "operator", &why) == STATUS_OK;
    if (!made)
        (void)command_failed(up->context, "%s; `redis: {password_dir: none}` goes without",
                             text_str(&why));
    text_done(&why);
    return made;
}

static enum status add_children(struct up *up)
{
    if (up->config->redis.telemetry_count + 1 > UP_SERVERS_MAX)
        return STATUS_LIMIT;
    if (!make_passwords(up))
        return STATUS_NOT_FOUND;
    enum status s = add_server(up, &up->config->redis.state, true);
    for (size_t i = 0; s == STATUS_OK && i < up->config->redis.telemetry_count; i++)
        s = add_server(up, &up->config->redis.telemetry[i], false);
    for (size_t i = 0; s == STATUS_OK && i < sizeof(process_kinds) / sizeof(process_kinds[0]);
         i++) {
        char program[UP_PATH_MAX], name[32];
        (void)snprintf(name, sizeof(name), "weir-%s", process_kinds[i]);
        if (!up_program_path(name, program)) {
            (void)command_failed(up->context, "%s is not beside this program", name);
            return STATUS_NOT_FOUND;
        }
        const char *args[] = {program, "--config", up->config->file, NULL};
        struct child *child = &up->children[up->child_count];
        s = child_init(child, process_kinds[i], args);
        child->notify = up->notify_path;
        if (s == STATUS_OK)
            up->child_count++;
    }
    return s;
}

/* Waits until every server that we started answers; reading its file back may take a while. */
static bool servers_answer(struct up *up)
{
    uint64_t limit_ms = now_ms(up) + UP_REDIS_START_LIMIT_MS;
    for (size_t i = 0; i <= up->config->redis.telemetry_count;) {
        const struct config_redis_server *server =
            i == 0 ? &up->config->redis.state : &up->config->redis.telemetry[i - 1];
        struct redis_options options = {.name = server->name,
                                        .address = server->address,
                                        .user = up->credentials.user,
                                        .password = up->credentials.password};
        struct redis_sync *sync = NULL;
        const struct redis_reply *reply = NULL;
        struct text why;
        text_init(&why, 0);
        bool answered = redis_sync_open(&sync, &options, &why) == STATUS_OK &&
                        redis_sync_commandf(sync, &reply, "PING") == STATUS_OK;
        redis_sync_close(sync);
        if (answered) {
            i++;
        } else if (now_ms(up) > limit_ms) {
            (void)command_failed(up->context, "redis %s at %s does not answer: %s", server->name,
                                 server->address, text_str(&why));
            text_done(&why);
            return false;
        } else {
            (void)usleep(20000);
        }
        text_done(&why);
        (void)uv_run(&up->loop, UV_RUN_NOWAIT); /* a server that died starts again; Ctrl-C stops */
        if (up->stopping)
            return false;
    }
    return true;
}

static bool open_alive_pipe(struct up *up)
{
    char text[16];
    if (pipe2(up->alive, O_CLOEXEC) != 0)
        return false;
    (void)snprintf(text, sizeof(text), "%d", up->alive[0]);
    for (size_t i = 0; i < up->child_count; i++)
        up->children[i].parent_fd = up->alive[0];
    return setenv(PARENT_FD_VARIABLE, text, 1) == 0;
}

static int run_loop(struct up *up)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
    if (!open_alive_pipe(up) || uv_loop_init(&up->loop) != 0)
        return command_failed(up->context, "cannot make an event loop");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)uv_signal_init(&up->loop, &up->signals[i]);
        up->signals[i].data = up;
        (void)uv_signal_start(&up->signals[i], on_signal, numbers[i]);
    }
    (void)uv_timer_init(&up->loop, &up->turn);
    up->turn.data = up;
    (void)uv_timer_start(&up->turn, on_turn, UP_TURN_MS, UP_TURN_MS);

    for (size_t i = 0; i < up->server_count; i++)
        start_child(up, &up->children[i]);
    if (servers_answer(up)) {
        for (size_t i = up->server_count; i < up->child_count; i++)
            start_child(up, &up->children[i]);
        up->children_at_ms = now_ms(up);
    } else {
        up->stopping = true;
    }
    (void)uv_run(&up->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&up->loop);
    return up->is_up ? EXIT_DONE : EXIT_FAILED;
}

/* The file to use: --config, or one that is found, or the sample in the state folder. */
static int find_config(struct up *up, const char *state_dir)
{
    char path[UP_PATH_MAX], full[PATH_MAX];
    const char *file = state_dir == NULL ? config_find(up->context->config) : up->context->config;
    if (file == NULL) {
        if (state_dir == NULL)
            state_dir = "/var/lib/weir";
        enum status made = up_make_folder(state_dir);
        if (made != STATUS_OK || realpath(state_dir, full) == NULL)
            return command_failed(up->context, "cannot use the state folder %s: %s", state_dir,
                                  up_folder_why(made));
        bool is_new = false;
        if (up_sample(full, path, &is_new) != STATUS_OK)
            return command_failed(up->context, "cannot write %s: %s", path, strerror(errno));
        if (is_new)
            log_info("wrote a sample configuration", "file=%s",
                     log_value(full, sizeof(full), path));
        file = path;
    }
    struct config_errors errors;
    config_errors_init(&errors, file);
    enum status s = config_load_judged(&up->config, file, model_check, &errors);
    if (s != STATUS_OK)
        (void)fputs(text_str(&errors.lines), stderr);
    config_errors_done(&errors);
    return s == STATUS_OK
               ? EXIT_DONE
               : command_failed(up->context, "%s is not valid; nothing was started", file);
}

/* Takes the lock. Children of a `weir up` that was killed hold it until they have ended, too. */
static enum status take_lock(struct up *up, long *ret_holder)
{
    uint64_t limit_ms = now_ms(up) + UP_LEFTOVERS_LIMIT_MS;
    for (;;) {
        enum status s = up_lock(up->config->state_dir, &up->lock, ret_holder);
        bool leftovers = s == STATUS_REFUSED && *ret_holder > 0 && !up_holder_lives(*ret_holder);
        if (!leftovers || now_ms(up) > limit_ms)
            return s;
        (void)usleep(UP_TURN_MS * 1000);
    }
}

/* Once it is sure that nobody else has run_dir. */
static enum status open_notify(struct up *up)
{
    enum status s = STATUS_LIMIT;
    if (snprintf(up->notify_path, sizeof(up->notify_path), "%s/up.notify", up->config->run_dir) <
        (int)sizeof(up->notify_path))
        s = up_notify_open(up->notify_path, &up->notify);
    return s;
}

static int start(struct up *up)
{
    const struct config *c = up->config;
    long holder = 0;
    enum status made = up_make_folder(c->state_dir);
    if (made != STATUS_OK)
        return command_failed(up->context, "cannot use state_dir %s: %s", c->state_dir,
                              up_folder_why(made));
    switch (take_lock(up, &holder)) {
    case STATUS_OK:
        break;
    case STATUS_REFUSED:
        return command_failed(up->context,
                              "another `weir up` (pid %ld), or what it started, has the state "
                              "folder %s; stop it, or use another folder (--state-dir; "
                              "scripts/run: $WEIR_STATE_DIR)",
                              holder, c->state_dir);
    default:
        return command_failed(up->context, "cannot lock %s: %s", c->state_dir, strerror(errno));
    }
    made = up_make_folder(c->run_dir);
    if (made != STATUS_OK)
        return command_failed(up->context, "cannot use run_dir %s: %s", c->run_dir,
                              up_folder_why(made));
    enum status s = add_children(up);
    if (s == STATUS_OK)
        s = open_notify(up);
    if (s == STATUS_OK)
        return run_loop(up);
    if (s == STATUS_NOT_FOUND || s == STATUS_EXISTS)
        return EXIT_FAILED; /* said already */
    return command_failed(up->context, "%s", status_text(s));
}

int up_run(const struct command_context *context, int argc, char **argv)
{
    const char *state_dir = NULL;
    const struct command_option options[] = {COMMAND_VALUE("--state-dir", state_dir)};
    if (!command_options(context, &argc, argv, options, 1))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s", argv[1]);
    if (state_dir != NULL && context->config != NULL)
        return command_usage_error(context, "--state-dir is in the file that --config names");

    struct up *up = calloc(1, sizeof(*up));
    if (up == NULL)
        return command_failed(context, "out of memory");
    up->context = context;
    up->clock = clock_system();
    up->lock = up->notify = -1;
    log_init("up", LOG_INFO);
    int result = find_config(up, state_dir);
    if (result == EXIT_DONE)
        result = start(up);
    for (size_t i = 0; i < up->child_count; i++)
        child_done(&up->children[i]);
    if (up->notify >= 0) {
        (void)close(up->notify);
        (void)unlink(up->notify_path);
    }
    if (up->lock >= 0) {
        up_run_dir_remove(up->config);
        (void)close(up->lock);
    }
    credentials_done(&up->credentials);
    config_free(up->config);
    free(up);
    return result;
}
