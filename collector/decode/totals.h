#ifndef COLLECTOR_DECODE_TOTALS_H
#define COLLECTOR_DECODE_TOTALS_H

#include "collector/decode/state.h"

/*
 * Octets that an exporter tells more than once, counted once.
 *
 * A total (elements 85, 86, 353 and their reverse) is all that a flow had since it began, so of a
 * flow that is told again only what came since counts: records of the same exporter, domain, ends,
 * start and flow id are one flow.
 *
 * A firewall that tells events (Cisco's NSEL: elements 233 or 40005, with 231, 232, 298, 299)
 * sends, where updates are asked for, what came since the last update, and a last such update with
 * the teardown, or just before or behind it; the teardown itself has all octets of the flow. So
 * updates count, and of a teardown what updates did not tell: everything, of flows too short for an
 * update or where no updates are asked for. A creation and a denial carry no volume.
 *
 * Where a flow is not known, as after a restart, what is told of it counts whole, over the time
 * that it says it took.
 */

/* Takes off from a record what the flow's earlier ones have told. Before record_give(). */
void totals_settle(struct decode_context *context, const struct decode_plan *plan,
                   struct plan_record *record);

#endif
