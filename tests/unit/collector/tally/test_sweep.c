#include "tests/unit/collector/tally/counting.h"

#include <criterion/parameterized.h>
#include <stdlib.h>

/*
 * Full tables: floods of records to, or from, addresses taken by chance, through the tally as a
 * worker drives it: an urgent flush every 5 ms where a row asks for one, and one a tick. What is
 * shown of each: the sums of all that leaves are those of all that came, to the octet, and the
 * victim's own rows leave with nearly all of what was sent to it.
 */

/* Thresholds of THRESHOLDS: 8 Mbit/s or 100,000 packets a second. */
enum { THRESHOLD_BYTES = 1000000, VICTIM_PACKET = 1500, SEEN_WITHIN_MS = 200 };

enum sweep_kind { SWEEP_DST, SWEEP_DST6, SWEEP_SRC };

struct sweep_case {
    char name[48];
    enum sweep_kind kind;
    size_t max_keys;
    uint32_t records, a_ms;             /* of the sweep: each to another address */
    uint32_t bytes, packets;            /* of each */
    uint32_t victim_from_ms, victim_ms; /* when it begins, how long it lasts */
};

struct sums {
    uint64_t bytes, packets, flows;
};

struct sweep {
    struct counting c;
    struct sums sent, got, victim_sent, victim_got, other, other_of[3];
    struct ip_addr victim;
    uint64_t random, urgent_ms, began_ms;
    uint64_t victim_began_ms, victim_first_ms; /* its first row left then; 0: none yet */
    bool victim_left_urgently, flushing_urgent;
};

static uint64_t next_random(struct sweep *s)
{
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return s->random;
}

static void add_to(struct sums *sums, const struct delta_row *row)
{
    sums->bytes += row->bytes;
    sums->packets += row->packets;
    sums->flows += row->flows;
}

static void on_swept_row(void *owner, unsigned int slot, const struct delta_row *row)
{
    struct sweep *s = owner;
    struct ip_addr addr;
    (void)slot;
    add_to(&s->got, row);
    if (row->key.len == 0) {
        add_to(&s->other, row);
        add_to(&s->other_of[row->count], row);
    }
    if (key_addr(&row->key, DIM_DST_ADDR, &addr) != STATUS_OK || !addr_equal(&addr, &s->victim))
        return;
    add_to(&s->victim_got, row);
    s->victim_left_urgently |= s->flushing_urgent;
    if (s->victim_first_ms == 0)
        s->victim_first_ms = s->c.now_ms;
}

static void flush(struct sweep *s, enum tally_flush_kind kind)
{
    s->flushing_urgent = kind == TALLY_FLUSH_URGENT;
    (void)tally_flush(s->c.tally, kind, s->c.now_ms, on_swept_row, s);
}

static void add_flow(struct sweep *s, struct tally_exporter *from, const struct flow_record *flow,
                     bool to_victim)
{
    s->sent.bytes += flow->bytes;
    s->sent.packets += flow->packets;
    s->sent.flows++;
    if (to_victim) {
        s->victim_sent.bytes += flow->bytes;
        s->victim_sent.packets += flow->packets;
    }
    tally_add(s->c.tally, from, flow, s->c.now_ms);
}

static struct flow_record swept(struct sweep *s, const struct sweep_case *p)
{
    struct flow_record flow = flow_to(CUSTOMER + 1, p->bytes, p->packets);
    uint64_t random = next_random(s);
    if (p->kind == SWEEP_DST)
        flow.dst_addr = addr_from_ipv4((uint32_t)(random >> 32));
    if (p->kind == SWEEP_SRC)
        flow.src_addr = addr_from_ipv4((uint32_t)(random >> 32));
    if (p->kind == SWEEP_DST6) {
        uint8_t octets[16] = {0x20, 0x01, 0x0d, 0xb8, 1, 0};
        memcpy(octets + 8, &random, sizeof(random));
        flow.dst_addr = addr_from_octets(ADDR_IPV6, octets);
        flow.src_addr = flow.dst_addr;
    }
    return flow;
}

static void end_of_ms(struct sweep *s)
{
    s->c.now_ms++;
    tally_settle(s->c.tally);
    if (tally_has_urgent(s->c.tally) && s->c.now_ms - s->urgent_ms >= 5) {
        s->urgent_ms = s->c.now_ms;
        flush(s, TALLY_FLUSH_URGENT);
    }
    if (s->c.now_ms % TALLY_TICK_MS == 0)
        flush(s, TALLY_FLUSH_TICK);
}

static void run(struct sweep *s, const struct sweep_case *p)
{
    uint32_t left = p->records, owed = 0, victim_ends_ms = p->victim_from_ms + p->victim_ms;
    struct flow_record attack = flow_to(CUSTOMER, VICTIM_PACKET, 1);
    if (p->kind == SWEEP_DST6) {
        attack.dst_addr = addr_from_octets(
            ADDR_IPV6, (const uint8_t[16]){0x20, 0x01, 0x0d, 0xb8, 1, 0, [15] = 7});
        attack.src_addr = attack.dst_addr;
    }
    s->victim = attack.dst_addr;
    for (uint32_t ms = 0; left > 0 || ms < victim_ends_ms; ms++) {
        /* A sender's number is good until another is asked for, so each is asked for anew. */
        for (uint32_t i = 0; i < p->a_ms && left > 0; i++, left--) {
            struct flow_record flow = swept(s, p);
            add_flow(s, counting_from(&s->c, EXPORTER + 1), &flow, false);
        }
        if (ms >= p->victim_from_ms && ms < victim_ends_ms) {
            s->victim_began_ms = s->victim_began_ms == 0 ? s->c.now_ms : s->victim_began_ms;
            for (owed += 2 * THRESHOLD_BYTES / 1000; owed >= VICTIM_PACKET; owed -= VICTIM_PACKET)
                add_flow(s, counting_from(&s->c, EXPORTER), &attack, true);
        }
        end_of_ms(s);
    }
    flush(s, TALLY_FLUSH_ALL);
}

static void assert_totals(const struct sweep *s, size_t counts, const char *name)
{
    cr_assert_eq(s->got.bytes, s->sent.bytes * counts, "%s: octets in all", name);
    cr_assert_eq(s->got.packets, s->sent.packets * counts, "%s: packets in all", name);
    cr_assert_eq(s->got.flows, s->sent.flows * counts, "%s: flows in all", name);
}

#define ANY_HOST                                                                                   \
    NETWORKS "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}]"  \
             "\n"

ParameterizedTestParameters(sweep, a_victim_at_twice_the_threshold_is_seen)
{
    static struct sweep_case cases[] = {
        {"ten million addresses, 10k keys", SWEEP_DST, 10000, 10000000, 1000, 64, 1, 500, 1500},
        {"ten million addresses, default", SWEEP_DST, 1000000, 10000000, 4000, 64, 1, 100, 1500},
        {"IPv6, 10k keys", SWEEP_DST6, 10000, 1000000, 1000, 64, 1, 500, 1500},
        {"IPv6, default", SWEEP_DST6, 1000000, 1000000, 1000, 64, 1, 500, 1500},
        {"packets as large as its own", SWEEP_DST, 10000, 1000000, 1000, 1500, 1, 200, 800},
        {"records ten times its own", SWEEP_DST, 10000, 1000000, 1000, 15000, 10, 200, 800},
        {"records forty times its own", SWEEP_DST, 10000, 100000, 100, 60000, 60, 200, 800},
        {"the same, 1000 keys", SWEEP_DST, 1000, 200000, 100, 60000, 60, 200, 1600},
        {"it was there before", SWEEP_DST, 10000, 500000, 1000, 64, 1, 0, 1000},
        {"it comes as the sweep ends", SWEEP_DST, 10000, 500000, 1000, 64, 1, 450, 500},
        {"it comes after", SWEEP_DST, 10000, 500000, 1000, 64, 1, 700, 500},
    };
    return cr_make_param_array(struct sweep_case, cases, sizeof(cases) / sizeof(cases[0]));
}

/* Ten million take two minutes under the sanitizers, so every run has a tenth of them. */
static struct sweep_case as_long_as_asked(const struct sweep_case *p)
{
    struct sweep_case of_now = *p;
    if (getenv("WEIR_TEST_LONG") == NULL && p->records > 1000000)
        of_now.records = p->records / 10;
    return of_now;
}

ParameterizedTest(struct sweep_case *p, sweep, a_victim_at_twice_the_threshold_is_seen,
                  .timeout = 850)
{
    struct sweep s = {.random = 88172645463325252};
    struct sweep_case of_now = as_long_as_asked(p);
    counting_init(&s.c, ANY_HOST);
    s.c.options.max_keys = p->max_keys;
    cr_assert_eq(tally_reload(s.c.tally, &s.c.options), STATUS_OK);
    run(&s, &of_now);
    double attributed = (double)s.victim_got.bytes / (double)s.victim_sent.bytes;
    assert_totals(&s, 1, p->name);
    cr_assert(s.victim_left_urgently, "%s", p->name);
    cr_assert_leq(s.victim_first_ms - s.victim_began_ms, (uint64_t)SEEN_WITHIN_MS, "%s", p->name);
    cr_assert_geq(attributed, 0.95, "%s: only %.3f of it is told as its own", p->name, attributed);
    if (p->max_keys <= 10000)
        cr_assert_gt(s.other.bytes, 0, "%s: the table was full", p->name);
    counting_done(&s.c);
}

/* Sources are swept; hosts are few, and each of their rows must be whole. */
Test(sweep, of_one_count_takes_nothing_from_another, .timeout = 850)
{
    struct sweep s = {.random = 88172645463325252};
    struct sweep_case p = {.kind = SWEEP_SRC,
                           .records = 300000,
                           .a_ms = 1000,
                           .bytes = 64,
                           .packets = 1,
                           .victim_ms = 300};
    counting_init(&s.c, NETWORKS
                  "policies:\n"
                  "  - {name: a, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS "}\n"
                  "  - {name: b, direction: any, key: [src_addr], window: 1s, " THRESHOLDS "}\n"
                  "  - {name: c, direction: any, key: [protocol], window: 1s, " THRESHOLDS "}\n");
    s.c.options.max_keys = 3000;
    cr_assert_eq(tally_reload(s.c.tally, &s.c.options), STATUS_OK);
    run(&s, &p);
    assert_totals(&s, 3, "three counts");
    cr_assert_eq(s.victim_got.bytes, s.victim_sent.bytes);
    cr_assert_gt(s.other_of[1].bytes, 0);
    cr_assert_eq(s.other_of[0].bytes, 0);
    cr_assert_eq(s.other_of[2].bytes, 0);
    counting_done(&s.c);
}
