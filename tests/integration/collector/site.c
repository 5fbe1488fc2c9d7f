#include "tests/integration/collector/site.h"

#include "common/base/wire.h"
#include "common/redis/redis.h"
#include "proto/delta.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MS = 20, HOSTS = 50, BATCHES_MAX = 20000 };

void site_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

static uint16_t free_port(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    socklen_t len = sizeof(any);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    close(fd);
    return ntohs(any.sin_port);
}

void site_write_config(struct site *site, const char *policies)
{
    FILE *file = fopen(site->config, "w");
    cr_assert_not_null(file);
    fprintf(file,
            "state_dir: %s\nrun_dir: %s\n"
            "networks: {customers: [198.51.100.0/24]}\n"
            "redis: {telemetry: [{name: t1, address: \"%s\", max_memory: 64MiB}], "
            "state: {address: \"unix:%s/state.sock\", max_memory: 64MiB}}\n"
            "shards: [{name: s0, slots: [0-31], telemetry: t1, aggregator: a1}, "
            "{name: s1, slots: [32-63], telemetry: t1, aggregator: a1}]\n"
            "aggregator: {name: a1}\n"
            "collector: {name: c1, udp: [\"[::]:%u\"], workers: %u, receive_buffer: 8MiB, "
            "metrics_port: 0, recall: {enabled: %s}%s}\n"
            "%s",
            site->redis.folder, site->redis.folder, site->redis.address, site->redis.folder,
            site->port, site->workers == 0 ? 2 : site->workers, site->recall ? "true" : "false",
            site->more == NULL ? "" : site->more, policies);
    fclose(file);
}

void site_start_collector(struct site *site)
{
    pid_t parent = getpid();
    site->pid = fork();
    cr_assert_geq(site->pid, 0);
    if (site->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            execl(WEIR_COLLECTOR, "weir-collector", "--config", site->config, (char *)NULL);
        _exit(127);
    }
}

void site_wait_registered(struct site *site)
{
    /* Registered means that its sockets are open. */
    SITE_UNTIL(strcmp(redis_server_cli(&site->redis, "EXISTS weir:process:collector:c1"), "1") ==
               0);
}

void site_start(struct site *site, const char *const *redis_args)
{
    memset(site, 0, sizeof(*site));
    redis_server_start(&site->redis, redis_args);
    site->port = free_port();
    snprintf(site->config, sizeof(site->config), "%s/weir.yaml", site->redis.folder);
    site_write_config(site, "policies: [{name: p, direction: incoming, key: [dst_addr], window: "
                            "1s, thresholds: [{severity: critical, any: {bps: 1G}, clear: {below: "
                            "80%, after: 120s}}]}]\n");
    site->exporter = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_geq(site->exporter, 0);
    site_start_collector(site);
    site_wait_registered(site);
}

int site_stop_collector(struct site *site, int signal)
{
    int status = 0;
    pid_t ended = 0;
    cr_assert_eq(kill(site->pid, signal), 0);
    for (int turn = 0; turn < 6000 / PAUSE_MS && ended == 0; turn++) {
        ended = waitpid(site->pid, &status, WNOHANG);
        if (ended == 0)
            site_pause();
    }
    cr_assert_eq(ended, site->pid, "the collector does not end");
    site->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void site_done(struct site *site)
{
    if (site->pid > 0) {
        kill(site->pid, SIGKILL);
        waitpid(site->pid, NULL, 0);
    }
    close(site->exporter);
    unlink(site->config);
    redis_server_done(&site->redis);
}

static void put_record(struct wire_writer *w, uint32_t host)
{
    wire_put_u32(w, 0x08080808);
    wire_put_u32(w, 0xc6336400U + host);
    wire_put_u32(w, 0);
    wire_put_u32(w, 0x00010002);
    wire_put_u32(w, 2);
    wire_put_u32(w, SITE_RECORD_BYTES);
    wire_put_u32(w, 99000);
    wire_put_u32(w, 99050);
    wire_put_u32(w, 53U << 16 | 4000);
    wire_put_u32(w, 17U << 8);
    wire_put_u32(w, 0);
    wire_put_u32(w, 0);
}

void site_send_bytes(struct site *site, const void *bytes, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(site->port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(sendto(site->exporter, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)),
                 (ssize_t)len);
}

void site_send(struct site *site, size_t datagrams)
{
    uint8_t bytes[1500];
    for (size_t i = 0; i < datagrams; i++) {
        struct wire_writer w = wire_writer_of(bytes, sizeof(bytes));
        wire_put_u16(&w, 5);
        wire_put_u16(&w, SITE_RECORDS);
        wire_put_u32(&w, 100000);
        wire_put_u32(&w, 1700000000);
        wire_put_u32(&w, 0);
        wire_put_u32(&w, site->sequence);
        wire_put_u16(&w, 0);
        wire_put_u16(&w, SITE_RATE);
        for (uint32_t r = 0; r < SITE_RECORDS; r++)
            put_record(&w, (site->sequence + r) % HOSTS);
        site->sequence += SITE_RECORDS;
        site_send_bytes(site, bytes, w.len);
        site->sent_bytes += (uint64_t)SITE_RECORDS * SITE_RECORD_BYTES * SITE_RATE;
    }
}

/* --- reading --- */

struct identity {
    uint64_t epoch, sequence;
    uint32_t worker, shard;
    uint64_t hash; /* of the bytes */
};

static uint64_t hash_of(const char *bytes, size_t len)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * 1099511628211U;
    return hash;
}

/* True: this identity was there before. */
static bool seen_before(struct identity *seen, size_t *count, const struct identity *new,
                        bool *ret_broken)
{
    for (size_t i = 0; i < *count; i++)
        if (seen[i].epoch == new->epoch && seen[i].sequence == new->sequence &&seen[i].worker ==
                                               new->worker &&seen[i].shard == new->shard) {
            *ret_broken |= seen[i].hash != new->hash;
            return true;
        }
    cr_assert_lt(*count, (size_t)BATCHES_MAX);
    seen[(*count)++] = *new;
    return false;
}

static void note_count(struct site_read *read, uint64_t id)
{
    for (size_t i = 0; i < read->count_count; i++)
        if (read->counts[i] == id)
            return;
    cr_assert_lt(read->count_count, sizeof(read->counts) / sizeof(read->counts[0]));
    read->counts[read->count_count++] = id;
}

static void read_entry(const struct redis_reply *entry, uint32_t shard, struct identity *seen,
                       size_t *count, struct site_read *read)
{
    struct delta_batch batch;
    const struct redis_reply *fields = &entry->items[1];
    const struct redis_reply *pb = redis_field(fields, "pb"), *age = redis_field(fields, "age_ms");
    if (pb == NULL || age == NULL ||
        delta_decode(&batch, (const uint8_t *)pb->bytes, pb->len) != STATUS_OK) {
        read->broken = true;
        return;
    }
    struct identity identity = {.epoch = batch.epoch,
                                .sequence = batch.sequence,
                                .worker = batch.worker,
                                .shard = shard,
                                .hash = hash_of(pb->bytes, pb->len)};
    if (seen_before(seen, count, &identity, &read->broken)) {
        read->again++;
    } else {
        read->batches++;
        bool *had_rows = &read->had_rows[shard][batch.worker % 2];
        read->quiet += *had_rows && batch.row_count == 0 && batch.exporter_count == 0;
        *had_rows = batch.row_count > 0;
        for (size_t i = 0; i < batch.row_count; i++) {
            read->bytes += batch.rows[i].bytes;
            read->packets += batch.rows[i].packets;
            read->rows++;
            uint64_t age_ms = (uint64_t)batch.rows[i].age_ticks * batch.interval_ms;
            read->oldest_ms = age_ms > read->oldest_ms ? age_ms : read->oldest_ms;
            note_count(read, batch.counts[batch.rows[i].count]);
        }
    }
    delta_done(&batch);
}

struct site_read site_read(struct site *site)
{
    static const char *const shards[] = {"s0", "s1"};
    struct site_read read = {0};
    struct redis_options options = {.name = "t1", .address = site->redis.address};
    struct identity *seen = calloc(BATCHES_MAX, sizeof(*seen));
    struct redis_sync *sync;
    struct text why;
    size_t count = 0;

    text_init(&why, 0);
    options.clock = clock_system();
    cr_assert_eq(redis_sync_open(&sync, &options, &why), STATUS_OK, "%s", text_str(&why));
    for (uint32_t s = 0; s < 2; s++) {
        const struct redis_reply *reply;
        cr_assert_eq(redis_sync_commandf(sync, &reply, "XRANGE weir:delta:%s - +", shards[s]),
                     STATUS_OK);
        for (size_t i = 0; i < reply->count; i++)
            read_entry(&reply->items[i], s, seen, &count, &read);
    }
    redis_sync_close(sync);
    text_done(&why);
    free(seen);
    return read;
}
