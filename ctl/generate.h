#ifndef CTL_GENERATE_H
#define CTL_GENERATE_H

#include "ctl/attack.h"
#include "ctl/command.h"
#include "ctl/export.h"
#include "ctl/outlet.h"

/* `weir generate`: flow export of a network, and of an attack, to a collector or into a capture. */
int generate_run(const struct command_context *context, int argc, char **argv);

/* What the options ask for; ctl/generate_options.c. */
struct generate_plan {
    struct ip_endpoint to;
    bool sends;          /* false: only the capture is written, in a time of its own */
    const char *to_text; /* as it was given, for people */
    const char *proto_text, *duration_text, *attack_after_text;
    const char *write;                      /* path, or NULL */
    const char *attack;                     /* name, or NULL */
    bool rate_max;                          /* as fast as it goes */
    double rate, attack_rate;               /* records a second; with a volume: flows */
    uint64_t volume_bps, attack_volume_bps; /* before sampling; 0: as it comes */
    uint64_t duration_ms, attack_after_ms, attack_for_ms; /* 0: without end */
    enum attack_shape shape;
    uint64_t period_ms;
    struct network_options network;
    struct traffic_options traffic;
    struct attack_options attack_options;
    struct export_options export;
    struct ip_addr *agents; /* ours */
    bool binds;             /* exporters send from their addresses */
    bool one_address;       /* though there are several exporters */
};
/* False: said. */
bool generate_parse(const struct command_context *context, int argc, char **argv,
                    struct generate_plan *ret_plan);
void generate_plan_done(struct generate_plan *plan);

struct generate_run {
    struct generate_plan plan;
    struct network network;
    struct traffic traffic;
    struct attack attack;
    struct export export;
    struct outlet outlet;
    bool says;                                /* what it does, to people */
    double normal_due, attack_due;            /* records, or octets where a volume rules */
    uint64_t network_time_us;                 /* when the network's day was looked at */
    uint64_t first_attack_ms, last_attack_ms; /* Unix time; 0: none */
    uint64_t behind_us;                       /* time that was too short for what was due */
};
/* What was sent; ctl/generate_report.c. */
void generate_report(const struct command_context *context, const struct generate_run *run);

#endif
