#ifndef TESTS_FUZZ_DATAGRAMS_H
#define TESTS_FUZZ_DATAGRAMS_H

#include "collector/decode/decode.h"

/*
 * One input is several datagrams to one decoder. Before each stand three octets:
 *
 *    bits 0, 1  which of four senders         bits 2, 3  how much later: 0, 1 ms, 0.5 s, 11 s
 *    bit  4     the operator says a rate      bit  5     first the state goes through a snapshot
 *    bit  6     all fields are asked for, and then what is known
 *    bit  7     the sender is one that the operator lists
 *    its length, two octets
 *
 * The first octets of each are made into `version`, so that the fuzzer stays in its format. Limits
 * are small, so that what they push out is pushed out often. tests/fuzz/seeds.py writes such inputs
 * from captures.
 */
void datagrams_feed(const uint8_t *data, size_t size, const uint8_t *version, size_t version_len);

#endif
