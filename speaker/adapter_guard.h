#ifndef SPEAKER_ADAPTER_GUARD_H
#define SPEAKER_ADAPTER_GUARD_H

#include "speaker/adapter_line.h"
#include "speaker/speaker.h"

/*
 * Guard and budget of a rule that is announced without policy. What policy weighs is weighed here,
 * as for a rule of an alarm, because nobody looks on: what the rule matches, what it hides, how
 * many start in a minute, have this target and stand at all, and how many hosts get nothing.
 */
enum { ADAPTER_STARTS_MAX = 1024 };
struct adapter_starts {
    uint64_t at_ms[ADAPTER_STARTS_MAX]; /* monotonic, + 1; 0: none */
    size_t next;
};
void adapter_starts_note(struct adapter_starts *starts, uint64_t now_ms);

/* `m` has family, octets, communities and dry run. False, and why. */
bool adapter_guard_passes(const struct speaker *speaker, const struct adapter_line *line,
                          const struct mitigation *m, const struct adapter_starts *starts,
                          char ret_why[REASON_MAX]);

#endif
