#ifndef TESTS_FUZZ_DATAGRAMS_H
#define TESTS_FUZZ_DATAGRAMS_H

#include "collector/decode/decode.h"

/*
 * One input is several datagrams to one decoder: each has two octets of length, whose highest two
 * bits choose the sender. The first octets of each are made into `version`, so that the fuzzer
 * stays in its format. Limits are small, so that what they push out is pushed out often.
 */
void datagrams_feed(const uint8_t *data, size_t size, const uint8_t *version, size_t version_len);

#endif
