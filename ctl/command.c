#include "ctl/command.h"

#include "common/service/process.h"
#include "ctl/generate.h"
#include "ctl/up.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"up", "[--state-dir DIR]",
     "run everything here, with two Redis servers of its own; Ctrl-C stops it",
     "  --state-dir DIR  keep journals, logs and a sample weir.yaml there instead of looking for "
     "one\n",
     up_run},
    {"generate", "--to HOST:PORT --proto sflow|netflow5|netflow9|ipfix [OPTIONS]",
     "send flow export of a small network, and of an attack",
     "  --rate N             records a second of ordinary traffic (1k)\n"
     "  --volume RATE        what it adds up to, such as 200Mbps; 0: as it comes (0)\n"
     "  --duration TIME      stop after that long; 0s: at Ctrl-C (10s)\n"
     "  --network PREFIX     where it goes (198.51.100.0/24)\n"
     "  --hosts N            hosts in it (200)      --sources N  hosts outside (5k)\n"
     "  --attack NAME        dns-amplification ntp-amplification memcached-amplification\n"
     "                       ssdp-amplification udp-flood syn-flood icmp-flood\n"
     "  --target ADDRESS     whom it hits (the network's first host)\n"
     "  --attack-rate N      its records a second (1k)\n"
     "  --attack-volume RATE what it adds up to, such as 2Gbps; 0: as it comes (0)\n"
     "  --attack-after TIME  when it begins (0s)    --attack-for TIME  0s: until the end (0s)\n"
     "  --sampling N         sampled 1 in N, as told in the export (1)\n"
     "  --flow-duration TIME how long each flow of NetFlow or IPFIX lasted (0s)\n"
     "  --from ADDRESS       send from this address of this machine\n"
     "  --seed N             other seeds, other flows (1)\n",
     generate_run},
};

const struct command *command_table(size_t *ret_count)
{
    *ret_count = sizeof(commands) / sizeof(commands[0]);
    return commands;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

int command_usage_error(const struct command_context *context, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "weir %s: ", context->command->name);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nusage: weir %s %s\nsee weir %s --help\n", context->command->name,
            context->command->usage, context->command->name);
    return EXIT_USAGE;
}

int command_failed(const struct command_context *context, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "weir %s: ", context->command->name);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return EXIT_FAILED;
}

/* Removes n arguments from argv, which stays NULL-terminated. */
static void drop(int *argc, char **argv, int at, int n)
{
    memmove(&argv[at], &argv[at + n], (size_t)(*argc - at - n + 1) * sizeof(*argv));
    *argc -= n;
}

/* One option at argv[at]: how many arguments it took, 0 when it is none of these, -1 after an
 * error. */
static int take_option(const struct command_context *context, int argc, char **argv, int at,
                       const struct command_option *options, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(options[i].name);
        if (strncmp(argv[at], options[i].name, len) != 0)
            continue;
        if (argv[at][len] == '\0' && options[i].flag != NULL) {
            *options[i].flag = true;
            return 1;
        }
        if (argv[at][len] == '=' && options[i].value != NULL) {
            *options[i].value = argv[at] + len + 1;
            return 1;
        }
        if (argv[at][len] == '\0') {
            if (at + 1 >= argc) {
                (void)command_usage_error(context, "%s needs a value", options[i].name);
                return -1;
            }
            *options[i].value = argv[at + 1];
            return 2;
        }
    }
    return 0;
}

bool command_options(const struct command_context *context, int *argc, char **argv,
                     const struct command_option *options, size_t count)
{
    for (int at = 1; at < *argc;) {
        if (strcmp(argv[at], "--") == 0) {
            drop(argc, argv, at, 1);
            return true;
        }
        if (argv[at][0] != '-' || argv[at][1] == '\0') {
            at++;
            continue;
        }
        int taken = take_option(context, *argc, argv, at, options, count);
        if (taken < 0)
            return false;
        if (taken == 0) {
            (void)command_usage_error(context, "unknown option %s", argv[at]);
            return false;
        }
        drop(argc, argv, at, taken);
    }
    return true;
}

static void print_help(void)
{
    printf("weir counts traffic from routers' flow exports and stops attacks with BGP Flowspec "
           "rules.\n\n"
           "usage: weir [--config FILE] [--json] COMMAND …\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        printf("  %-14s %s\n", commands[i].name, commands[i].summary);
    printf("\n  --config FILE  default $WEIR_CONFIG, then ./weir.yaml, then /etc/weir/weir.yaml\n"
           "  --json         JSON on standard output, for programs\n"
           "  --version      print the version\n\n"
           "weir COMMAND --help says how to use one. Exit status: 0 success, 1 failure, 2 wrong "
           "usage.\n");
}

static void print_command_help(const struct command *command)
{
    printf("usage: weir %s %s\n\n%s\n\n%s  --config FILE  --json\n", command->name, command->usage,
           command->summary, command->details);
}

/* The options that every command takes, before or after its name. */
static bool take_common(struct command_context *context, bool *ret_help, int *argc, char **argv)
{
    for (int at = 1; at < *argc && strcmp(argv[at], "--") != 0;) {
        if (strcmp(argv[at], "--json") == 0) {
            context->json = true;
        } else if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            *ret_help = true;
        } else if (strncmp(argv[at], "--config=", 9) == 0) {
            context->config = argv[at] + 9;
        } else if (strcmp(argv[at], "--config") == 0) {
            if (at + 1 >= *argc) {
                fprintf(stderr, "weir: --config needs a file\n");
                return false;
            }
            context->config = argv[at + 1];
            drop(argc, argv, at, 1);
        } else {
            at++;
            continue;
        }
        drop(argc, argv, at, 1);
    }
    return true;
}

int command_main(int argc, char **argv)
{
    struct command_context context = {0};
    bool help = false;
    if (!take_common(&context, &help, &argc, argv))
        return EXIT_USAGE;
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("weir %s\n", weir_version());
        return EXIT_DONE;
    }
    if (argc < 2) {
        print_help();
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    context.command = command_find(argv[1]);
    if (context.command == NULL) {
        fprintf(stderr, "weir: there is no command %s; see weir --help\n", argv[1]);
        return EXIT_USAGE;
    }
    if (help) {
        print_command_help(context.command);
        return EXIT_DONE;
    }
    return context.command->run(&context, argc - 1, argv + 1);
}
