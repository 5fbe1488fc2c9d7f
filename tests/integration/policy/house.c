#include "tests/integration/policy/house.h"

#include "common/base/clock.h"
#include "common/redis/scripts.h"
#include "proto/scope.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_EVERY_MS = 100, LOOK_EVERY_MS = 5, REQUEST_LIMIT_MS = 5000 };

static const char yaml[] =
    "state_dir: %s\n"
    "run_dir: %s\n"
    "log: {level: info}\n"
    "dry_run: %s\n"
    "redis:\n"
    "  telemetry: [{name: t1, address: \"%s\"}]\n"
    "  state: {address: \"%s\"}\n"
    "shards:\n"
    "  - {name: s0, slots: [0-31], telemetry: t1, aggregator: a1}\n"
    "  - {name: s1, slots: [32-63], telemetry: t1, aggregator: a1}\n"
    "networks: {customers: [198.51.100.0/24, \"2001:db8::/32\"]}\n"
    "protected: [198.51.100.10/32]\n"
    "infrastructure: [198.51.100.240/28]\n"
    "bgp_sessions: [[192.0.2.1, 198.51.100.9]]\n"
    "exporters: [{address: 192.0.2.1, name: r1, active_timeout: 1s}]\n"
    "collector: {metrics_port: 0, recall: {enabled: false}}\n"
    "aggregator: {name: a1, metrics_port: 0}\n"
    "policy: {name: p%d, metrics_port: 0}\n"
    "speaker: {name: sp1, router_id: 192.0.2.9, local_as: 64500, metrics_port: 0}\n"
    "peers:\n"
    "  - {name: r1, address: 192.0.2.1, remote_as: 64500, profile: gobgp}\n"
    "platforms: [{name: edge, peers: [r1], max_rules: 20, widest: [/24, /48]}]\n"
    "policies:\n"
    "  - name: host\n"
    "    direction: incoming\n"
    "    where: {protocol: [udp]}\n"
    "    key: [dst_addr]\n"
    "    window: 1s\n"
    "    thresholds:\n"
    "      - severity: critical\n"
    "        any: {bps: 100M}\n"
    "        clear: {below: 80%%, after: 2s}\n"
    "        mitigate: [{method: limit}]\n"
    "methods:\n"
    "  - name: limit\n"
    "    match: {destination: infer, protocol: [udp]}\n"
    "    action: {rate_limit: 10Mbps}\n"
    "    withdraw_after: 2s\n";

uint64_t house_now_ms(void)
{
    struct clock clock = clock_system();
    return clock_mono_ms(&clock);
}

static const char *config_path(const struct house *h, int index)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/p%d.yaml", h->folder, index + 1);
    return path;
}

static void write_config(const struct house *h, int index, bool dry_run)
{
    FILE *file = fopen(config_path(h, index), "we");
    cr_assert_not_null(file);
    (void)fprintf(file, yaml, h->folder, h->folder, dry_run ? "true" : "false",
                  h->telemetry.address, h->state.address, index + 1);
    cr_assert_eq(fclose(file), 0);
}

static void load_model(struct house *h)
{
    struct config_errors errors;
    config_errors_init(&errors, config_path(h, 0));
    cr_assert_eq(config_load(&h->config, config_path(h, 0), &errors), STATUS_OK, "%s",
                 text_str(&errors.lines));
    h->model = model_new(h->config, &errors);
    cr_assert_not_null(h->model, "%s", text_str(&errors.lines));
    config_errors_done(&errors);
}

struct house *house_open(bool dry_run)
{
    static const char *const on_disk[] = {"--appendonly", "yes", "--appendfsync", "always", NULL};
    struct house *h = calloc(1, sizeof(*h));
    cr_assert_not_null(h);
    (void)snprintf(h->folder, sizeof(h->folder), "/tmp/weir-policy-XXXXXX");
    cr_assert_not_null(mkdtemp(h->folder));
    redis_server_start(&h->telemetry, NULL);
    redis_server_start(&h->state, on_disk);
    for (int i = 0; i < HOUSE_POLICIES_MAX; i++)
        write_config(h, i, dry_run);
    load_model(h);
    put_rollup_open(&h->traffic, h->model);
    (void)snprintf(h->traffic.exporter, sizeof(h->traffic.exporter), "192.0.2.1");
    return h;
}

static void forget_seen(struct house *h)
{
    for (size_t i = 0; i < h->alarm_count; i++)
        alarm_done(&h->alarms[i]);
    h->alarm_count = 0;
    for (size_t i = 0; i < h->mitigation_count; i++)
        mitigation_done(&h->mitigations[i]);
    h->mitigation_count = 0;
}

void house_close(struct house *h)
{
    char command[128];
    for (int i = 0; i < HOUSE_POLICIES_MAX; i++)
        house_end_policy(h, i, SIGTERM);
    forget_seen(h);
    put_rollup_close(&h->traffic);
    redis_sync_close(h->redis);
    model_free(h->model);
    config_free(h->config);
    redis_server_done(&h->telemetry);
    redis_server_done(&h->state);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", h->folder);
    cr_assert_eq(system(command), 0);
    free(h);
}

/* --- policies --- */

void house_start_policy(struct house *h, int index)
{
    char log[128];
    pid_t parent = getpid();
    (void)snprintf(log, sizeof(log), "%s/p%d.log", h->folder, index + 1);
    h->policies[index] = fork();
    cr_assert_geq(h->policies[index], 0);
    if (h->policies[index] > 0)
        return;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (getppid() != parent || dup2(fd, STDERR_FILENO) < 0)
        _exit(1);
    (void)execl(WEIR_POLICY, "weir-policy", "--config", config_path(h, index), (char *)NULL);
    _exit(127);
}

void house_end_policy(struct house *h, int index, int signal_number)
{
    int status = 0;
    if (h->policies[index] == 0)
        return;
    (void)kill(h->policies[index], signal_number);
    cr_assert_eq(waitpid(h->policies[index], &status, 0), h->policies[index]);
    h->policies[index] = 0;
    if (signal_number == SIGTERM)
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "policy ended with %x\n%s", status,
                  house_logs(h));
}

struct house *house_with_policy(bool dry_run)
{
    struct house *h = house_open(dry_run);
    house_start_policy(h, 0);
    HOUSE_UNTIL(h, strstr(house_logs(h), "\"acting\"") != NULL);
    return h;
}

static FILE *open_log(const struct house *h, int index)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/p%d.log", h->folder, index + 1);
    return fopen(path, "re");
}

const char *house_logs(struct house *h)
{
    static char all[HOUSE_POLICIES_MAX * 16384];
    size_t len = 0;
    for (int i = 0; i < HOUSE_POLICIES_MAX; i++) {
        char tail[12000];
        FILE *file = open_log(h, i);
        if (file == NULL)
            continue;
        if (fseek(file, -(long)sizeof(tail) + 1, SEEK_END) != 0)
            rewind(file);
        size_t got = fread(tail, 1, sizeof(tail) - 1, file);
        (void)fclose(file);
        tail[got] = '\0';
        len += (size_t)snprintf(all + len, sizeof(all) - len, "--- p%d\n%s", i + 1, tail);
    }
    all[len] = '\0';
    return all;
}

long house_log_len(const struct house *h, int index)
{
    FILE *file = open_log(h, index);
    if (file == NULL)
        return 0;
    (void)fseek(file, 0, SEEK_END);
    long len = ftell(file);
    (void)fclose(file);
    return len;
}

bool house_log_has(const struct house *h, int index, long from, const char *what)
{
    char line[8192];
    bool found = false;
    FILE *file = open_log(h, index);
    if (file == NULL)
        return false;
    if (fseek(file, from, SEEK_SET) == 0)
        while (!found && fgets(line, sizeof(line), file) != NULL)
            found = strstr(line, what) != NULL;
    (void)fclose(file);
    return found;
}

/* --- time and traffic --- */

void house_attack(struct house *h, const char *target, double bps)
{
    put_rollup_set(&h->traffic, "host", target, bps);
}

uint64_t house_waited_ms(struct house *h)
{
    waits_look(&h->waits,
               (const pid_t[WAITS_PROCESSES]){h->policies[0], h->policies[1], h->state.pid,
                                              h->telemetry.pid, getpid()},
               house_now_ms());
    return waits_ms(&h->waits);
}

bool house_starved(const struct house *h)
{
    return h->waits.starved;
}

bool house_turn(struct house *h, uint64_t deadline_ms)
{
    uint64_t now_ms = house_now_ms();
    if (!h->is_silent && now_ms - h->ticked_ms >= TICK_EVERY_MS) {
        h->ticked_ms = now_ms;
        put_rollup_tick(&h->traffic);
    }
    (void)nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
    return now_ms < deadline_ms;
}

/* --- state Redis --- */

void house_stop_state(struct house *h)
{
    redis_sync_close(h->redis);
    h->redis = NULL;
    redis_server_stop(&h->state);
}

void house_start_state(struct house *h)
{
    redis_server_start_again(&h->state);
}

static void connect_state(struct house *h)
{
    if (h->redis != NULL)
        return;
    struct redis_options options = {.address = h->state.address};
    struct text why;
    text_init(&why, 0);
    cr_assert_eq(redis_sync_open(&h->redis, &options, &why), STATUS_OK, "%s", text_str(&why));
    text_done(&why);
}

const struct redis_reply *house_ask(struct house *h, const char *format, ...)
{
    const struct redis_reply *reply = NULL;
    char command[512], *words[16], *rest = NULL;
    struct redis_arg args[16];
    size_t count = 0;
    va_list values;
    va_start(values, format);
    (void)vsnprintf(command, sizeof(command), format, values);
    va_end(values);
    for (words[0] = strtok_r(command, " ", &rest); words[count] != NULL && count < 15;
         words[count] = strtok_r(NULL, " ", &rest)) {
        args[count] = (struct redis_arg){.bytes = words[count], .len = strlen(words[count])};
        count++;
    }
    connect_state(h);
    cr_assert_eq(redis_sync_command(h->redis, args, count, &reply), STATUS_OK, "%s",
                 redis_sync_error(h->redis));
    return reply;
}

bool house_is(struct house *h, const char *want, const char *format, ...)
{
    char command[512];
    va_list values;
    va_start(values, format);
    (void)vsnprintf(command, sizeof(command), format, values);
    va_end(values);
    const struct redis_reply *reply = house_ask(h, "%s", command);
    return reply->type == REDIS_STRING && strcmp(reply->bytes, want) == 0;
}

static size_t active_ids(struct house *h, const char *set, char ids[HOUSE_SEEN_MAX][ID_TEXT_MAX])
{
    const struct redis_reply *reply = house_ask(h, "ZRANGE %s 0 -1", set);
    cr_assert_eq(reply->type, REDIS_ARRAY);
    cr_assert_leq(reply->count, (size_t)HOUSE_SEEN_MAX);
    for (size_t i = 0; i < reply->count; i++)
        (void)snprintf(ids[i], ID_TEXT_MAX, "%s", reply->items[i].bytes);
    return reply->count;
}

size_t house_alarms(struct house *h)
{
    char ids[HOUSE_SEEN_MAX][ID_TEXT_MAX];
    forget_seen(h);
    size_t count = active_ids(h, "weir:alarms:active", ids);
    for (size_t i = 0; i < count; i++) {
        const struct redis_reply *pb = house_ask(h, "HGET weir:alarm:%s pb", ids[i]);
        cr_assert_eq(pb->type, REDIS_STRING);
        cr_assert_eq(alarm_decode(&h->alarms[h->alarm_count], (const uint8_t *)pb->bytes, pb->len),
                     STATUS_OK);
        h->alarm_count++;
    }
    return count;
}

struct mitigation house_mitigation(struct house *h, const char *id)
{
    struct mitigation m;
    const struct redis_reply *pb = house_ask(h, "HGET weir:mitigation:%s pb", id);
    cr_assert_eq(pb->type, REDIS_STRING);
    cr_assert_eq(mitigation_decode(&m, (const uint8_t *)pb->bytes, pb->len), STATUS_OK);
    return m;
}

size_t house_mitigations(struct house *h)
{
    char ids[HOUSE_SEEN_MAX][ID_TEXT_MAX];
    forget_seen(h);
    size_t count = active_ids(h, "weir:mitigations:active", ids);
    for (size_t i = 0; i < count; i++)
        h->mitigations[h->mitigation_count++] = house_mitigation(h, ids[i]);
    return count;
}

bool house_alarm_is(struct house *h, enum alarm_state state)
{
    return house_alarms(h) == 1 && h->alarms[0].state == state;
}

bool house_mitigation_is(struct house *h, enum mitigation_state state)
{
    return house_mitigations(h) == 1 && h->mitigations[0].state == state;
}

long house_len(struct house *h, const char *stream)
{
    return (long)house_ask(h, "XLEN %s", stream)->integer;
}

bool house_audit_has(struct house *h, const char *text)
{
    const struct redis_reply *all = house_ask(h, "XRANGE weir:audit - +");
    for (size_t i = 0; i < all->count; i++) {
        const struct redis_reply *fields = &all->items[i].items[1];
        for (size_t j = 1; j < fields->count; j += 2)
            if (strstr(fields->items[j].bytes, text) != NULL)
                return true;
    }
    return false;
}

/* --- speaker and person --- */

static void add_to(struct house *h, const char *stream, const struct text *pb)
{
    const struct redis_reply *reply;
    connect_state(h);
    cr_assert_eq(redis_sync_commandf(h->redis, &reply, "XADD %s * pb %b", stream, pb->at, pb->len),
                 STATUS_OK);
}

void house_result(struct house *h, const struct mitigation *m, enum result_kind kind)
{
    struct clock clock = clock_system();
    bool withdraws = m->state == MITIGATION_WITHDRAWING;
    struct job_result result = {.speaker = "sp1",
                                .peer = "r1",
                                .revision = m->revision,
                                .kind = (uint8_t)kind,
                                .verb = withdraws ? JOB_WITHDRAW : JOB_ANNOUNCE,
                                .at_ms = clock_wall_ms(&clock)};
    struct text pb;
    (void)snprintf(result.mitigation, sizeof(result.mitigation), "%s", m->id);
    text_init(&pb, 0);
    cr_assert_eq(job_result_encode(&result, &pb), STATUS_OK);
    add_to(h, "weir:results", &pb);
    text_done(&pb);
}

struct reply house_request(struct house *h, const char *verb, const char *const *args)
{
    static unsigned int number;
    struct request *request = calloc(1, sizeof(*request));
    struct clock clock = clock_system();
    struct reply answer;
    struct text pb;
    cr_assert_not_null(request);
    (void)snprintf(request->id, sizeof(request->id), "r-%d-%u", (int)getpid(), number++);
    (void)snprintf(request->who, sizeof(request->who), "tester");
    (void)snprintf(request->verb, sizeof(request->verb), "%s", verb);
    request->expires_at_ms = clock_wall_ms(&clock) + REQUEST_LIMIT_MS;
    for (size_t i = 0; args[i] != NULL; i += 2) {
        (void)snprintf(request->args[i / 2].name, sizeof(request->args[0].name), "%s", args[i]);
        (void)snprintf(request->args[i / 2].value, sizeof(request->args[0].value), "%s",
                       args[i + 1]);
        request->arg_count++;
    }
    if (strcmp(verb, "late") == 0)
        request->expires_at_ms -= 2 * REQUEST_LIMIT_MS;
    text_init(&pb, 0);
    cr_assert_eq(request_encode(request, &pb), STATUS_OK);
    add_to(h, "weir:requests", &pb);
    text_done(&pb);
    HOUSE_WITHIN(h, REQUEST_LIMIT_MS, house_ask(h, "LLEN weir:reply:%s", request->id)->integer > 0);
    cr_assert_gt(house_ask(h, "PTTL weir:reply:%s", request->id)->integer, 0);
    const struct redis_reply *bytes = house_ask(h, "LPOP weir:reply:%s", request->id);
    cr_assert_eq(reply_decode(&answer, (const uint8_t *)bytes->bytes, bytes->len), STATUS_OK);
    cr_assert_str_eq(answer.id, request->id);
    free(request);
    return answer;
}

void house_stop(struct house *h, const char *verb, const char *scope)
{
    if (strcmp(verb, stop_verb_name(STOP_WITHDRAW_ALL)) == 0)
        house_ask(h, "HSET weir:hold %s tester:test", scope);
    else
        house_ask(h, "HDEL weir:hold %s", scope);
    house_ask(h, "XADD weir:stops * verb %s scope %s who tester why test", verb, scope);
}
