#include "ctl/generate.h"

#include "common/base/clock.h"
#include "ctl/export.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What is due is sent every turn; after a pause no more than this is made up for. */
enum { TURN_US = 2000, CATCH_UP_US = 100000 };

struct plan {
    struct ip_endpoint to;
    enum flow_format format;
    double rate, attack_rate;               /* records a second */
    uint64_t volume_bps, attack_volume_bps; /* bits a second, before sampling; 0: as it comes */
    uint64_t duration_ms, attack_after_ms, attack_for_ms, flow_ms, seed, sampling, hosts, sources;
    const struct traffic_attack *attack;
    struct ip_addr target, from;
    struct ip_prefix network;
};

struct run {
    struct plan plan;
    struct traffic traffic;
    struct export export;
    int socket;
    bool says;                     /* what it does, to people */
    double normal_due, attack_due; /* records, or octets where the volume rules (sFlow) */
    uint64_t normal_records, attack_records, attack_bytes;
    uint64_t refused; /* datagrams of which the other side said that nobody listens */
    uint64_t first_attack_ms, last_attack_ms; /* Unix time; 0: none */
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static bool send_datagram(void *owner, const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    ssize_t sent = send(run->socket, bytes, len, 0);
    if (sent < 0 && errno == ECONNREFUSED) {
        run->refused++; /* said of an earlier datagram; this one was not sent yet */
        sent = send(run->socket, bytes, len, 0);
    }
    return sent == (ssize_t)len;
}

/*
 * A flow's share of a volume: NetFlow tells a record's octets, so the rate of records is free; an
 * sFlow sample stands for one frame × the sampling rate, so there the volume gives the number of
 * samples.
 */
static double cost(const struct run *run, const struct traffic_flow *flow, uint64_t volume_bps)
{
    bool by_volume = run->plan.format == FORMAT_SFLOW5 && volume_bps != 0;
    return by_volume ? (double)flow->frame_bytes * (double)run->plan.sampling : 1;
}

static double earned(const struct run *run, double rate, uint64_t volume_bps, double seconds)
{
    bool by_volume = run->plan.format == FORMAT_SFLOW5 && volume_bps != 0;
    return seconds * (by_volume ? (double)volume_bps / 8 : rate);
}

/* Octets of a NetFlow record; an sFlow sample is one frame, whatever the volume. */
static uint64_t bytes_a_record(const struct run *run, double rate, uint64_t volume_bps)
{
    bool fixed = run->plan.format == FORMAT_SFLOW5 || volume_bps == 0 || rate <= 0;
    return fixed ? 0 : (uint64_t)((double)volume_bps / 8 / rate);
}

/* What a record stands for, before sampling. */
static uint64_t stands_for(const struct run *run, const struct traffic_flow *flow)
{
    return run->plan.format == FORMAT_SFLOW5 ? flow->frame_bytes * run->plan.sampling : flow->bytes;
}

static void send_due(struct run *run, uint64_t wall_ms)
{
    const struct plan *p = &run->plan;
    while (run->normal_due >= 1) {
        struct traffic_flow flow =
            traffic_normal(&run->traffic, bytes_a_record(run, p->rate, p->volume_bps));
        run->normal_due -= cost(run, &flow, p->volume_bps);
        export_add(&run->export, &flow);
        run->normal_records++;
    }
    while (run->attack_due >= 1) {
        struct traffic_flow flow =
            traffic_attack_flow(&run->traffic, p->attack, &p->target,
                                bytes_a_record(run, p->attack_rate, p->attack_volume_bps));
        run->attack_due -= cost(run, &flow, p->attack_volume_bps);
        export_add(&run->export, &flow);
        run->attack_records++;
        run->attack_bytes += stands_for(run, &flow);
        run->first_attack_ms = run->first_attack_ms != 0 ? run->first_attack_ms : wall_ms;
        run->last_attack_ms = wall_ms;
    }
    export_flush(&run->export);
}

static void say_attack(bool attacks, uint64_t at_ms)
{
    fprintf(stderr, "weir generate: %.1f s: the attack %s\n", (double)at_ms / 1000,
            attacks ? "begins" : "is over");
}

static void loop(struct run *run)
{
    const struct plan *p = &run->plan;
    struct clock clock = clock_system();
    uint64_t start_us = clock_mono_us(&clock), last_us = start_us;
    bool attacked = false;
    while (!interrupted) {
        uint64_t now_us = clock_mono_us(&clock);
        uint64_t at_ms = (now_us - start_us) / 1000;
        if (p->duration_ms != 0 && at_ms >= p->duration_ms)
            break;
        uint64_t passed_us = now_us - last_us < CATCH_UP_US ? now_us - last_us : CATCH_UP_US;
        double seconds = (double)passed_us / 1e6;
        last_us = now_us;
        run->normal_due += earned(run, p->rate, p->volume_bps, seconds);
        bool attacks = p->attack != NULL && at_ms >= p->attack_after_ms &&
                       (p->attack_for_ms == 0 || at_ms < p->attack_after_ms + p->attack_for_ms);
        if (run->says && attacks != attacked)
            say_attack(attacks, at_ms);
        attacked = attacks;
        if (attacks)
            run->attack_due += earned(run, p->attack_rate, p->attack_volume_bps, seconds);
        else
            run->attack_due = 0;
        export_set_time(&run->export, now_us / 1000, clock_wall_ms(&clock));
        send_due(run, clock_wall_ms(&clock));
        struct timespec turn = {.tv_nsec = TURN_US * 1000};
        (void)nanosleep(&turn, NULL);
    }
}

struct arguments {
    const char *to, *proto, *rate, *volume, *duration, *attack, *target, *attack_rate,
        *attack_volume, *attack_after, *attack_for, *network, *hosts, *sources, *sampling, *flow,
        *from, *seed;
};

static bool parse_proto(const char *name, enum flow_format *ret_format)
{
    if (strcmp(name, "sflow") == 0)
        name = "sflow5";
    for (int f = 0; f < FORMAT_COUNT; f++) {
        if (strcmp(name, flow_format_name((enum flow_format)f)) == 0) {
            *ret_format = (enum flow_format)f;
            return true;
        }
    }
    return false;
}

static bool bad(const struct command_context *c, const char *option, const char *value,
                const char *want)
{
    (void)command_usage_error(c, "%s %s: expected %s", option, value, want);
    return false;
}

static bool parse_number(const struct command_context *c, const char *option, const char *value,
                         uint64_t min, uint64_t max, uint64_t *ret_number)
{
    if (text_parse_count(ret_number, value) == STATUS_OK && *ret_number >= min &&
        *ret_number <= max)
        return true;
    char want[80];
    (void)snprintf(want, sizeof(want), "a number from %" PRIu64 " to %" PRIu64 ", such as 10k", min,
                   max);
    return bad(c, option, value, want);
}

static bool parse_time(const struct command_context *c, const char *option, const char *value,
                       uint64_t *ret_ms)
{
    return text_parse_duration_ms(ret_ms, value) == STATUS_OK ||
           bad(c, option, value, "a time, such as 10s");
}

static bool parse_volume(const struct command_context *c, const char *option, const char *value,
                         uint64_t *ret_bps)
{
    if (strcmp(value, "0") == 0) {
        *ret_bps = 0;
        return true;
    }
    return text_parse_bit_rate(ret_bps, value) == STATUS_OK ||
           bad(c, option, value, "a rate, such as 2Gbps");
}

static bool parse_attack(const struct command_context *c, const struct arguments *a, struct plan *p)
{
    if (a->attack == NULL) {
        if (a->target != NULL)
            return bad(c, "--target", a->target, "--attack NAME with it");
        return true;
    }
    p->attack = traffic_attack_find(a->attack);
    if (p->attack == NULL) {
        char names[256] = "one of";
        for (unsigned int i = 0; traffic_attack_at(i) != NULL; i++) {
            size_t len = strlen(names);
            (void)snprintf(names + len, sizeof(names) - len, " %s", traffic_attack_at(i)->name);
        }
        return bad(c, "--attack", a->attack, names);
    }
    if (a->target != NULL && addr_parse(&p->target, a->target) != STATUS_OK)
        return bad(c, "--target", a->target, "an address");
    if (a->target == NULL) {
        p->target = p->network.addr;
        p->target.octets[addr_len(&p->target) - 1] |= 1;
    }
    if (p->format == FORMAT_NETFLOW5 && p->target.family != ADDR_IPV4)
        return bad(c, "--target", a->target, "an IPv4 address: NetFlow 5 has no other");
    return true;
}

static bool parse(const struct command_context *c, const struct arguments *a, struct plan *p)
{
    uint64_t rate = 0, attack_rate = 0;
    if (a->to == NULL || a->proto == NULL) {
        (void)command_usage_error(c, "needs --to HOST:PORT and --proto");
        return false;
    }
    if (endpoint_parse(&p->to, a->to) != STATUS_OK || p->to.port == 0)
        return bad(c, "--to", a->to, "ADDRESS:PORT, such as 127.0.0.1:2055");
    if (!parse_proto(a->proto, &p->format))
        return bad(c, "--proto", a->proto, "sflow, netflow5, netflow9 or ipfix");
    if (prefix_parse(&p->network, a->network) != STATUS_OK)
        return bad(c, "--network", a->network, "a prefix");
    if (p->format == FORMAT_NETFLOW5 && p->network.addr.family != ADDR_IPV4)
        return bad(c, "--network", a->network, "an IPv4 prefix: NetFlow 5 has no other");
    if (a->from != NULL && addr_parse(&p->from, a->from) != STATUS_OK)
        return bad(c, "--from", a->from, "an address");
    bool good = parse_number(c, "--rate", a->rate, 0, 100000000, &rate) &&
                parse_number(c, "--attack-rate", a->attack_rate, 1, 100000000, &attack_rate) &&
                parse_number(c, "--hosts", a->hosts, 1, 1u << 24, &p->hosts) &&
                parse_number(c, "--sources", a->sources, 1, 1u << 24, &p->sources) &&
                parse_number(c, "--sampling", a->sampling, 1,
                             p->format == FORMAT_NETFLOW5 ? 16383 : 1u << 24, &p->sampling) &&
                parse_number(c, "--seed", a->seed, 0, UINT64_MAX, &p->seed) &&
                parse_time(c, "--duration", a->duration, &p->duration_ms) &&
                parse_time(c, "--attack-after", a->attack_after, &p->attack_after_ms) &&
                parse_time(c, "--attack-for", a->attack_for, &p->attack_for_ms) &&
                parse_time(c, "--flow-duration", a->flow, &p->flow_ms) &&
                parse_volume(c, "--volume", a->volume, &p->volume_bps) &&
                parse_volume(c, "--attack-volume", a->attack_volume, &p->attack_volume_bps) &&
                parse_attack(c, a, p);
    if (good && p->flow_ms > 3600000)
        return bad(c, "--flow-duration", a->flow, "at most 1h");
    p->rate = (double)rate;
    p->attack_rate = (double)attack_rate;
    return good;
}

static int open_socket(const struct command_context *c, const struct plan *p)
{
    struct sockaddr_storage to, from;
    socklen_t to_len = endpoint_to_sockaddr(&p->to, &to);
    int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && p->from.family != ADDR_NONE) {
        struct ip_endpoint local = {.addr = p->from};
        socklen_t from_len = endpoint_to_sockaddr(&local, &from);
        if (bind(fd, (const struct sockaddr *)&from, from_len) != 0) {
            (void)command_failed(c, "cannot send from that address: %s", strerror(errno));
            (void)close(fd);
            return -1;
        }
    }
    if (fd < 0 || connect(fd, (const struct sockaddr *)&to, to_len) != 0) {
        (void)command_failed(c, "cannot send there: %s", strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    return fd;
}

/* To people, who would else look at nothing for minutes. */
static void say_plan(const struct arguments *a, const struct plan *p)
{
    fprintf(stderr, "weir generate: %s to %s, %s; Ctrl-C ends it\n", a->proto, a->to,
            p->duration_ms != 0 ? a->duration : "without end");
    if (p->attack != NULL && p->attack_after_ms != 0)
        fprintf(stderr, "weir generate: ordinary traffic first, the attack begins after %s\n",
                a->attack_after);
}

static void report(const struct command_context *c, const struct run *run)
{
    const struct export *e = &run->export;
    if (c->json)
        printf("{\"datagrams\": %" PRIu64 ", \"records\": %" PRIu64 ", \"attack_records\": %" PRIu64
               ", \"attack_bytes\": %" PRIu64 ", \"first_attack_ms\": %" PRIu64
               ", \"last_attack_ms\": %" PRIu64 ", \"send_failures\": %" PRIu64
               ", \"refused\": %" PRIu64 "}\n",
               e->datagrams, e->records, run->attack_records, run->attack_bytes,
               run->first_attack_ms, run->last_attack_ms, e->failures, run->refused);
    else
        printf("sent %" PRIu64 " records in %" PRIu64 " datagrams, %" PRIu64
               " of them attack; %" PRIu64 " datagrams could not be sent\n",
               e->records, e->datagrams, run->attack_records, e->failures);
    if (run->refused != 0)
        fprintf(stderr, "weir generate: nobody listened there for %" PRIu64 " of the datagrams\n",
                run->refused);
}

int generate_run(const struct command_context *context, int argc, char **argv)
{
    struct arguments a = {.rate = "1k",
                          .volume = "0",
                          .duration = "10s",
                          .attack_rate = "1k",
                          .attack_volume = "0",
                          .attack_after = "0s",
                          .attack_for = "0s",
                          .network = "198.51.100.0/24",
                          .hosts = "200",
                          .sources = "5k",
                          .sampling = "1",
                          .flow = "0s",
                          .seed = "1"};
    const struct command_option options[] = {COMMAND_VALUE("--to", a.to),
                                             COMMAND_VALUE("--proto", a.proto),
                                             COMMAND_VALUE("--rate", a.rate),
                                             COMMAND_VALUE("--volume", a.volume),
                                             COMMAND_VALUE("--duration", a.duration),
                                             COMMAND_VALUE("--attack", a.attack),
                                             COMMAND_VALUE("--target", a.target),
                                             COMMAND_VALUE("--attack-rate", a.attack_rate),
                                             COMMAND_VALUE("--attack-volume", a.attack_volume),
                                             COMMAND_VALUE("--attack-after", a.attack_after),
                                             COMMAND_VALUE("--attack-for", a.attack_for),
                                             COMMAND_VALUE("--network", a.network),
                                             COMMAND_VALUE("--hosts", a.hosts),
                                             COMMAND_VALUE("--sources", a.sources),
                                             COMMAND_VALUE("--sampling", a.sampling),
                                             COMMAND_VALUE("--flow-duration", a.flow),
                                             COMMAND_VALUE("--from", a.from),
                                             COMMAND_VALUE("--seed", a.seed)};
    if (!command_options(context, &argc, argv, options, sizeof(options) / sizeof(options[0])))
        return EXIT_USAGE;
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s", argv[1]);

    static struct run run;
    memset(&run, 0, sizeof(run));
    if (!parse(context, &a, &run.plan))
        return EXIT_USAGE;
    run.socket = open_socket(context, &run.plan);
    if (run.socket < 0)
        return EXIT_FAILED;
    struct clock clock = clock_system();
    traffic_init(&run.traffic, run.plan.seed, &run.plan.network, (uint32_t)run.plan.hosts,
                 (uint32_t)run.plan.sources);
    export_init(&run.export, run.plan.format, (uint32_t)run.plan.sampling,
                (uint32_t)run.plan.flow_ms, clock_mono_ms(&clock));
    run.export.send = send_datagram;
    run.export.owner = &run;
    if (run.plan.from.family != ADDR_NONE)
        run.export.agent = run.plan.from;
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGTERM, on_interrupt);
    run.says = isatty(STDERR_FILENO) == 1;
    if (run.says)
        say_plan(&a, &run.plan);
    loop(&run);
    report(context, &run);
    (void)close(run.socket);
    return run.export.datagrams == 0 && run.export.failures > 0 ? EXIT_FAILED : EXIT_DONE;
}
