#ifndef COMMON_SERVICE_PROCESS_ARGS_H
#define COMMON_SERVICE_PROCESS_ARGS_H

/* The arguments that all four processes take. */
enum process_action { ACTION_RUN, ACTION_CHECK, ACTION_METRICS, ACTION_HEALTH, ACTION_EXIT };

struct process_args {
    enum process_action action;
    const char *config; /* of --config; NULL: not given */
    int exit_status;    /* of ACTION_EXIT: help and version 0, wrong usage 2 */
};

/* Prints help, version and usage errors itself. */
struct process_args process_args_parse(int argc, char **argv, const char *kind);

#endif
