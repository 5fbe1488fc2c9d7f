#ifndef COMMON_SERVICE_HEALTH_H
#define COMMON_SERVICE_HEALTH_H

#include "common/base/addr.h"
#include "common/base/text.h"

/*
 * Asks the process that listens there for /healthz, and waits for its answer at most limit_ms: what
 * --health does, so that whoever supervises a process needs no other program for it.
 *
 * OK: it is well. REFUSED: it says that it is not; AWAY: nobody listens, or it hung up; TIMEOUT:
 * not in time; MALFORMED: what answers speaks no HTTP. *said gets its words, or why there are none.
 */
enum status health_ask(const struct ip_endpoint *listen, uint64_t limit_ms, struct text *said);

#endif
