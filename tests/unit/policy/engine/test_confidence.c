#include "policy/engine/threshold.h"

#include "tests/unit/collector/tally/counting.h"
#include "tests/unit/proto/nouns.h"

#include <criterion/parameterized.h>
#include <math.h>

/*
 * Whether a confidence is what it says: a simulated exporter samples the packets of one window, the
 * tally counts the samples, and the threshold judges the sums. Where the true rate is just under
 * the limit, no more windows may raise an alarm than the confidence leaves to chance.
 */
enum { TRIALS = 1000, SIZES = 2 };

#define BY_HOST                                                                                    \
    NETWORKS "policies: [{name: p, direction: incoming, key: [dst_addr], window: 1s, " THRESHOLDS  \
             "}]\n"

struct sampled_case {
    char name[56];
    enum config_rate_kind kind;
    double confidence;
    uint32_t packets;       /* of each exporter in the window, each a flow of its own */
    uint32_t sampling[2];   /* of two exporters; 0: there is none */
    uint16_t octets[SIZES]; /* packets of these sizes in turn */
};

/* How many of the packets that come next are passed over before one is sampled. */
static uint64_t gap(uint64_t *seed, uint32_t sampling)
{
    double u = ((double)(chance(seed) >> 11) + 0.5) / 9007199254740992.0;
    return sampling <= 1 ? 0 : (uint64_t)(log(u) / log1p(-1.0 / sampling));
}

static void count_samples(struct counting *c, const struct sampled_case *k, uint32_t sampling,
                          uint64_t *seed)
{
    for (uint64_t i = gap(seed, sampling); i < k->packets; i += 1 + gap(seed, sampling)) {
        struct flow_record flow = flow_to(CUSTOMER, k->octets[i % SIZES], 1);
        flow.sampling_rate = sampling;
        counting_add(c, &flow);
    }
}

/* The window is a second long, so that a rate is a sum. */
static struct rollup_rates window_of(struct counting *c, const struct sampled_case *k,
                                     uint64_t *seed)
{
    struct rollup_rates rates = {0};
    for (size_t i = 0; i < 2; i++)
        if (k->sampling[i] != 0)
            count_samples(c, k, k->sampling[i], seed);
    counting_flush(c, TALLY_FLUSH_ALL);
    for (size_t i = 0; i < c->given; i++) {
        const struct delta_row *row = &c->rows[i];
        rates.bytes += (double)row->bytes;
        rates.packets += (double)row->packets;
        rates.flows += (double)row->flows;
        rates.var_bytes += row->var_bytes;
        rates.var_packets += row->var_packets;
        rates.var_flows += row->var_flows;
    }
    return rates;
}

static uint64_t true_rate(const struct sampled_case *k)
{
    uint64_t packets = (uint64_t)k->packets * (k->sampling[1] != 0 ? 2 : 1);
    return k->kind == RATE_BPS ? packets * (k->octets[0] + k->octets[1]) / 2 * 8 : packets;
}

/* The share of windows that raise an alarm where the limit is the true rate by `part`. */
static double alarms(const struct sampled_case *k, double part)
{
    struct config_threshold t = {.rate_count = 1, .confidence = k->confidence, .clear_below = 0.8};
    struct counting c;
    uint64_t seed = 20;
    size_t raised = 0;
    t.rates[0].kind = k->kind;
    t.rates[0].limit = (uint64_t)((double)true_rate(k) * part) + 1;
    counting_init(&c, BY_HOST);
    for (size_t i = 0; i < TRIALS; i++) {
        struct rollup_rates rates = window_of(&c, k, &seed);
        raised += threshold_judge(&t, &rates).level == LEVEL_OVER;
    }
    counting_done(&c);
    return (double)raised / TRIALS;
}

ParameterizedTestParameters(confidence, is_what_it_says)
{
    static struct sampled_case cases[] = {
        {"fewer flows than one record stands for", RATE_FPS, 0.95, 300, {1000}, {60, 60}},
        {"flows of ten records", RATE_FPS, 0.95, 10000, {1000}, {60, 60}},
        {"flows of a hundred records", RATE_FPS, 0.95, 100000, {1000}, {60, 60}},
        {"flows, 0.99", RATE_FPS, 0.99, 100000, {1000}, {60, 60}},
        {"flows of two exporters", RATE_FPS, 0.95, 20000, {1000, 300}, {60, 60}},
        {"packets", RATE_PPS, 0.95, 100000, {1000}, {60, 60}},
        {"bits", RATE_BPS, 0.95, 100000, {1000}, {1000, 1000}},
        {"bits of small and large packets", RATE_BPS, 0.95, 100000, {1000}, {60, 1500}},
    };
    return cr_make_param_array(struct sampled_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct sampled_case *k, confidence, is_what_it_says)
{
    double chance_left = 1 - k->confidence;
    double error = 3 * sqrt(chance_left * (1 - chance_left) / TRIALS); /* of the simulation */
    double share = alarms(k, 1);
    cr_expect_leq(share, chance_left + error, "%s: %g", k->name, share);
}

/* Doubt is no blindness: what is far enough over the limit shows. */
Test(confidence, lets_through_what_is_sure)
{
    struct sampled_case k = {
        .kind = RATE_FPS, .confidence = 0.95, .packets = 100000, .sampling = {1000}};
    k.octets[0] = k.octets[1] = 60;
    cr_expect_geq(alarms(&k, 1), 0.02, "the bound is no wider than it must be");
    cr_expect_geq(alarms(&k, 0.6), 0.98);
    k.sampling[0] = 1;
    k.packets = 300;
    cr_expect_eq(alarms(&k, 0.99), 1, "all that was seen is sure");
    cr_expect_eq(alarms(&k, 1), 0);
}
