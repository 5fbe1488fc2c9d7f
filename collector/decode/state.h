#ifndef COLLECTOR_DECODE_STATE_H
#define COLLECTOR_DECODE_STATE_H

#include "collector/decode/chain.h"
#include "collector/decode/decode.h"
#include "collector/decode/plan.h"
#include "collector/decode/samplers.h"
#include "collector/decode/sequence.h"
#include "collector/decode/sources.h"
#include "collector/decode/timeout.h"
#include "common/base/table.h"

/*
 * What decoding remembers: exporters, their observation domains, and each domain's templates and
 * samplers. Inside collector/decode only. Lists run from the most to the least recently used.
 */
/* Whole words, written as they will be hashed and compared: a word that is read where several were
 * written waits for them. */
struct domain_key {
    uint64_t source[2], agent[2]; /* octets of the addresses */
    uint64_t rest;                /* both families, format, domain number */
};
enum { STATE_EXPORTER_KEY = 17, STATE_DOMAIN_KEY = sizeof(struct domain_key) };

struct decode_template {
    struct chain used;    /* in its domain */
    struct chain of_kind; /* the same, flow or options templates */
    struct decode_template *next_in_bucket;
    uint16_t id;
    uint16_t field_count, scope_count;
    bool options;
    bool on_trial; /* told before a restart, ours or the exporter's, and neither told again nor
                      borne out by data since */
    bool misfits;  /* what stood behind its records was no padding: data proves nothing of it */
    bool is_as_standing; /* of one that was put aside: as the one that stood */
    uint8_t fitting;     /* sets of data that one on trial fitted */
    uint32_t serial;     /* of the stream that told it; 0: a snapshot did */
    uint64_t since_ms;   /* when it came to stand; a repeated one stands since then */
    int64_t told_ms;     /* when the exporter last said it; below 0: before the clock began */
    size_t bytes;        /* of this allocation with all that hangs on it */
    size_t spec_len;
    struct timeout timeout; /* that options tell of it */
    uint8_t *spec;          /* the definition as it came: a repeated one is recognised */
    struct decode_plan *plan;
};

enum { TEMPLATE_BUCKET_BITS = 5, TEMPLATE_BUCKETS = 1 << TEMPLATE_BUCKET_BITS };

/* What the newest header of a domain said, by which the next one is known to go on from it. */
struct header_seen {
    bool known;
    uint32_t sequence, uptime_ms;
    uint64_t export_ms, came_ms;
    uint64_t restart_ms; /* when it was last seen to start again; 0: never */
};

struct decode_domain {
    struct chain used;        /* among all domains of exporters known as well */
    struct chain of_exporter; /* among its exporter's */
    struct chain telling;     /* among those of its exporter that have samplers, if it has any */
    bool tells;
    /* The same, where it holds nothing and no datagram of it is being read. */
    struct chain bare, bare_of_exporter;
    bool is_bare;
    struct decode_exporter *exporter;
    struct decode_template *buckets[TEMPLATE_BUCKETS];
    struct chain templates;
    struct chain held;       /* its data sets before their template */
    struct chain of_kind[2]; /* [true]: options templates */
    uint32_t secret;         /* odd */
    struct aside *aside;     /* what others than its main stream say of it; NULL: nothing */
    uint32_t rates_by;       /* the serial of the stream that changed the samplers last, */
    uint64_t rates_since_ms; /* and since when it is that */
    struct samplers samplers;
    struct sources sources;
    double only_rate;    /* the rate that all samplers agree on; 0: none or several */
    bool rate_stale;     /* samplers have changed since only_rate was worked out */
    uint64_t boot_ms;    /* systemInitTimeMilliseconds from options; 0: not told */
    uint64_t started_ms; /* Unix time at which a NetFlow 9 header's uptime began; 0: not told */
    size_t bytes;        /* its own, and those of templates and samplers */
    struct timeouts timeouts;
    struct sequence sequence;
    struct header_seen seen;
    bool restored;             /* from a snapshot, and not heard since */
    bool saved_sequence_known; /* of a restored one: where its sequence stood */
    uint32_t saved_sequence;
    int64_t saved_heard_ms;
    struct decode_domain_info info;
};

/* Of a domain in its table: key and header, and up to three slots of an index. */
enum { DOMAIN_BYTES = sizeof(struct decode_domain) + STATE_DOMAIN_KEY + TABLE_HEADER + 3 * 8 };

struct decode_exporter {
    struct chain used;    /* among those known as well */
    struct chain of_size; /* among these, with those that hold about as much */
    uint8_t trust, size_class;
    size_t bytes; /* of its domains */
    struct chain domains, bare, telling;
    struct chain asides; /* of its domains, from the most to the least recently told */
    struct chain held;   /* data sets of all its domains before their template */
    uint32_t held_blocks;
    struct ip_addr addr;
    uint32_t domain_count;
    uint32_t told_holder;      /* in what is told of flows; 0: none */
    struct decode_counts gone; /* of domains that were evicted */
    /* What domains that tell none themselves go by: the one that speaks for them (NULL: nobody),
     * its rate (0: none or several) and, where it was the only one with samplers, these. Once
     * records rely on it, it stays that; then another domain's rate that differs (0: none). Proven:
     * it was steady while they did. */
    struct decode_domain *speaks;
    const struct decode_domain *only_sampling;
    double only_rate, other_rate;
    bool is_relied_on, is_proven;
    bool rate_stale;         /* some domain's is, and then all of these */
    bool rate_put_off;       /* the same, from the next datagram on */
    uint64_t two_senders_ms; /* when evidence was last seen */
    bool two_senders_seen;
};

enum { SIZE_CLASSES = 65 };

struct decode {
    struct decode_limits limits;
    struct table *exporters, *domains;
    struct decode_domain *last; /* that a datagram was of: most recently used; NULL: it is gone */
    struct chain exporters_used[DECODE_TRUSTS], domains_used[DECODE_TRUSTS];
    struct chain bare[DECODE_TRUSTS];                  /* domains that hold nothing */
    struct chain holders[DECODE_TRUSTS][SIZE_CLASSES]; /* by doublings of what they hold */
    uint64_t may_hold[DECODE_TRUSTS]; /* bits, of class 1 on: 0 where a class has nobody */
    struct held_pool *held;
    struct told *told; /* NULL until a record needs it */
    uint64_t secret;   /* odd: what ids are multiplied with, so that nobody chooses their places */
    size_t bytes;
    uint64_t changes; /* of what a snapshot holds */
    bool has_told;    /* the last datagram, anything beside records */
    struct decode_counters counters;
};

/* One datagram on its way. */
struct decode_context {
    struct decode *decode;
    struct decode_domain *domain;
    const struct decode_source *source;
    const struct decode_sink *sink;
    uint8_t format; /* enum flow_format */
    uint64_t now_ms;
    uint32_t domain_number;
    uint64_t export_ms;              /* Unix time in the header */
    uint32_t uptime_ms;              /* in the header, at export_ms; only NetFlow has it */
    uint32_t units;                  /* records so far, options too: what some sequences count */
    uint16_t template_id;            /* of the data set being read */
    uint32_t active_timeout_ms;      /* for its records; 0: none was told */
    const struct samplers *samplers; /* for its records; NULL: none were told */
    size_t octets;                   /* of the datagram, and of held sets that it had decoded */
    uint64_t walked;                 /* samplers, by its walks */
    uint8_t walks;                   /* over the samplers of a domain or a stream */
    bool undecoded;                  /* a part held records that could not be told apart */
    bool has_own_rates;              /* those samplers are what its stream said itself */
    uint32_t serial;                 /* of its stream of numbers */
    uint32_t after;                  /* of the one that it goes on from; 0: none */
    bool goes_on_from_main;  /* it, or the one that it goes on from, and so on; outside only */
    bool by_standing;        /* its data set at hand is read by what stands */
    bool is_outside;         /* of the main stream of its domain, which is not silent */
    uint64_t records_before; /* of its domain */
    uint64_t useless_before; /* of the sink */
    enum decode_reason reason;
};

/* What a datagram's domain is found by; agent only for sFlow. */
struct domain_id {
    uint32_t domain;
    struct ip_addr agent;
};

/* Finds or makes the domain and its exporter, and marks both as just used. False: no room. Until
 * state_leave() there may be one domain too many: only then it is known whether it holds anything.
 */
bool state_enter(struct decode_context *context, const struct domain_id *id);
void state_leave(struct decode_context *context);
void state_refuse(struct decode_context *context, enum decode_reason reason);
/* Judges the header's sequence number before the datagram is read: whose it is. */
void state_sender(struct decode_context *context, uint32_t number, uint32_t tolerance);
/* And once it was read: what is missing. Its records are counted here. */
void state_sequence(struct decode_context *context, struct sequence_step step);
void state_free_all(struct decode *decode);
void state_add_counts(struct decode_counts *sum, const struct decode_counts *more);
/* Forgets what a domain was told: templates and samplers. */
void state_clear_domain(struct decode *decode, struct decode_domain *domain);
void state_remove_domain(struct decode *decode, struct decode_domain *domain);

/* Takes over `t`, whose id, kind and bytes are set. */
void template_put(struct decode *decode, struct decode_domain *domain, struct decode_template *t);
void template_unlink(struct decode *decode, struct decode_domain *domain,
                     struct decode_template *t);
void template_free(struct decode_template *t);
/* For one more: what was used longest ago goes. */
void template_make_room(struct decode_context *context);
struct decode_template *template_find(struct decode_domain *domain, uint16_t id);
/* The same, which is no use of it: while records are read, theirs must stay the one used last. */
struct decode_template *template_peek(struct decode_domain *domain, uint16_t id);
void template_remove(struct decode *decode, struct decode_domain *domain,
                     struct decode_template *gone);
/* The stream of the datagram withdraws all flow templates, or all options templates. */
void template_remove_all(struct decode_context *context, bool options);

#endif
