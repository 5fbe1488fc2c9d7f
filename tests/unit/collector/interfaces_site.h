#ifndef TESTS_UNIT_COLLECTOR_INTERFACES_SITE_H
#define TESTS_UNIT_COLLECTOR_INTERFACES_SITE_H

#include "collector/interfaces.h"

#include <criterion/criterion.h>
#include <string.h>

static inline struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr;
    cr_assert_eq(addr_parse(&addr, text), STATUS_OK);
    return addr;
}

static inline struct interfaces *table_of(uint32_t per_exporter, uint32_t max)
{
    struct interfaces *t = interfaces_new(
        &(struct interfaces_options){.per_exporter = per_exporter, .max = max, .seed = 7});
    cr_assert_not_null(t);
    return t;
}

static inline struct decode_interface reading_of(uint32_t index)
{
    return (struct decode_interface){.exporter = addr_of("192.0.2.1"),
                                     .agent = addr_of("10.0.0.1"),
                                     .index = index,
                                     .uptime_ms = 1000000,
                                     .is_up = true,
                                     .speed_bps = UINT64_C(10000000000)};
}

/* Time passes at the agent and here. */
struct told {
    struct interface_info at[INTERFACES_TOLD + 1];
    size_t count;
    struct interfaces_summary summary;
};

static inline void on_interface(void *owner, const struct interface_info *info)
{
    struct told *told = owner;
    cr_assert_lt(told->count, INTERFACES_TOLD);
    told->at[told->count++] = *info;
}

static inline const struct told *tell(const struct interfaces *t, uint64_t now_ms)
{
    static struct told told;
    memset(&told, 0, sizeof(told));
    struct ip_addr exporter = addr_of("192.0.2.1");
    cr_assert(interfaces_tell(t, &exporter, now_ms, &told.summary, on_interface, &told));
    return &told;
}

static inline const struct interface_info *only(const struct interfaces *t, uint64_t now_ms)
{
    const struct told *told = tell(t, now_ms);
    cr_assert_eq(told->count, 1);
    return &told->at[0];
}

struct site {
    struct interfaces *t;
    struct decode_interface port[4]; /* of index 1 to 3 */
    uint64_t now_ms;
};

static inline struct site site_new(uint32_t ports)
{
    struct site s = {.t = table_of(0, 0)};
    for (uint32_t i = 1; i <= ports; i++) {
        s.port[i] = reading_of(i);
        s.port[i].in_octets = s.port[i].out_octets = UINT64_C(1) << 40; /* of 64 bits, then */
    }
    return s;
}

/* A minute: readings of all ports, each after as much traffic as its samples of 1000 octets say at
 * 1 in 100. */
static inline void read_ports(struct site *s, uint32_t ports, uint64_t octets)
{
    s->now_ms += 60000;
    for (uint32_t i = 1; i <= ports; i++) {
        s->port[i].uptime_ms += 60000;
        s->port[i].in_octets += octets;
        s->port[i].out_octets += octets;
        s->port[i].in_packets += octets / 1000;
        s->port[i].out_packets += octets / 1000;
        interfaces_counted(s->t, &s->port[i], DECODE_BY_PREFIX, s->now_ms);
    }
}

static inline void sample(struct site *s, unsigned int times, uint32_t source, uint32_t in,
                          uint32_t out)
{
    struct flow_record flow = {.format = FORMAT_SFLOW5,
                               .has = FLOW_BYTES | FLOW_PACKETS | (in != 0 ? FLOW_INPUT_IF : 0) |
                                      (out != 0 ? FLOW_OUTPUT_IF : 0),
                               .agent = addr_of("10.0.0.1"),
                               .input_if = in,
                               .output_if = out,
                               .source_if = source,
                               .sampling_rate = 100,
                               .bytes = 1000,
                               .packets = 1};
    struct ip_addr exporter = addr_of("192.0.2.1");
    struct interfaces_exporter *e = interfaces_at(s->t, &exporter);
    for (unsigned int i = 0; e != NULL && i < times; i++)
        interfaces_sampled(s->t, e, &flow);
}

static inline const struct interface_info *port(const struct site *s, uint32_t index)
{
    const struct told *told = tell(s->t, s->now_ms);
    for (size_t i = 0; i < told->count; i++)
        if (told->at[i].index == index)
            return &told->at[i];
    cr_assert_fail("no interface %u", index);
    return NULL;
}

/* 100 samples a minute of 1000 octets at 1 in 100 stand for this. */
enum { OCTETS = 100 * 100 * 1000 };

#endif
