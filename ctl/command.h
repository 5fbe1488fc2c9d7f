#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "common/base/status.h"
#include "common/base/text.h"

#include <stdbool.h>

/*
 * The `weir` program is a table of commands. Each command's file has one function for it, and says
 * its usage here, in command.c; `weir COMMAND --help` prints that. Exit status: 0 success, 1
 * failure, 2 usage.
 */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct command_context {
    const char *config; /* --config, or NULL */
    bool json;          /* --json */
    const struct command *command;
};

struct command {
    const char *name;
    const char *usage;   /* after the name: "FILE.pcap|- [--text]" */
    const char *summary; /* one line */
    const char *details; /* options, one a line; may be "" */
    int (*run)(const struct command_context *context, int argc,
               char **argv); /* argv[0]: the name */
};

/* Prints the error and how to get help; gives EXIT_USAGE. */
int command_usage_error(const struct command_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints "weir NAME: …" on stderr; gives EXIT_FAILED. */
int command_failed(const struct command_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Options of a command: "--name" or "--name VALUE". Takes what it knows out of argv, leaves
 * positional arguments in it; false after it has said what is wrong. --config, --json and --help
 * are taken before.
 */
enum { COMMAND_VALUES_MAX = 15 }; /* with the rest, what a request has room for */
struct command_values {
    const char *items[COMMAND_VALUES_MAX];
    size_t count;
};
struct command_option {
    const char *name;              /* "--to" */
    const char **value;            /* of an option that takes a value, else NULL */
    bool *flag;                    /* of one that takes none, else NULL */
    struct command_values *values; /* of one that may be given several times, else NULL */
};
#define COMMAND_VALUE(name, variable)                                                              \
    {                                                                                              \
        (name), &(variable), NULL, NULL                                                            \
    }
#define COMMAND_FLAG(name, variable)                                                               \
    {                                                                                              \
        (name), NULL, &(variable), NULL                                                            \
    }
#define COMMAND_VALUES(name, variable)                                                             \
    {                                                                                              \
        (name), NULL, NULL, &(variable)                                                            \
    }
bool command_options(const struct command_context *context, int *argc, char **argv,
                     const struct command_option *options, size_t count);

const struct command *command_find(const char *name);
const struct command *command_table(size_t *ret_count);
int command_main(int argc, char **argv);

#endif
