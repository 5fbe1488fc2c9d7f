#ifndef CTL_REASSEMBLE_H
#define CTL_REASSEMBLE_H

#include "ctl/capture.h"

/*
 * IP fragments of UDP datagrams put together again: exporters send datagrams that are longer than
 * the path's packets. A fixed number of datagrams may be on their way; another one more, or one
 * that takes too long, makes the one begun longest ago go. Fragments that overlap drop their
 * datagram (RFC 5722, and no sender of IPv4 makes any).
 */
struct reassemble;

enum { REASSEMBLE_MAX = 64, REASSEMBLE_US = 30000000 };

struct reassemble *reassemble_new(void); /* NULL: no memory */
void reassemble_free(struct reassemble *reassemble);

/* *ip is the fragment's; true when its datagram is whole now: *ret_ip is then all behind the IP
 * header, lent until the next call, and *ret_parts how many fragments it had. */
bool reassemble_add(struct reassemble *reassemble, const struct capture_datagram *datagram,
                    const struct capture_fragment *fragment, struct wire_reader *ret_ip,
                    uint32_t *ret_parts);

#endif
