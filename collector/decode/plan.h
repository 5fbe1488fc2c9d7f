#ifndef COLLECTOR_DECODE_PLAN_H
#define COLLECTOR_DECODE_PLAN_H

#include "collector/decode/reason.h"
#include "common/base/wire.h"
#include "proto/flow.h"

/*
 * A template turned, once, into the loads that each of its records needs. A record is a row of
 * segments: octets of fixed layout, covered by one bounds check, and after all but the last one
 * field that carries its own length (RFC 7011, 7). Templates without such fields have one segment.
 */
enum { FIELD_VARIABLE = 0xffff, ENTERPRISE_REVERSE = 29305 /* RFC 5103, 6.1 */ };

struct template_field {
    uint32_t enterprise; /* 0: IANA */
    uint16_t element;
    uint16_t len; /* octets on the wire, or FIELD_VARIABLE */
};

enum plan_unit {
    UNIT_NONE,
    UNIT_MILLI,
    UNIT_MICRO,  /* NTP format, RFC 7011 6.1.9 */
    UNIT_NANO,   /* NTP format, 6.1.10 */
    UNIT_UPTIME, /* milliseconds since the exporter started */
    UNIT_DELTA,  /* microseconds before the export time */
    UNIT_SECOND,
    UNIT_COUNT
};

/* What a record needs beyond its steps. */
enum plan_need {
    NEED_TIME = 1 << 0,
    NEED_ICMP = 1 << 1,
    NEED_FRAGMENT = 1 << 2,
    NEED_RATE = 1 << 3, /* holds a sampling rate of its own */
    NEED_SAMPLER = 1 << 4,
    NEED_REVERSE = 1 << 5,
    NEED_SECTION = 1 << 6,
    NEED_CLEAR = 1 << 7, /* struct plan_extra must be zero before each record */
    NEED_LINE_CARD = 1 << 8,
    NEED_TEMPLATE_ID = 1 << 9,
    NEED_TOTAL = 1 << 10, /* counters that tell again what earlier records told */
    NEED_EVENT = 1 << 11, /* of a firewall: the same, by the event's kind */
    NEED_FLOW_ID = 1 << 12
};

/* The counters of a record: octets, packets, and both of its reverse half. */
enum { PLAN_COUNTERS = 4 };

/* What steps write beside the flow record, for record.c and options.c to make sense of. */
struct plan_extra {
    uint64_t start, end; /* in the plan's units */
    uint64_t duration_ms, duration_us;
    uint64_t reverse_bytes, reverse_packets;
    uint64_t reverse_told_bytes, reverse_told_packets;
    uint64_t flow_id;                       /* 148 */
    uint64_t interval;                      /* 34 */
    uint64_t random_interval;               /* 50 */
    uint64_t packet_interval, packet_space; /* 305, 306 */
    uint64_t size, population;              /* 309, 310 */
    double probability;                     /* 311 */
    uint64_t boot_ms;                       /* 160 */
    const uint8_t *section;                 /* 313, 315; lent as the datagram is */
    uint32_t section_len;
    uint32_t frame_len;      /* 312 */
    uint16_t section_offset; /* 409: octets of the packet that stand before the section */
    uint16_t frame_type;     /* 408: of a frame's section; 0: not told, 1: Ethernet */
    uint32_t active_timeout_s;
    uint32_t line_card;   /* 141 */
    uint32_t template_id; /* 145 */
    uint16_t icmp;        /* type << 8 | code */
    uint16_t icmp_type, icmp_code;
    uint16_t fragment_offset;
    uint16_t reverse_tcp_flags;
    uint8_t fragment_flags;
    uint8_t section_kind; /* enum plan_section */
    uint8_t event;        /* 233, 40005 */
    uint8_t end_reason;   /* 136 */
    uint16_t algorithm;   /* 304 */
};

enum plan_section { SECTION_NONE, SECTION_IP, SECTION_FRAME };

struct plan_record {
    struct flow_record flow;
    struct plan_extra extra;
};

struct plan_step {
    uint16_t from; /* octets from the start of the segment */
    uint16_t to;   /* octets from the start of struct plan_record */
    uint16_t len;  /* octets on the wire */
    uint8_t op;    /* enum step_op in plan.c */
    uint8_t width; /* of the member */
};

struct plan_segment {
    uint16_t fixed_len;
    uint16_t step_count;
    bool variable;       /* a field with its own length follows */
    uint8_t variable_to; /* what that field is: enum plan_target, 0 none */
};

struct decode_plan {
    uint32_t has;                 /* FLOW_* that every record gives */
    uint32_t need;                /* NEED_* */
    uint8_t start_unit, end_unit; /* enum plan_unit */
    bool has_start, has_end;
    bool has_uptimes;      /* both, and both in UNIT_UPTIME */
    bool has_millis;       /* both, and both in UNIT_MILLI */
    uint8_t counted_again; /* bit i: counter i is one of NEED_TOTAL or NEED_EVENT */
    uint32_t len_min;      /* octets of the shortest record */
    size_t bytes;          /* of this allocation */
    uint16_t segment_count;
    uint16_t step_count;
    struct plan_step *steps; /* behind the segments, in the same allocation */
    struct plan_segment segments[];
};

/* DECODE_TEMPLATE: its records would be empty, or longer than any datagram. The plan is freed with
 * free(). */
enum decode_reason plan_compile(const struct template_field *fields, size_t count,
                                struct decode_plan **ret_plan);

/*
 * The next record of a data set into *record, whose flow holds what all records of the set share,
 * plan->has with it.
 * False at the set's end; what is left then is padding unless set->failed: the record ran past it.
 */
bool plan_next(const struct decode_plan *plan, struct wire_reader *set, struct plan_record *record);

/*
 * All records are len_min octets long. Then several are read at once, for less each, least for
 * PLAN_BATCH and for half of it: `count`, which the set must hold, and before them `again` that
 * were read already, so that there may be as many as cost least. So many stay in the nearest cache.
 */
enum { PLAN_BATCH = 8 };
bool plan_is_fixed(const struct decode_plan *plan);
void plan_next_some(const struct decode_plan *plan, struct wire_reader *set,
                    struct plan_record *records, size_t again, size_t count);

#endif
