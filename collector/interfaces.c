#include "collector/interfaces_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PER_EXPORTER = 1024, /* a large chassis with its VLANs */
    ALL_MAX = 32768,     /* 20 MiB a worker at the most */
    EXPORTERS = 1000,    /* as decoding knows, where nothing else is said */
    LEAST_MS = 500,      /* of readings closer than that the clock's error would be the rate */
    REORDERED_MS = 5000, /* an uptime that goes back by less is of a datagram that was overtaken */
    PACKET_LEAST = 20,   /* octets: fewer a packet, and it is the packets that are wrong */
};

static const double BPS_MOST = 1e14;      /* no port carries that */
static const double BPS_UNKNOWN = 1.6e12; /* where the agent does not say the speed */
static const double TIMES_SPEED = 4;

/* --- finding ------------------------------------------------------------------------------------
 */

enum { KEY_LEN = 2 * sizeof(struct ip_addr) + 2 * sizeof(uint32_t) };

static void key_of(uint8_t key[KEY_LEN], const struct ip_addr *exporter,
                   const struct ip_addr *agent, uint32_t sub_agent, uint32_t index)
{
    memcpy(key, exporter, sizeof(*exporter));
    memcpy(key + sizeof(*exporter), agent, sizeof(*agent));
    memcpy(key + 2 * sizeof(*exporter), &sub_agent, sizeof(sub_agent));
    memcpy(key + 2 * sizeof(*exporter) + sizeof(sub_agent), &index, sizeof(index));
}

static bool is_of(const struct interface *i, const struct flow_record *sample, uint32_t index)
{
    const struct decode_interface *r = &i->reading;
    return r->index == index && r->sub_agent == sample->domain &&
           addr_equal(&r->agent, &sample->agent);
}

static struct interface *find(const struct interfaces *t, struct interfaces_exporter *exporter,
                              const struct flow_record *sample, uint32_t index)
{
    uint8_t key[KEY_LEN];
    struct interface **recent = &exporter->recent[index % RECENT];
    if (*recent != NULL && is_of(*recent, sample, index))
        return *recent;
    key_of(key, &exporter->addr, &sample->agent, sample->domain, index);
    struct interface *i = table_find(t->by_key, key, sizeof(key));
    if (i != NULL)
        *recent = i;
    return i;
}

struct interfaces *interfaces_new(const struct interfaces_options *options)
{
    struct interfaces *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->options = *options;
    if (t->options.per_exporter == 0)
        t->options.per_exporter = PER_EXPORTER;
    if (t->options.max == 0)
        t->options.max = ALL_MAX;
    if (t->options.exporters == 0)
        t->options.exporters = EXPORTERS;
    /* An exporter without interfaces is none here, so there are never more of them. */
    if (t->options.exporters > t->options.max)
        t->options.exporters = t->options.max;
    for (size_t trust = 0; trust < DECODE_TRUSTS; trust++) {
        chain_init(&t->used[trust]);
        chain_init(&t->exporters_used[trust]);
    }
    t->exporters =
        table_new(&(struct table_options){.entry_size = sizeof(struct interfaces_exporter),
                                          .key_max = sizeof(struct ip_addr),
                                          .max = t->options.exporters + 1,
                                          .seed = options->seed});
    t->by_key = table_new(&(struct table_options){.entry_size = sizeof(struct interface),
                                                  .key_max = KEY_LEN,
                                                  .max = t->options.max,
                                                  .seed = options->seed});
    if (t->exporters == NULL || t->by_key == NULL) {
        interfaces_free(t);
        return NULL;
    }
    return t;
}

void interfaces_free(struct interfaces *t)
{
    if (t == NULL)
        return;
    table_free(t->exporters);
    table_free(t->by_key);
    free(t);
}

size_t interfaces_count(const struct interfaces *t)
{
    return table_count(t->by_key);
}

uint64_t interfaces_evicted(const struct interfaces *t)
{
    return t->evicted;
}

static void remove_exporter(struct interfaces *t, struct interfaces_exporter *exporter)
{
    chain_drop(&exporter->used);
    table_remove_entry(t->exporters, exporter);
}

/* Its exporter goes with the last one. */
static void remove_one(struct interfaces *t, struct interface *i,
                       const struct interfaces_exporter *keep)
{
    struct interfaces_exporter *exporter = i->exporter;
    struct interface **recent = &exporter->recent[i->reading.index % RECENT];
    if (*recent == i)
        *recent = NULL;
    chain_drop(&i->used);
    chain_drop(&i->of_exporter);
    table_remove_entry(t->by_key, i);
    if (--exporter->count == 0 && exporter != keep)
        remove_exporter(t, exporter);
}

/* Gives how many they were. */
static uint32_t remove_all(struct interfaces *t, struct interfaces_exporter *exporter)
{
    uint32_t count = exporter->count;
    for (uint32_t left = count; left > 0; left--)
        remove_one(t, CHAIN_OWNER(exporter->interfaces.next, struct interface, of_exporter), NULL);
    return count;
}

void interfaces_forget(struct interfaces *t,
                       bool (*keeps)(void *owner, const struct ip_addr *exporter), void *owner)
{
    struct interfaces_exporter *e;
    size_t cursor = 0;
    while ((e = table_next(t->exporters, &cursor)) != NULL)
        if (!keeps(owner, &e->addr))
            remove_all(t, e);
}

/* The least used of the lowest trust, up to this one; NULL: all are of a higher one. */
static struct chain *oldest(struct chain used[DECODE_TRUSTS], enum decode_trust trust)
{
    for (unsigned int i = 0; i <= trust; i++)
        if (used[i].prev != &used[i])
            return used[i].prev;
    return NULL;
}

/* NULL: no place, or no memory. */
static struct interfaces_exporter *enter_exporter(struct interfaces *t, const struct ip_addr *addr,
                                                  enum decode_trust trust)
{
    bool is_new;
    struct interfaces_exporter *e = table_find(t->exporters, addr, sizeof(*addr));
    if (e == NULL && table_count(t->exporters) >= t->options.exporters) {
        struct chain *gone = oldest(t->exporters_used, trust);
        if (gone == NULL) {
            t->evicted++; /* itself */
            return NULL;
        }
        t->evicted += remove_all(t, CHAIN_OWNER(gone, struct interfaces_exporter, used));
    }
    if (e == NULL && (e = table_insert(t->exporters, addr, sizeof(*addr), &is_new)) != NULL) {
        e->addr = *addr;
        chain_init(&e->interfaces);
        chain_init(&e->used);
    }
    if (e != NULL) {
        chain_drop(&e->used);
        chain_push(&t->exporters_used[trust], &e->used);
    }
    return e;
}

/* False: there is no place for it. */
static bool make_room(struct interfaces *t, const struct interfaces_exporter *e,
                      enum decode_trust trust)
{
    struct chain *gone;
    if (e->count >= t->options.per_exporter) {
        remove_one(t, CHAIN_OWNER(e->interfaces.prev, struct interface, of_exporter), e);
    } else if (table_count(t->by_key) < t->options.max) {
        return true;
    } else {
        if ((gone = oldest(t->used, trust)) != NULL)
            remove_one(t, CHAIN_OWNER(gone, struct interface, used), e);
        t->evicted++; /* it, or what asks */
        return gone != NULL;
    }
    t->evicted++;
    return true;
}

/* The interface of a reading, new with *ret_new; NULL: no place, or no memory. */
static struct interface *enter(struct interfaces *t, const struct decode_interface *reading,
                               enum decode_trust trust, bool *ret_new)
{
    uint8_t key[KEY_LEN];
    key_of(key, &reading->exporter, &reading->agent, reading->sub_agent, reading->index);
    struct interface *i = table_find(t->by_key, key, sizeof(key));
    *ret_new = i == NULL;
    if (i != NULL) {
        chain_drop(&i->used);
        chain_push(&t->used[trust], &i->used);
        chain_touch(&i->exporter->interfaces, &i->of_exporter);
        chain_drop(&i->exporter->used);
        chain_push(&t->exporters_used[trust], &i->exporter->used);
        return i;
    }
    struct interfaces_exporter *e = enter_exporter(t, &reading->exporter, trust);
    if (e == NULL)
        return NULL;
    if (make_room(t, e, trust))
        i = table_insert(t->by_key, key, sizeof(key), ret_new);
    if (i == NULL) {
        if (e->count == 0)
            remove_exporter(t, e);
        return NULL;
    }
    i->exporter = e;
    e->count++;
    chain_push(&t->used[trust], &i->used);
    chain_push(&e->interfaces, &i->of_exporter);
    return i;
}

/* --- what was counted ---------------------------------------------------------------------------
 */

/* One side of an interface between two readings. */
struct growth {
    bool good;      /* the counters can have made it */
    bool counts;    /* the agent counts octets at all */
    bool is_narrow; /* the counter may be one of 32 bits */
    bool has_packets;
    uint64_t octets, packets;
};

/* Three counters of 32 bits, of which each may have begun anew from 0. */
static bool went_round(uint64_t before, uint64_t now, uint64_t *ret_grown)
{
    for (int times = 0; now < before && times < 3; times++)
        now += UINT64_C(1) << 32;
    *ret_grown = now >= before ? now - before : 0;
    return now >= before;
}

static struct growth growth_of(uint64_t octets_before, uint64_t octets, uint64_t packets_before,
                               uint64_t packets)
{
    struct growth g = {.good = true};
    g.counts = octets != UINT64_MAX && octets_before != UINT64_MAX;
    g.has_packets = went_round(packets_before, packets, &g.packets);
    if (!g.counts)
        return g;
    g.is_narrow = octets_before <= UINT32_MAX && octets <= UINT32_MAX;
    g.octets = octets - octets_before;
    if (octets < octets_before) {
        /* Some agents have counters of 32 bits for it; one that is set to 0 takes the packets along
         * to it. */
        g.good = g.is_narrow && packets >= packets_before;
        g.octets &= UINT32_MAX;
    }
    g.has_packets = g.has_packets && g.packets <= g.octets / PACKET_LEAST;
    return g;
}

static double per_second(double n, uint64_t ms)
{
    return n * 1000 / (double)ms;
}

/* Such a counter that goes back was most likely set to 0. */
static double grown(uint32_t before, uint32_t now)
{
    bool wrapped = now < before && before > UINT32_MAX / 2;
    return now >= before || wrapped ? (double)(uint32_t)(now - before) : (double)now;
}

/* Time between the readings by the agent's own clock, which no delay on the way touches; where that
 * does not go with ours, by ours. 0: it has started anew. */
static uint64_t time_between(const struct decode_interface *before,
                             const struct decode_interface *now, uint64_t passed_ms)
{
    uint64_t by_agent = (uint32_t)(now->uptime_ms - before->uptime_ms);
    uint64_t apart = by_agent > passed_ms ? by_agent - passed_ms : passed_ms - by_agent;
    if (by_agent > 0 && apart <= passed_ms / 2 + REORDERED_MS)
        return by_agent;
    return now->uptime_ms < before->uptime_ms ? 0 : passed_ms;
}

/* A port can not have carried that; one whose speed is not what the agent says may. */
static bool is_possible(struct interface *i, uint64_t speed_bps, double bps)
{
    double most = speed_bps > 0 ? TIMES_SPEED * (double)speed_bps : BPS_UNKNOWN;
    bool was_over = i->is_over_speed;
    i->is_over_speed = bps > most && bps <= BPS_MOST;
    return bps <= most || (was_over && i->is_over_speed);
}

/* A counter of 32 bits goes round in 3 s on a port of 10 Gbit/s, and nobody knows how often it did.
 */
static void check_side(struct interface_check *check, const struct growth *g, uint64_t speed_bps,
                       uint64_t ms)
{
    double may_carry = (double)speed_bps / 8 * (double)ms / 1000;
    if (g->is_narrow && may_carry > UINT32_MAX)
        interface_check_restart(check);
    else
        interface_check_counted(check, g->octets, ms);
}

static void begin_anew(struct interface *i)
{
    i->restarts++;
    i->has_rates = false;
    interface_check_restart(&i->in);
    interface_check_restart(&i->out);
}

static void count(struct interface *i, const struct decode_interface *now, uint64_t passed_ms)
{
    const struct decode_interface *before = &i->reading;
    uint64_t ms = time_between(before, now, passed_ms);
    struct growth in =
        growth_of(before->in_octets, now->in_octets, before->in_packets, now->in_packets);
    struct growth out =
        growth_of(before->out_octets, now->out_octets, before->out_packets, now->out_packets);
    if (ms == 0 || passed_ms > INTERFACE_MOST_MS || !in.good || !out.good) {
        begin_anew(i);
        return;
    }
    double in_bps = per_second(8 * (double)in.octets, ms);
    double out_bps = per_second(8 * (double)out.octets, ms);
    if (!is_possible(i, now->speed_bps, in_bps > out_bps ? in_bps : out_bps)) {
        begin_anew(i);
        return;
    }
    i->has_rates = true;
    i->rates = (struct interface_rates){
        .in_bps = in_bps,
        .out_bps = out_bps,
        .in_pps = in.has_packets ? per_second((double)in.packets, ms) : 0,
        .out_pps = out.has_packets ? per_second((double)out.packets, ms) : 0,
        .in_errors = per_second(grown(before->in_errors, now->in_errors), ms),
        .out_errors = per_second(grown(before->out_errors, now->out_errors), ms),
        .in_discards = per_second(grown(before->in_discards, now->in_discards), ms),
        .out_discards = per_second(grown(before->out_discards, now->out_discards), ms)};
    check_side(&i->in, &in, now->speed_bps, ms);
    check_side(&i->out, &out, now->speed_bps, ms);
}

/* Overtaken on the way, or told twice. */
static bool is_late(const struct interface *i, const struct decode_interface *now,
                    uint64_t passed_ms)
{
    uint32_t back_ms = i->reading.uptime_ms - now->uptime_ms;
    return passed_ms < LEAST_MS || (back_ms > 0 && back_ms < REORDERED_MS);
}

void interfaces_counted(struct interfaces *t, const struct decode_interface *reading,
                        enum decode_trust trust, uint64_t now_ms)
{
    bool is_new;
    struct interface *i = enter(t, reading, trust, &is_new);
    if (i == NULL)
        return;
    uint64_t passed_ms = now_ms - i->read_ms;
    if (!is_new && is_late(i, reading, passed_ms))
        return;
    if (!is_new)
        count(i, reading, passed_ms);
    i->reading = *reading;
    i->read_ms = now_ms;
}

/* --- what was sampled ---------------------------------------------------------------------------
 */

struct interfaces_exporter *interfaces_at(const struct interfaces *t,
                                          const struct ip_addr *exporter)
{
    return table_count(t->exporters) == 0 ? NULL
                                          : table_find(t->exporters, exporter, sizeof(*exporter));
}

/* A packet counts at the interface that took the sample, on the side where that one is: what other
 * interfaces sample of it counts there. A sampler that is none of them, such as a bridge's, takes a
 * packet once, as it comes in. */
void interfaces_sampled(struct interfaces *t, struct interfaces_exporter *exporter,
                        const struct flow_record *sample)
{
    bool comes_in = (sample->has & FLOW_INPUT_IF) != 0;
    uint32_t at = sample->source_if;
    struct interface *i = at != 0 ? find(t, exporter, sample, at) : NULL;
    if (i != NULL) {
        if (comes_in && sample->input_if == at)
            interface_check_sample(&i->in, sample->bytes, sample->sampling_rate);
        else if ((sample->has & FLOW_OUTPUT_IF) != 0 && sample->output_if == at)
            interface_check_sample(&i->out, sample->bytes, sample->sampling_rate);
        return;
    }
    if (comes_in && sample->input_if != at &&
        (i = find(t, exporter, sample, sample->input_if)) != NULL)
        interface_check_sample(&i->in, sample->bytes, sample->sampling_rate);
}
