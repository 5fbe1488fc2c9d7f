#ifndef CTL_CAPTURE_WRITE_H
#define CTL_CAPTURE_WRITE_H

#include "common/base/addr.h"

#include <stdio.h>

/* A capture of UDP datagrams: pcap with Ethernet frames, times in microseconds. What could not be
 * written is seen with ferror() at the latest when the file is closed. */
void capture_write_head(FILE *file);
/* Both of one family; a sender without an address is a loopback's. */
bool capture_write(FILE *file, const struct ip_endpoint *from, const struct ip_endpoint *to,
                   const uint8_t *bytes, size_t len, uint64_t time_us);

#endif
