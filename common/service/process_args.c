#include "common/service/process_args.h"

#include "common/service/process.h"

#include <stdio.h>
#include <string.h>

static void print_usage(FILE *out, const char *kind)
{
    (void)fprintf(out,
                  "usage: weir-%s [--config FILE] [--check | --health]\n"
                  "       weir-%s --metrics | --version | --help\n"
                  "\n"
                  "  --config FILE  the configuration; default $WEIR_CONFIG, then ./weir.yaml,\n"
                  "                 then /etc/weir/weir.yaml\n"
                  "  --check        read it, say every error, and leave\n"
                  "  --health       ask the one that runs for /healthz; 0: it is well, 1: not\n"
                  "  --metrics      list what /metrics has: name, type, labels, meaning\n"
                  "\n"
                  "SIGHUP reads the configuration again, SIGTERM ends the process.\n",
                  kind, kind);
    if (strcmp(kind, "speaker") == 0)
        (void)fprintf(
            out, "\n  --exabgp FILE  the same as --config, for ExaBGP to run as its process\n");
}

static struct process_args wrong(const char *kind, const char *what, const char *argument)
{
    (void)fprintf(stderr, "weir-%s: %s %s\n", kind, what, argument);
    print_usage(stderr, kind);
    return (struct process_args){.action = ACTION_EXIT, .exit_status = 2};
}

struct process_args process_args_parse(int argc, char **argv, const char *kind)
{
    struct process_args args = {.action = ACTION_RUN};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0) {
            print_usage(stdout, kind);
            return (struct process_args){.action = ACTION_EXIT};
        }
        if (strcmp(a, "--version") == 0) {
            (void)printf("weir-%s %s\n", kind, weir_version());
            return (struct process_args){.action = ACTION_EXIT};
        }
        if (strcmp(a, "--check") == 0) {
            args.action = ACTION_CHECK;
        } else if (strcmp(a, "--health") == 0) {
            args.action = ACTION_HEALTH;
        } else if (strcmp(a, "--metrics") == 0) {
            args.action = ACTION_METRICS;
        } else if (strncmp(a, "--config=", 9) == 0 && a[9] != '\0') {
            args.config = a + 9;
        } else if (strcmp(a, "--config") == 0) {
            if (i + 1 == argc)
                return wrong(kind, "no file after", a);
            args.config = argv[++i];
        } else {
            return wrong(kind, "unknown argument", a);
        }
    }
    return args;
}
