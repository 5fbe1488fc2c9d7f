#include "common/base/clock.h"
#include "ctl/capture.h"
#include "ctl/commands.h"
#include "ctl/generate_values.h"
#include "ctl/replay_senders.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    PAUSE_TOLD_US = 60000000, /* a longer one may be a wrong clock in the capture: it is said */
    TURN_US = 100000,         /* of a wait, after which it is looked whether to go on */
    PROGRESS_US = 1000000
};

struct replay_run {
    struct clock clock;
    struct replay_senders senders;
    struct outlet outlet;
    struct capture_counts frames; /* of all rounds */
    double speed, rate;           /* rate: datagrams a second; 0: by the capture's times */
    bool as_fast, is_stdin;
    uint16_t port;    /* only what went there; 0: all */
    uint64_t rounds;  /* 0: until an interrupt */
    uint64_t last_us; /* of the capture */
    double due_us;    /* monotonic: when the next one goes */
    uint64_t other_ports, most_late_us, began_us, ended_us, shown_us;
    bool show_progress, begun, failed;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Until it is due, or interrupted. What went before goes first. */
static void wait_until(struct replay_run *run)
{
    for (bool sent = false;; sent = true) {
        double left_us = run->due_us - (double)clock_mono_us(&run->clock);
        if (left_us <= 0 || interrupted) {
            uint64_t late_us = (uint64_t)(left_us < 0 ? -left_us : 0);
            run->most_late_us = late_us > run->most_late_us ? late_us : run->most_late_us;
            return;
        }
        if (!sent) {
            outlet_flush(&run->outlet);
            continue;
        }
        double turn_us = left_us < TURN_US ? left_us : TURN_US;
        struct timespec pause = {.tv_nsec = (long)(turn_us * 1000)};
        (void)nanosleep(&pause, NULL);
    }
}

static void say_pause(const struct replay_run *run, double pause_us)
{
    char pause[TEXT_QUANTITY_MAX];
    double left_ms = pause_us / 1000;
    fprintf(stderr,
            "weir replay: after %" PRIu64 " datagrams the capture pauses for %s, and so does this; "
            "--speed shortens it, --rate takes no notice of times\n",
            run->outlet.datagrams + run->outlet.count,
            text_format_duration_ms((uint64_t)left_ms, pause));
}

static void pace(struct replay_run *run, const struct capture_datagram *datagram)
{
    double step_us = 0;
    if (!run->begun)
        run->due_us = (double)clock_mono_us(&run->clock);
    else if (run->rate > 0)
        step_us = 1e6 / run->rate;
    else if (datagram->time_us > run->last_us)
        step_us = (double)(datagram->time_us - run->last_us) / run->speed;
    /* A time that goes back, as from several interfaces, costs nothing, and counts once. */
    if (!run->begun || datagram->time_us > run->last_us)
        run->last_us = datagram->time_us;
    run->begun = true;
    run->due_us += step_us;
    if (step_us > PAUSE_TOLD_US)
        say_pause(run, step_us);
    wait_until(run);
}

static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct replay_run *run = owner;
    uint32_t sender = 0;
    if (run->port != 0 && datagram->from.addr.family != ADDR_NONE &&
        datagram->to.port != run->port) {
        run->other_ports++;
        return true;
    }
    if (!run->as_fast)
        pace(run, datagram);
    if (interrupted)
        return false;
    if (!replay_sender(&run->senders, &datagram->from, &sender)) {
        run->failed = true;
        return false;
    }
    outlet_put(&run->outlet, sender, datagram->bytes, datagram->len, datagram->time_us);
    /* Who pipes a capture may have no more of it for a while. */
    if (run->is_stdin && !run->as_fast)
        outlet_flush(&run->outlet);
    if (run->show_progress) {
        uint64_t now_us = clock_mono_us(&run->clock);
        if (now_us - run->shown_us > PROGRESS_US) {
            fprintf(stderr, "\r%" PRIu64 " datagrams sent", run->outlet.datagrams);
            run->shown_us = now_us;
        }
    }
    return true;
}

static void add_counts(struct capture_counts *all, const struct capture_counts *more)
{
    all->frames += more->frames;
    all->datagrams += more->datagrams;
    all->not_ip += more->not_ip;
    all->not_udp += more->not_udp;
    all->malformed += more->malformed;
    all->fragments += more->fragments;
    all->reassembled += more->reassembled;
    all->cut += more->cut;
}

/* The capture, as often as asked for. */
static enum status play(struct replay_run *run, const char *path, struct text *why)
{
    enum status status = STATUS_OK;
    for (uint64_t round = 0; status == STATUS_OK && !interrupted && !run->failed &&
                             (run->rounds == 0 || round < run->rounds);
         round++) {
        struct capture_counts counts;
        /* The next round begins where this one ended; at a rate it goes on. */
        run->begun = run->begun && run->rate > 0;
        status = capture_read(path, on_datagram, run, &counts, why);
        add_counts(&run->frames, &counts);
        if (counts.datagrams == 0)
            break;
    }
    outlet_flush(&run->outlet);
    run->ended_us = clock_mono_us(&run->clock);
    outlet_settle(&run->outlet);
    return status;
}

static void report(const struct command_context *context, const struct replay_run *run)
{
    const struct capture_counts *f = &run->frames;
    const struct outlet *o = &run->outlet;
    const struct replay_senders *s = &run->senders;
    uint64_t skipped = f->not_ip + f->not_udp + f->fragments + f->malformed + run->other_ports;
    double seconds = (double)(run->ended_us - run->began_us) / 1e6;
    if (run->show_progress && run->shown_us > 0)
        fprintf(stderr, "\r");
    if (context->json)
        printf("{\"sent\": %" PRIu64 ", \"octets\": %" PRIu64 ", \"send_failures\": %" PRIu64
               ", \"refused\": %" PRIu64 ", \"skipped\": %" PRIu64 ", \"cut\": %" PRIu64
               ", \"fragments\": %" PRIu64 ", \"reassembled\": %" PRIu64 ", \"exporters\": %zu"
               ", \"seconds\": %.6f, \"most_late_us\": %" PRIu64 "}\n",
               o->datagrams, o->octets, o->failures, o->refused, skipped, f->cut, f->fragments,
               f->reassembled, replay_senders_addresses(s), seconds, run->most_late_us);
    else
        printf("sent %" PRIu64 " datagrams of %" PRIu64 " octets in %.3f s; %" PRIu64
               " could not be sent, %" PRIu64 " frames without one were skipped\n",
               o->datagrams, o->octets, seconds, o->failures, skipped);
    if (f->fragments != 0)
        fprintf(stderr,
                "weir replay: %" PRIu64
                " fragments are of datagrams that the capture has not all of\n",
                f->fragments);
    if (s->unmapped > 1)
        fprintf(stderr,
                "weir replay: %" PRIu32 " exporters of the capture came from one address, which is "
                "one exporter to who looks at addresses; --exporters-as 127.0.1.0/24 keeps them "
                "apart\n",
                s->unmapped);
}

struct arguments {
    const char *to, *speed, *rate, *loop, *from, *as, *maps, *port;
};

static bool read_speed(const struct command_context *context, const struct arguments *a,
                       struct replay_run *run)
{
    char *end = NULL;
    uint64_t count = 0;
    run->speed = 1;
    if (a->speed != NULL && a->rate != NULL) {
        (void)command_usage_error(context, "--speed and --rate exclude each other");
        return false;
    }
    if (a->speed != NULL) {
        run->speed = strtod(a->speed, &end);
        bool good = end != a->speed && strcmp(end, "x") == 0 && isfinite(run->speed) &&
                    run->speed >= 0.001 && run->speed <= 1e6;
        if (!good)
            return value_bad(context, "--speed", a->speed, "a factor, such as 10x");
    }
    run->as_fast = a->rate != NULL && strcmp(a->rate, "max") == 0;
    if (a->rate != NULL && !run->as_fast &&
        (text_parse_count(&count, a->rate) != STATUS_OK || count == 0))
        return value_bad(context, "--rate", a->rate, "datagrams a second, such as 100k, or max");
    run->rate = (double)count;
    return true;
}

static bool read_maps(const struct command_context *context, const char *list,
                      struct replay_senders *s)
{
    char part[VALUE_PART_MAX];
    while (value_next(&list, part) != NULL) {
        char *equals = strchr(part, '=');
        if (equals == NULL || s->map_count == REPLAY_MAPS_MAX)
            return value_bad(context, "--map", part, "FROM=AS, at most 64 of them");
        *equals = '\0';
        struct replay_map *map = &s->maps[s->map_count++];
        if (addr_parse(&map->exporter, part) != STATUS_OK ||
            addr_parse(&map->from, equals + 1) != STATUS_OK)
            return value_bad(context, "--map", equals + 1, "two addresses, FROM=AS");
    }
    return true;
}

static bool read_arguments(const struct command_context *context, const struct arguments *a,
                           struct replay_run *run, struct ip_endpoint *ret_to)
{
    uint64_t port = 0;
    if (endpoint_parse(ret_to, a->to) != STATUS_OK || ret_to->port == 0)
        return value_bad(context, "--to", a->to, "ADDRESS:PORT, such as 127.0.0.1:2055");
    if (a->from != NULL && addr_parse(&run->senders.from, a->from) != STATUS_OK)
        return value_bad(context, "--from", a->from, "an address");
    if (a->as != NULL && prefix_parse(&run->senders.as, a->as) != STATUS_OK)
        return value_bad(context, "--exporters-as", a->as, "a prefix, such as 127.0.1.0/24");
    if (a->as != NULL && a->from != NULL) {
        (void)command_usage_error(context, "--from and --exporters-as exclude each other");
        return false;
    }
    if (run->is_stdin && run->rounds != 1)
        return value_bad(context, "--loop", a->loop, "a file, which can be read again");
    bool good = read_speed(context, a, run) && read_maps(context, a->maps, &run->senders) &&
                (a->port == NULL || value_number(context, "--port", a->port, 1, 65535, &port));
    run->port = (uint16_t)port;
    return good;
}

int replay_run(const struct command_context *context, int argc, char **argv)
{
    struct arguments a = {.loop = "1"};
    static struct replay_run run;
    run = (struct replay_run){.clock = clock_system(), .show_progress = isatty(STDERR_FILENO) != 0};
    struct ip_endpoint to;
    struct text why;
    const struct command_option options[] = {
        COMMAND_VALUE("--to", a.to),     COMMAND_VALUE("--speed", a.speed),
        COMMAND_VALUE("--rate", a.rate), COMMAND_VALUE("--loop", a.loop),
        COMMAND_VALUE("--from", a.from), COMMAND_VALUE("--exporters-as", a.as),
        COMMAND_VALUE("--map", a.maps),  COMMAND_VALUE("--port", a.port)};
    if (!command_options(context, &argc, argv, options, sizeof(options) / sizeof(options[0])))
        return EXIT_USAGE;
    if (argc != 2 || a.to == NULL)
        return command_usage_error(context, "needs one FILE and --to HOST:PORT");
    run.is_stdin = strcmp(argv[1], "-") == 0;
    if (!value_number(context, "--loop", a.loop, 0, 1000000000, &run.rounds) ||
        !read_arguments(context, &a, &run, &to))
        return EXIT_USAGE;
    if (!replay_senders_init(&run.senders, context, &run.outlet))
        return EXIT_FAILED;
    (void)outlet_init(&run.outlet, context, &to, true, NULL, &interrupted);
    const struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    /* The kernel would else wake us when it suits it. */
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
    run.began_us = clock_mono_us(&run.clock);
    text_init(&why, 0);
    enum status status = play(&run, argv[1], &why);
    report(context, &run);
    if (status != STATUS_OK)
        (void)command_failed(context, "%s", text_str(&why));
    text_done(&why);
    bool good = outlet_sent_all(&run.outlet, context) && status == STATUS_OK && !run.failed;
    (void)outlet_done(&run.outlet, context);
    replay_senders_done(&run.senders);
    return good ? EXIT_DONE : EXIT_FAILED;
}
