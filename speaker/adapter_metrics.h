#ifndef SPEAKER_ADAPTER_METRICS_H
#define SPEAKER_ADAPTER_METRICS_H

#include <stdbool.h>
#include <stddef.h>

/* The metrics of the adapter socket. */
void adapter_metrics_declare(void);
/* A line of this verb ("announce", "withdraw", "other") had what it asked for, or not. */
void adapter_metrics_line(const char *verb, bool ok);
void adapter_metrics_clients(size_t count);
void adapter_metrics_turned_away(const char *why); /* "uid", "idle" */
/* Of what was done without policy: entries that wait for the state server, or found no room. */
void adapter_metrics_audit_waiting(size_t count);
void adapter_metrics_audit_lost(void);

#endif
