#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "common/service/process.h"

/*
 * The policy process around policy/engine: rollups, requests, results and stops come in (in_*.c),
 * every decision goes out through one script that is fenced by the leader's epoch (out_*.c). One
 * policy leads, others stand by; only the leader has an engine.
 *
 *   policy_new() → process_run(…, policy_hooks()) → policy_free()
 */
struct policy;

struct policy *policy_new(void); /* NULL: out of memory */
struct process_hooks policy_hooks(struct policy *policy);
void policy_free(struct policy *policy);

#endif
