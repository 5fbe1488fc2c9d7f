#include "common/base/clock.h"
#include "ctl/capture.h"
#include "ctl/commands.h"
#include "ctl/show.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PAUSE_MAX_US = 60000000, /* a longer one in the capture is a wrong clock, or nobody waits */
    SEND_TRIES = 100,        /* while the kernel's buffers are full, a millisecond apart */
    PROGRESS_US = 1000000
};

struct replay_run {
    int socket;
    struct clock clock;
    double speed, rate; /* rate: datagrams a second; 0: by the capture's times */
    uint64_t last_us;   /* of the capture */
    double due_us;      /* monotonic: when the next one goes */
    uint64_t sent, octets, failures, shown_us;
    bool show_progress;
    bool begun;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Until it is due, or interrupted. */
static void wait_until(struct replay_run *run)
{
    for (;;) {
        double left_us = run->due_us - (double)clock_mono_us(&run->clock);
        if (left_us <= 0 || interrupted)
            return;
        double turn_us = left_us < 100000 ? left_us : 100000;
        struct timespec pause = {.tv_nsec = (long)(turn_us * 1000)};
        (void)nanosleep(&pause, NULL);
    }
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
    run->due_us += step_us < PAUSE_MAX_US ? step_us : PAUSE_MAX_US;
    wait_until(run);
}

static bool send_one(const struct replay_run *run, const struct capture_datagram *datagram)
{
    for (int tries = 0; tries < SEND_TRIES && !interrupted; tries++) {
        if (send(run->socket, datagram->bytes, datagram->len, 0) >= 0)
            return true;
        /* A datagram before this one was refused: nobody listened yet. This one was not sent. */
        if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED && errno != EINTR)
            return false;
        if (errno == ENOBUFS || errno == EAGAIN)
            (void)usleep(1000);
    }
    return false;
}

static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct replay_run *run = owner;
    pace(run, datagram);
    if (interrupted)
        return false;
    if (send_one(run, datagram)) {
        run->sent++;
        run->octets += datagram->len;
    } else {
        run->failures++;
    }
    uint64_t now_us = clock_mono_us(&run->clock);
    if (run->show_progress && now_us - run->shown_us > PROGRESS_US) {
        fprintf(stderr, "\r%" PRIu64 " datagrams sent", run->sent);
        run->shown_us = now_us;
    }
    return true;
}

static bool read_speed(const struct command_context *context, const char *speed, const char *rate,
                       struct replay_run *run)
{
    char *end = NULL;
    uint64_t count = 0;
    run->speed = 1;
    if (speed != NULL && rate != NULL) {
        (void)command_usage_error(context, "--speed and --rate exclude each other");
        return false;
    }
    if (speed != NULL) {
        run->speed = strtod(speed, &end);
        bool good = end != speed && strcmp(end, "x") == 0 && isfinite(run->speed) &&
                    run->speed >= 0.001 && run->speed <= 1e6;
        if (!good) {
            (void)command_usage_error(context, "--speed %s: expected a factor, such as 10x", speed);
            return false;
        }
    }
    if (rate != NULL && (text_parse_count(&count, rate) != STATUS_OK || count == 0)) {
        (void)command_usage_error(context, "--rate %s: expected datagrams a second, such as 100k",
                                  rate);
        return false;
    }
    run->rate = (double)count;
    return true;
}

static int open_socket(const struct command_context *context, const struct ip_endpoint *to)
{
    struct sockaddr_storage address;
    socklen_t len = endpoint_to_sockaddr(to, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, len) == 0)
        return fd;
    (void)command_failed(context, "cannot send there: %s", strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void report(const struct command_context *context, const struct replay_run *run,
                   const struct capture_counts *frames)
{
    uint64_t skipped = frames->not_ip + frames->not_udp + frames->fragments + frames->malformed;
    if (run->show_progress && run->shown_us > 0)
        fprintf(stderr, "\r");
    if (context->json)
        printf("{\"sent\": %" PRIu64 ", \"octets\": %" PRIu64 ", \"send_failures\": %" PRIu64
               ", \"skipped\": %" PRIu64 ", \"cut\": %" PRIu64 "}\n",
               run->sent, run->octets, run->failures, skipped, frames->cut);
    else
        printf("sent %" PRIu64 " datagrams of %" PRIu64 " octets; %" PRIu64
               " could not be sent, %" PRIu64 " frames without one were skipped\n",
               run->sent, run->octets, run->failures, skipped);
}

int replay_run(const struct command_context *context, int argc, char **argv)
{
    const char *to = NULL, *speed = NULL, *rate = NULL;
    struct replay_run run = {.clock = clock_system(), .show_progress = isatty(STDERR_FILENO) != 0};
    struct capture_counts frames;
    struct ip_endpoint endpoint;
    struct text why;
    const struct command_option options[] = {
        COMMAND_VALUE("--to", to), COMMAND_VALUE("--speed", speed), COMMAND_VALUE("--rate", rate)};
    if (!command_options(context, &argc, argv, options, 3))
        return EXIT_USAGE;
    if (argc != 2 || to == NULL)
        return command_usage_error(context, "needs one FILE and --to HOST:PORT");
    if (endpoint_parse(&endpoint, to) != STATUS_OK || endpoint.port == 0)
        return command_usage_error(context,
                                   "--to %s: expected ADDRESS:PORT, such as 127.0.0.1:2055", to);
    if (!read_speed(context, speed, rate, &run))
        return EXIT_USAGE;
    run.socket = open_socket(context, &endpoint);
    if (run.socket < 0)
        return EXIT_FAILED;
    const struct sigaction action = {.sa_handler = on_interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    text_init(&why, 0);
    enum status status = capture_read(argv[1], on_datagram, &run, &frames, &why);
    report(context, &run, &frames);
    if (status != STATUS_OK)
        (void)command_failed(context, "%s", text_str(&why));
    text_done(&why);
    (void)close(run.socket);
    return status == STATUS_OK && (run.sent > 0 || run.failures == 0) ? EXIT_DONE : EXIT_FAILED;
}
