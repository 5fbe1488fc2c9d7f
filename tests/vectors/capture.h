#ifndef TESTS_VECTORS_CAPTURE_H
#define TESTS_VECTORS_CAPTURE_H

#include "common/base/addr.h"
#include "common/base/status.h"

/* Reads a capture of the corpus: Ethernet frames, each with one UDP datagram. */
typedef void (*capture_on_datagram)(void *owner, const struct ip_addr *from, const uint8_t *bytes,
                                    size_t len);
enum status capture_read(const char *path, capture_on_datagram on_datagram, void *owner);

#endif
