#include "proto/recall_merge.h"
#include "tests/unit/collector/recall/traffic.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * Five hundred runs over each of two traffics, the second of one LAN of IPv6, which only the draws
 * of recall and of sFlow make different: the mean of every estimate is the truth, and the bounds
 * hold it in 95 of 100 runs.
 */
enum {
    RUNS = 500, /* over each traffic */
    TRAFFICS = 2,
    MEMORY_BYTES = 1100 << 10, /* so little that most records go */
    FLOWS = 16000,
    DURATION_MS = 110000,
    NOW_MS = 10000,
    BEFORE_MS = 95000,
    STRATA_MAX = 512,
    SUMS = 3
};
static const char *const names[SUMS] = {"bytes", "packets", "connections"};

/*
 * Sums by the number of records that have a part in them, and in how many of 100 runs their bounds
 * hold, on average. Of many that is 95; of fewer it is more, and never less: a count of few has no
 * exact 95, and of what was not seen the bounds take that it weighs as much as it can.
 */
enum { CLASSES = 4 };
static const struct {
    uint32_t records; /* and more */
    double least, most;
} classes[CLASSES] = {{0, 95, 100}, {100, 95, 99.5}, {300, 95, 99}, {1000, 94, 96}};
enum { LEAST_OF_ONE = 90, CONNECTIONS_MORE = 2 };
static struct coverage {
    double held, least;
    size_t count;
} coverages[SUMS][CLASSES];

/* The low bits of the time run over on the way. */
static const uint64_t base_ms = 4294900000U;

/* Some records: of a host, of one of its services, of a prefix; now or before. */
struct stratum {
    uint8_t host, prefix_len; /* of IPv4; 32: the host alone */
    uint16_t port;            /* 0: all */
    uint8_t target;
    bool before;
    /* bytes, packets, connections */
    double truth[SUMS], sum[SUMS], squares[SUMS];
    uint32_t records[SUMS]; /* that have a part in it */
    uint32_t held[SUMS];
};

static struct traffic_flow flows[FLOWS];
static struct stratum strata[STRATA_MAX];
static size_t stratum_count;

static bool is_of(const struct stratum *s, uint8_t host, uint16_t port, bool before)
{
    uint8_t shift = (uint8_t)(32 - s->prefix_len);
    return host >> shift == s->host >> shift && (s->port == 0 || s->port == port) &&
           s->before == before;
}

static void make_strata(void)
{
    static const uint16_t ports[] = {0, 443, 53};
    for (int before = 0; before < 2; before++) {
        for (uint8_t host = 0; host < TRAFFIC_HOSTS;
             host = (uint8_t)(host < 8 ? host + 1 : host + 4))
            for (size_t p = 0; p < 3; p++)
                strata[stratum_count++] = (struct stratum){
                    .host = host, .prefix_len = 32, .port = ports[p], .before = before};
        for (uint8_t host = 0; host < TRAFFIC_HOSTS; host += 16)
            strata[stratum_count++] =
                (struct stratum){.host = host, .prefix_len = 28, .before = before};
    }
}

static void add_truth(void)
{
    for (size_t i = 0; i < FLOWS; i++) {
        const struct traffic_flow *flow = &flows[i];
        uint32_t age_ms = DURATION_MS - flow->at_ms;
        if (age_ms >= NOW_MS + BEFORE_MS)
            continue;
        bool before = age_ms >= NOW_MS;
        for (size_t s = 0; s < stratum_count; s++) {
            if (!is_of(&strata[s], flow->host, flow->dst_port, before))
                continue;
            strata[s].truth[0] += (double)flow->packets * flow->octets;
            strata[s].truth[1] += flow->packets;
            /* Of a flow one; of packets that were sampled each that opens one. */
            strata[s].truth[2] += flow->tcp_flags & 2 ? flow->sampled ? flow->packets : 1 : 0;
            strata[s].records[0]++;
            strata[s].records[1]++;
            strata[s].records[2] += (flow->tcp_flags & 2) != 0;
        }
    }
}

static void note(struct stratum *s, int sum, const struct estimate *estimate, double one)
{
    double low, high;
    estimate_bounds(estimate, one, &low, &high);
    s->sum[sum] += estimate->value;
    s->squares[sum] += estimate->value * estimate->value;
    s->held[sum] += s->truth[sum] >= low * (1 - 1e-6) && s->truth[sum] <= high * (1 + 1e-6);
}

/* One target a host or prefix, which are next to each other in the strata. */
static void ask(struct recall_request *ret_request)
{
    memset(ret_request, 0, sizeof(*ret_request));
    ret_request->now_ms = NOW_MS;
    ret_request->before_ms = BEFORE_MS;
    for (size_t s = 0; s < stratum_count; s++) {
        if (s >= stratum_count / 2) { /* before: the same once more */
            strata[s].target = strata[s - stratum_count / 2].target;
            continue;
        }
        if (s > 0 && strata[s].host == strata[s - 1].host &&
            strata[s].prefix_len == strata[s - 1].prefix_len)
            strata[s].target = strata[s - 1].target;
        else
            strata[s].target = (uint8_t)ret_request->target_count++;
        ret_request->targets[strata[s].target].prefix =
            traffic_prefix(strata[s].host, (uint8_t)(32 - strata[s].prefix_len));
    }
}

static void note_reply(struct stratum *s, const struct recall_reply *reply)
{
    struct recall_tuple sum;
    double one = 0;
    memset(&sum, 0, sizeof(sum));
    for (size_t i = 0; i < reply->tuple_count; i++) {
        const struct recall_kind *kind = &reply->tuples[i].kind;
        if (kind->target == s->target && (kind->before != 0) == s->before &&
            (s->port == 0 || kind->dst_port == s->port))
            recall_tuple_add(&sum, &reply->tuples[i]);
    }
    for (size_t i = 0; i < reply->total_count; i++)
        if (reply->totals[i].target == s->target && (reply->totals[i].before != 0) == s->before)
            one = reply->totals[i].one;
    note(s, 0, &sum.bytes, one);
    note(s, 1, &sum.packets, one / RECALL_ONE_OCTETS);
    note(s, 2, &sum.connections, one / RECALL_ONE_OCTETS);
}

static void run_strata(struct recall_answer *answer, struct recall *recall,
                       const struct recall_request *request)
{
    struct recall_reply reply;
    struct recall_view view;
    traffic_settle(recall, base_ms + DURATION_MS);
    recall_view_take(recall, &view);
    traffic_answer(answer, &view, request, base_ms + DURATION_MS, &reply);
    recall_view_give(&view);
    for (size_t s = 0; s < stratum_count; s++)
        note_reply(&strata[s], &reply);
}

static void judge_means(void)
{
    double worst = 0;
    for (size_t s = 0; s < stratum_count; s++)
        for (int sum = 0; sum < SUMS; sum++) {
            double mean = strata[s].sum[sum] / RUNS;
            double spread = sqrt(fmax(strata[s].squares[sum] / RUNS - mean * mean, 0) / RUNS);
            double off = fabs(mean - strata[s].truth[sum]);
            worst = fmax(worst, spread > 0 ? off / spread : 0);
            cr_expect(off <= 4.5 * spread + 1e-6 * strata[s].truth[sum],
                      "198.51.100.%u/%u port %u before %d %s: mean %g of %g, spread %g",
                      strata[s].host, strata[s].prefix_len, strata[s].port, strata[s].before,
                      names[sum], mean, strata[s].truth[sum], spread);
        }
    printf("TABLE: recall: of %zu sums the mean of %d runs is at most %.1f standard errors off\n",
           SUMS * stratum_count, RUNS, worst);
}

static struct coverage *coverage_of(uint32_t records, int sum)
{
    int kind = 0;
    while (kind + 1 < CLASSES && records >= classes[kind + 1].records)
        kind++;
    return &coverages[sum][kind];
}

static void add_coverage(void)
{
    for (size_t s = 0; s < stratum_count; s++)
        for (int sum = 0; sum < SUMS; sum++) {
            double share = 100.0 * strata[s].held[sum] / RUNS;
            struct coverage *c = coverage_of(strata[s].records[sum], sum);
            c->least = c->count == 0 ? share : fmin(c->least, share);
            c->held += share;
            c->count++;
            cr_expect(share >= LEAST_OF_ONE, "198.51.100.%u/%u port %u before %d %s: %.1f",
                      strata[s].host, strata[s].prefix_len, strata[s].port, strata[s].before,
                      names[sum], share);
        }
}

/* A connection may weigh much less than what one is allowed for, so that their bounds are wider. */
static void judge_bounds(void)
{
    for (int sum = 0; sum < SUMS; sum++)
        for (int kind = 0; kind < CLASSES; kind++) {
            struct coverage c = coverages[sum][kind];
            double held = c.held / (double)c.count;
            double most = classes[kind].most + (sum == 2 ? CONNECTIONS_MORE : 0);
            printf("TABLE: recall: 95 %% bounds of %s hold in %.1f %% (%zu sums of %u records and "
                   "more), none in less than %.1f %%\n",
                   names[sum], held, c.count, classes[kind].records, c.least);
            cr_expect(c.count > 0 && held >= classes[kind].least && held <= most, "%s: %.2f",
                      names[sum], held);
        }
}

static void run_traffic(struct recall_answer *answer, uint64_t traffic)
{
    static struct recall_request request;
    stratum_count = 0;
    memset(strata, 0, sizeof(strata));
    traffic_is_ipv6 = traffic == 1;
    traffic_make(flows, FLOWS, DURATION_MS, 7 + traffic);
    make_strata();
    add_truth();
    ask(&request);
    for (uint64_t run = 1; run <= RUNS; run++) {
        struct recall *recall;
        uint64_t seed = run + traffic * RUNS;
        struct recall_options options = {
            .memory_bytes = MEMORY_BYTES, .keep_ms = 600000, .cap = 24, .seed = seed * 7919};
        cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
        traffic_offer(recall, flows, FLOWS, base_ms, seed);
        run_strata(answer, recall, &request);
        recall_free(recall);
    }
    judge_means();
    add_coverage();
}

Test(estimates, are_unbiased_and_their_bounds_hold, .timeout = 280)
{
    struct recall_answer *answer = recall_answer_new(1);
    for (uint64_t traffic = 0; traffic < TRAFFICS; traffic++)
        run_traffic(answer, traffic);
    judge_bounds();
    recall_answer_free(answer);
}
