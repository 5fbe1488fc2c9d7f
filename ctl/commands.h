#ifndef CTL_COMMANDS_H
#define CTL_COMMANDS_H

#include "ctl/command.h"

/* The functions behind the table of commands; each cmd_*.c has those of its group. */
int alarm_run(const struct command_context *context, int argc, char **argv);
int alarms_run(const struct command_context *context, int argc, char **argv);
int announce_run(const struct command_context *context, int argc, char **argv);
int check_run(const struct command_context *context, int argc, char **argv);
int decode_run(const struct command_context *context, int argc, char **argv);
int exporters_run(const struct command_context *context, int argc, char **argv);
int job_run(const struct command_context *context, int argc, char **argv);
int jobs_run(const struct command_context *context, int argc, char **argv);
int mitigate_run(const struct command_context *context, int argc, char **argv);
int mitigation_run(const struct command_context *context, int argc, char **argv);
int mitigations_run(const struct command_context *context, int argc, char **argv);
int peers_run(const struct command_context *context, int argc, char **argv);
int redis_acl_run(const struct command_context *context, int argc, char **argv);
int redis_cli_run(const struct command_context *context, int argc, char **argv);
int recall_run(const struct command_context *context, int argc, char **argv);
int replay_run(const struct command_context *context, int argc, char **argv);
int resume_run(const struct command_context *context, int argc, char **argv);
int routes_run(const struct command_context *context, int argc, char **argv);
int rule_run(const struct command_context *context, int argc, char **argv);
int speaker_run(const struct command_context *context, int argc, char **argv);
int status_run(const struct command_context *context, int argc, char **argv);
int stop_run(const struct command_context *context, int argc, char **argv);
int top_run(const struct command_context *context, int argc, char **argv);
int withdraw_all_run(const struct command_context *context, int argc, char **argv);

#endif
