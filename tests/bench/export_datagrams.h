#ifndef TESTS_BENCH_EXPORT_DATAGRAMS_H
#define TESTS_BENCH_EXPORT_DATAGRAMS_H

#include "proto/flow.h"

#include <stddef.h>

/*
 * Export datagrams in memory, as a router would send them: 17 fixed fields a record in NetFlow 9
 * and IPFIX, a raw header of 128 octets a sample of one of 24 ports in sFlow, full datagrams, hosts
 * by chance.
 */
enum { EXPORT_PORTS = 24 };
struct export_datagrams {
    uint8_t *bytes;
    size_t *starts; /* count + 1 of them */
    size_t count;   /* the first holds the templates alone */
    size_t records;
    enum flow_format format;
    uint32_t samples_of_port[EXPORT_PORTS]; /* sFlow */
};

void export_datagrams_make(struct export_datagrams *ret_datagrams, enum flow_format format,
                           size_t datagrams, uint32_t hosts);
/* IPFIX with 20 fields a record, two of which carry their length. */
void export_datagrams_make_variable(struct export_datagrams *ret_datagrams, size_t datagrams,
                                    uint32_t hosts);
/* Moves all numbers on by what the datagrams hold, so that they may be sent once more. */
void export_datagrams_go_on(struct export_datagrams *datagrams);
void export_datagrams_done(struct export_datagrams *datagrams);

#endif
