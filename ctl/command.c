#include "ctl/command.h"

#include "common/service/config_read.h"
#include "common/service/process.h"
#include "ctl/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMANDS_MAX = 64 };

const struct command *command_find(const char *name)
{
    size_t count;
    const struct command *commands = command_table(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* What is wrong may quote what Redis or a file said. */
static void complain(const struct command_context *context, const char *format, va_list args)
{
    char *what = NULL;
    if (vasprintf(&what, format, args) < 0)
        return;
    show_print(stderr, "weir %s: %s\n", context->command->name, what);
    free(what);
}

int command_usage_error(const struct command_context *context, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(context, format, args);
    va_end(args);
    fprintf(stderr, "usage: weir %s %s\nsee weir %s --help\n", context->command->name,
            context->command->usage, context->command->name);
    return EXIT_USAGE;
}

int command_failed(const struct command_context *context, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(context, format, args);
    va_end(args);
    return EXIT_FAILED;
}

/* Removes n arguments from argv, which stays NULL-terminated. */
static void drop(int *argc, char **argv, int at, int n)
{
    memmove(&argv[at], &argv[at + n], (size_t)(*argc - at - n + 1) * sizeof(*argv));
    *argc -= n;
}

static bool keep_value(const struct command_context *context, const struct command_option *option,
                       const char *value)
{
    if (option->value != NULL) {
        *option->value = value;
        return true;
    }
    if (option->values->count == COMMAND_VALUES_MAX) {
        (void)command_usage_error(context, "%s may be given at most %d times", option->name,
                                  COMMAND_VALUES_MAX);
        return false;
    }
    option->values->items[option->values->count++] = value;
    return true;
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
        bool is_flag = options[i].flag != NULL;
        if (argv[at][len] == '=' && !is_flag)
            return keep_value(context, &options[i], argv[at] + len + 1) ? 1 : -1;
        if (argv[at][len] != '\0')
            continue;
        if (is_flag) {
            *options[i].flag = true;
            return 1;
        }
        if (at + 1 >= argc) {
            (void)command_usage_error(context, "%s needs a value", options[i].name);
            return -1;
        }
        return keep_value(context, &options[i], argv[at + 1]) ? 2 : -1;
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

static void print_help(FILE *out)
{
    size_t count;
    const struct command *commands = command_table(&count);
    fprintf(out,
            "weir counts traffic from routers' flow exports and stops attacks with BGP Flowspec "
            "rules.\n\n"
            "usage: weir [--config FILE] [--json] COMMAND …\n\n");
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].summary);
    fprintf(out,
            "\n  --config FILE  default $WEIR_CONFIG, then ./weir.yaml, then /etc/weir/weir.yaml\n"
            "  --json         JSON on standard output, for programs\n"
            "  --version      print the version\n\n"
            "weir COMMAND --help says how to use one. Exit status: 0 success, 1 failure, 2 wrong "
            "usage.\n");
}

static void print_command_help(const struct command *command)
{
    const char *details = command->details, *last = details;
    for (const char *at = details; *at != '\0'; at++)
        if (*at == '\n' && at[1] != '\0')
            last = at + 1;
    /* Options follow options, and text stands apart from them. */
    bool is_text = *last != '\0' && *last != ' ';
    printf("usage: weir %s%s%s\n\n%s\n\n%s%s  --config FILE  --json\n", command->name,
           command->usage[0] != '\0' ? " " : "", command->usage, command->summary, details,
           is_text ? "\n" : "");
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

static int no_such_command(const char *name)
{
    const char *names[COMMANDS_MAX + 1] = {NULL};
    size_t count;
    const struct command *commands = command_table(&count);
    for (size_t i = 0; i < count && i < COMMANDS_MAX; i++)
        names[i] = commands[i].name;
    const char *near = config_nearest(name, names, COMMANDS_MAX);
    show_print(stderr, "weir: there is no command %s%s%s; see weir --help\n", name,
               near != NULL ? ", is it weir " : "", near != NULL ? near : "");
    return EXIT_USAGE;
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
    if (argc >= 2 && strcmp(argv[1], "help") == 0) {
        help = true;
        drop(&argc, argv, 1, 1);
    }
    if (argc < 2) {
        print_help(help ? stdout : stderr);
        return help ? EXIT_DONE : EXIT_USAGE;
    }
    context.command = command_find(argv[1]);
    if (context.command == NULL)
        return no_such_command(argv[1]);
    if (help) {
        print_command_help(context.command);
        return EXIT_DONE;
    }
    int result = context.command->run(&context, argc - 1, argv + 1);
    /* Half of an answer on a full disk is no answer. */
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return command_failed(&context, "cannot write to standard output");
    return result;
}
