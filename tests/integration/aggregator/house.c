#include "tests/integration/aggregator/house.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BATCH_MS = 100 };

uint64_t house_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- the program -------------------------------------------------------------------------------
 */

void house_write_config(struct house *house, const char *policies)
{
    FILE *file = fopen(house->config, "we");
    cr_assert_not_null(file);
    fprintf(file,
            "state_dir: %s\nrun_dir: %s\nlog: {level: info}\n"
            "redis:\n  password_dir: %s\n"
            "  telemetry: [{name: t1, address: \"%s\"}]\n  state: {address: \"%s\"}\n"
            "networks: {customers: [198.51.100.0/24]}\n"
            "aggregator: {metrics_port: 0}\n"
            "policies:\n%s",
            house->folder, house->folder, house->folder, house->telemetry.address,
            house->state.address, policies);
    cr_assert_eq(fclose(file), 0);
}

void house_run_aggregator(struct house *house)
{
    cr_assert_eq(house->pid, 0);
    pid_t parent = getpid();
    pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(126);
        execl(WEIR_AGGREGATOR, "weir-aggregator", "--config", house->config, (char *)NULL);
        _exit(127);
    }
    house->pid = pid;
}

void house_signal(struct house *house, int number)
{
    cr_assert_eq(kill(house->pid, number), 0);
}

int house_wait_exit(struct house *house)
{
    uint64_t end_ms = house_now_ms() + 10000;
    int status = 0;
    pid_t pid = 0;
    while (pid == 0 && house_now_ms() < end_ms) {
        pid = waitpid(house->pid, &status, WNOHANG);
        usleep(5000);
    }
    cr_assert_eq(pid, house->pid, "it does not end");
    house->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static struct redis_sync *open_sync(const char *address)
{
    struct redis_sync *sync = NULL;
    struct text why;
    text_init(&why, 0);
    const struct redis_options options = {.address = address};
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_OK, "%s", text_str(&why));
    text_done(&why);
    return sync;
}

void house_start(struct house *house, const char *policies)
{
    *house = (struct house){.last_id = "0"};
    redis_server_start(&house->telemetry, NULL);
    redis_server_start(&house->state, NULL);
    house->in = open_sync(house->telemetry.address);
    house->out = open_sync(house->telemetry.address);
    house->alarms = open_sync(house->state.address);
    strcpy(house->folder, "/tmp/weir-aggregator-XXXXXX");
    cr_assert_not_null(mkdtemp(house->folder));
    snprintf(house->config, sizeof(house->config), "%s/weir.yaml", house->folder);
    house_write_config(house, policies);
    for (size_t i = 0; i < HOUSE_COLLECTORS; i++) {
        struct fake_collector *c = &house->collectors[i];
        snprintf(c->name, sizeof(c->name), "c%zu", i + 1);
        c->epoch = 1000;
    }
    house_run_aggregator(house);
}

void house_end(struct house *house)
{
    if (house->pid != 0) {
        house_signal(house, SIGKILL);
        (void)house_wait_exit(house);
    }
    redis_sync_close(house->in);
    redis_sync_close(house->out);
    redis_sync_close(house->alarms);
    redis_server_done(&house->telemetry);
    redis_server_done(&house->state);
    unlink(house->config);
    rmdir(house->folder);
}

/* --- what goes in ------------------------------------------------------------------------------
 */

/* The id that the aggregator has for its first count, as its own ticks tell. */
static uint64_t known_count_id;

uint64_t house_count_id(struct house *house)
{
    HOUSE_UNTIL(house, 15000, known_count_id != 0);
    return known_count_id;
}

static void send_batch(struct house *house, struct fake_collector *c)
{
    struct ip_addr host = addr_from_ipv4(HOUSE_HOST);
    struct delta_row row = {.bytes = c->bytes,
                            .packets = c->bytes / 1000,
                            .flows = 1,
                            .samples = 10,
                            .var_bytes = (double)c->bytes};
    key_add_addr(&row.key, DIM_DST_ADDR, &host);
    struct delta_exporter exporter = {.addr = addr_from_ipv4(c == house->collectors ? 1 : 2)};
    static struct delta_batch batch;
    batch = (struct delta_batch){.schema = DELTA_SCHEMA,
                                 .epoch = c->epoch,
                                 .workers = 1,
                                 .shard = "s0",
                                 .sequence = ++c->sequence,
                                 .interval_ms = BATCH_MS,
                                 .counts = {known_count_id},
                                 .count_count = 1,
                                 .exporters = &exporter,
                                 .exporter_count = 1,
                                 .rows = &row,
                                 .row_count = c->bytes > 0 && known_count_id != 0};
    memcpy(batch.collector, c->name, sizeof(batch.collector));
    struct text bytes;
    text_init(&bytes, 0);
    cr_assert_eq(delta_encode(&batch, &bytes), STATUS_OK);
    for (int i = 0; i < (c->twice ? 2 : 1); i++) {
        const struct redis_reply *reply;
        enum status status = redis_sync_commandf(
            house->in, &reply, "XADD weir:delta:s0 * age_ms 0 pb %b", bytes.at, bytes.len);
        cr_assert_eq(status, STATUS_OK, "%s", redis_sync_error(house->in));
    }
    text_done(&bytes);
}

/* --- what comes out ----------------------------------------------------------------------------
 */

static void take_tick(struct house *house, const struct rollup_tick *tick)
{
    struct flow_key key = {0};
    struct ip_addr host = addr_from_ipv4(HOUSE_HOST);
    key_add_addr(&key, DIM_DST_ADDR, &host);
    if (tick->epoch != house->epoch) {
        cr_assert(tick->epoch > house->epoch, "epochs rise");
        house->epoch = tick->epoch;
        house->last_sequence = 0;
        house->first_bytes = -1;
    }
    if (tick->sequence > house->last_sequence + 1 && house->last_sequence > 0)
        house->lost_sequences++;
    house->last_sequence = tick->sequence;
    house->ticks++;
    house->has_row = false;
    house->bytes = 0;
    house->row_count = tick->row_count;
    house->count_count = tick->count_count;
    house->is_blind = tick->blind;
    snprintf(house->blind, sizeof(house->blind), "%s",
             tick->blind_count > 0 ? tick->blinds[0].contributor : "");
    if (tick->count_count > 0)
        known_count_id = tick->counts[0].id;
    for (size_t i = 0; i < tick->row_count; i++) {
        const struct rollup_row *row = &tick->rows[i];
        if (row->key.len != key.len || memcmp(row->key.bytes, key.bytes, key.len) != 0)
            continue;
        house->has_row = true;
        house->bytes = row->rates[0].bytes;
        house->contributor_count = row->contributor_count;
    }
    if (house->first_bytes < 0)
        house->first_bytes = house->bytes;
}

static void read_ticks(struct house *house)
{
    const struct redis_reply *reply;
    enum status status =
        redis_sync_commandf(house->out, &reply, "XRANGE weir:rollup:s0 (%s +", house->last_id);
    cr_assert_eq(status, STATUS_OK, "%s", redis_sync_error(house->out));
    for (size_t i = 0; i < reply->count; i++) {
        const struct redis_reply *entry = &reply->items[i];
        snprintf(house->last_id, sizeof(house->last_id), "%s", entry->items[0].bytes);
        const struct redis_reply *pb = redis_field(&entry->items[1], "pb");
        struct rollup_tick tick;
        cr_assert_not_null(pb);
        cr_assert_not_null(redis_field(&entry->items[1], "seq"));
        cr_assert_eq(rollup_decode(&tick, (const uint8_t *)pb->bytes, pb->len), STATUS_OK);
        take_tick(house, &tick);
        rollup_done(&tick);
    }
}

void house_turn(struct house *house)
{
    uint64_t now_ms = house_now_ms();
    if (now_ms >= house->next_ms) {
        house->next_ms = house->next_ms == 0 ? now_ms + BATCH_MS : house->next_ms + BATCH_MS;
        for (size_t i = 0; i < HOUSE_COLLECTORS; i++)
            if (!house->collectors[i].is_silent)
                send_batch(house, &house->collectors[i]);
    }
    read_ticks(house);
    usleep(10000);
}
