#include "ctl/generate.h"

#include "common/base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum {
    TURN_US = 2000,        /* what is due goes out every turn */
    STEP_US = 1000,        /* of a time of its own */
    CATCH_UP_US = 1000000, /* after a pause no more than this is made up for */
    FLOWS_A_LOOK = 4096,   /* between two looks at whether it shall stop */
    DAY_STEPS = 4096
};

/* What is due is a sum of many parts, none of them exact. */
static const double ALMOST_ONE = 1 - 1e-6;

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static void on_export(void *owner, uint32_t exporter, const uint8_t *bytes, size_t len)
{
    struct generate_run *run = owner;
    outlet_put(&run->outlet, exporter, bytes, len, run->export.now_ms * 1000);
}

static void make_normal(struct generate_run *run)
{
    bool by_volume = run->plan.volume_bps != 0;
    struct traffic_flow flow;
    for (uint32_t n = 0; run->normal_due > ALMOST_ONE; n++) {
        if (n % FLOWS_A_LOOK == 0 && interrupted)
            return;
        traffic_normal(&run->traffic, &flow);
        uint64_t records = export_add(&run->export, &flow);
        run->normal_due -= (double)(by_volume ? traffic_bytes(&flow) : records);
    }
}

static void make_attack(struct generate_run *run)
{
    bool by_volume = run->plan.attack_volume_bps != 0;
    struct traffic_flow flow;
    for (uint32_t n = 0; run->attack_due > ALMOST_ONE; n++) {
        if (n % FLOWS_A_LOOK == 0 && interrupted)
            return;
        attack_flow(&run->attack, &flow);
        uint64_t records = export_add(&run->export, &flow);
        run->attack_due -= (double)(by_volume ? traffic_bytes(&flow) : records);
        if (records == 0)
            continue;
        if (run->first_attack_ms == 0)
            run->first_attack_ms = run->export.now_ms;
        run->last_attack_ms = run->export.now_ms;
    }
}

static double a_second(double rate, uint64_t volume_bps)
{
    return volume_bps != 0 ? (double)volume_bps / 8 : rate;
}

/* Whether the attack runs in any part of that time, and what of it is due. */
static bool earn_attack(struct generate_run *run, uint64_t from_us, uint64_t to_us)
{
    const struct generate_plan *p = &run->plan;
    uint64_t begins_us = p->attack_after_ms * 1000;
    uint64_t ends_us = p->attack_for_ms != 0 ? begins_us + p->attack_for_ms * 1000 : UINT64_MAX;
    uint64_t from = from_us > begins_us ? from_us : begins_us,
             to = to_us < ends_us ? to_us : ends_us;
    if (p->attack == NULL || from >= to) {
        run->attack_due = 0;
        return false;
    }
    double level = attack_level(p->shape, p->period_ms * 1000, from - begins_us, to - begins_us);
    run->attack_due +=
        a_second(p->attack_rate, p->attack_volume_bps) * (double)(to - from) / 1e6 * level;
    return true;
}

/* What happens between two times since the beginning; whether the attack runs. */
static bool produce(struct generate_run *run, uint64_t from_us, uint64_t to_us)
{
    const struct generate_plan *p = &run->plan;
    if (p->network.day_us != 0 && to_us >= run->network_time_us) {
        network_set_time(&run->network, to_us);
        run->network_time_us = to_us + p->network.day_us / DAY_STEPS;
    }
    export_set_time(&run->export, p->export.start_ms + to_us / 1000);
    if (p->rate_max)
        run->normal_due = FLOWS_A_LOOK;
    else if (p->rate > 0)
        run->normal_due +=
            a_second(p->rate, p->volume_bps) * (double)(to_us - from_us) / 1e6 * run->network.level;
    make_normal(run);
    bool attacks = earn_attack(run, from_us, to_us);
    make_attack(run);
    return attacks;
}

static void say_attack(struct generate_run *run, bool attacks, bool *attacked, uint64_t at_us)
{
    if (run->says && attacks != *attacked)
        fprintf(stderr, "weir generate: %.1f s: the attack %s\n", (double)at_us / 1e6,
                attacks ? "begins" : "is over");
    *attacked = attacks;
}

/* By the machine's clock. */
static void run_live(struct generate_run *run)
{
    const struct generate_plan *p = &run->plan;
    struct clock clock = clock_system();
    uint64_t start_us = clock_mono_us(&clock), last_us = 0;
    uint64_t end_us = p->duration_ms != 0 ? p->duration_ms * 1000 : UINT64_MAX;
    bool attacked = false;
    /* The kernel would else wake us when it suits it. */
    (void)prctl(PR_SET_TIMERSLACK, 1ul);
    while (!interrupted && last_us < end_us) {
        uint64_t now_us = clock_mono_us(&clock) - start_us;
        now_us = now_us < end_us ? now_us : end_us;
        if (now_us - last_us > CATCH_UP_US) {
            run->behind_us += now_us - last_us - CATCH_UP_US;
            last_us = now_us - CATCH_UP_US;
        }
        bool attacks = produce(run, last_us, now_us);
        say_attack(run, attacks, &attacked, now_us);
        last_us = now_us;
        if (p->export.hold_ms == 0 && !p->rate_max)
            export_flush(&run->export);
        outlet_flush(&run->outlet);
        uint64_t spent_us = clock_mono_us(&clock) - start_us - now_us;
        struct timespec pause = {.tv_nsec = (long)((TURN_US - (long)spent_us) * 1000)};
        if (!p->rate_max && spent_us < TURN_US)
            (void)nanosleep(&pause, NULL);
    }
}

/* In a time of its own, as fast as it can be written. */
static void run_simulated(struct generate_run *run)
{
    uint64_t end_us = run->plan.duration_ms * 1000;
    bool attacked = false;
    for (uint64_t at_us = 0; at_us < end_us && !interrupted; at_us += STEP_US) {
        bool attacks = produce(run, at_us, at_us + STEP_US);
        say_attack(run, attacks, &attacked, at_us);
    }
}

/* To people, who would else look at nothing for minutes. */
static void say_plan(const struct generate_plan *p)
{
    if (p->one_address)
        fprintf(stderr, "weir generate: all exporters send from one address, which collectors take "
                        "for one exporter; --from gives each its own\n");
    if (isatty(STDERR_FILENO) != 1)
        return;
    fprintf(stderr, "weir generate: %s to %s, %s; Ctrl-C ends it\n", p->proto_text,
            p->sends ? p->to_text : p->write,
            p->duration_ms != 0 ? p->duration_text : "without end");
    if (p->attack != NULL && p->attack_after_ms != 0)
        fprintf(stderr, "weir generate: ordinary traffic first, the attack begins after %s\n",
                p->attack_after_text);
}

static bool open_run(struct generate_run *run, const struct command_context *context)
{
    struct generate_plan *p = &run->plan;
    struct clock clock = clock_system();
    if (p->sends)
        p->export.start_ms = clock_wall_ms(&clock);
    p->export.send = on_export;
    p->export.owner = run;
    p->export.agents = p->agents;
    if (!outlet_init(&run->outlet, context, &p->to, p->sends, p->write, &interrupted))
        return false;
    for (uint32_t i = 0; i < p->export.exporters; i++) {
        struct ip_endpoint from = {p->agents[i], (uint16_t)(40000 + i % 20000)};
        if (!outlet_add_sender(&run->outlet, context, &from, p->binds))
            return false;
    }
    if (network_init(&run->network, &p->network) != STATUS_OK ||
        export_init(&run->export, &p->export) != STATUS_OK)
        return command_failed(context, "out of memory") == EXIT_DONE;
    traffic_init(&run->traffic, &p->traffic, &run->network);
    if (p->attack != NULL)
        (void)attack_init(&run->attack, p->attack, &p->attack_options);
    return true;
}

int generate_run(const struct command_context *context, int argc, char **argv)
{
    static struct generate_run run;
    run = (struct generate_run){.says = isatty(STDERR_FILENO) == 1};
    if (!generate_parse(context, argc, argv, &run.plan)) {
        generate_plan_done(&run.plan);
        return EXIT_USAGE;
    }
    (void)signal(SIGINT, on_interrupt);
    (void)signal(SIGTERM, on_interrupt);
    bool good = open_run(&run, context);
    if (good) {
        say_plan(&run.plan);
        if (run.plan.sends)
            run_live(&run);
        else
            run_simulated(&run);
        export_flush(&run.export);
        outlet_settle(&run.outlet);
    }
    good = outlet_done(&run.outlet, context) && good;
    if (good) {
        generate_report(context, &run);
        good = outlet_sent_all(&run.outlet, context);
    }
    export_done(&run.export);
    network_done(&run.network);
    generate_plan_done(&run.plan);
    return good ? EXIT_DONE : EXIT_FAILED;
}
