#include "proto/recall_merge.h"
#include "tests/unit/collector/recall/traffic.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * A thousand runs over the same traffic, which only the draws of recall and of sFlow make
 * different: the mean of every estimate is the truth, and the bounds hold it in 95 of 100 runs.
 */
enum {
    RUNS = 1000,
    MEMORY_BYTES = 1100 << 10, /* so little that most records go */
    MANY = 1000,               /* records of which the bounds must not be too wide either */
    FLOWS = 16000,
    DURATION_MS = 110000,
    NOW_MS = 10000,
    BEFORE_MS = 95000,
    STRATA_MAX = 512
};
/* The low bits of the time run over on the way. */
static const uint64_t base_ms = 4294900000U;

/* Some records: of a host, of one of its services, of a prefix; now or before. */
struct stratum {
    uint8_t host, prefix_len; /* 32: the host alone */
    uint16_t port;            /* 0: all */
    uint8_t target;
    bool before;
    /* bytes, packets, connections */
    double truth[3], sum[3], squares[3], records;
    uint32_t held[3];
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
            strata[s].truth[2] += !flow->sampled && flow->tcp_flags & 2;
            strata[s].records++;
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
            (struct ip_prefix){traffic_host(strata[s].host), strata[s].prefix_len};
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
        for (int sum = 0; sum < 2; sum++) {
            double mean = strata[s].sum[sum] / RUNS;
            double spread = sqrt(fmax(strata[s].squares[sum] / RUNS - mean * mean, 0) / RUNS);
            double off = fabs(mean - strata[s].truth[sum]);
            worst = fmax(worst, spread > 0 ? off / spread : 0);
            cr_expect(off <= 4.5 * spread + 1e-6 * strata[s].truth[sum],
                      "198.51.100.%u/%u port %u before %d: mean %g of %g, spread %g",
                      strata[s].host, strata[s].prefix_len, strata[s].port, strata[s].before, mean,
                      strata[s].truth[sum], spread);
        }
    printf("TABLE: recall: of %zu sums the mean of %d runs is at most %.1f standard errors off\n",
           2 * stratum_count, RUNS, worst);
}

/* Sums of many records are held in 95 of 100, those of few in no less. */
static void judge_bounds(void)
{
    static const char *const names[] = {"bytes", "packets", "connections"};
    for (int sum = 0; sum < 3; sum++) {
        double held[2] = {0}, least = 1;
        size_t count[2] = {0};
        for (size_t s = 0; s < stratum_count; s++) {
            double share = (double)strata[s].held[sum] / RUNS;
            bool many = strata[s].records >= MANY;
            if (sum == 2 && (strata[s].host % 2 == 1 || strata[s].prefix_len < 32))
                continue; /* what sFlow says of connections has another truth */
            cr_expect(share >= 0.92, "198.51.100.%u/%u port %u before %d %s: %.3f", strata[s].host,
                      strata[s].prefix_len, strata[s].port, strata[s].before, names[sum], share);
            least = fmin(least, share);
            held[many] += share;
            count[many]++;
        }
        double few = held[0] / (double)count[0], many = held[1] / (double)count[1];
        printf("TABLE: recall: 95 %% bounds of %s hold in %.1f %% (%zu sums of %d records and "
               "more), %.1f %% (%zu of fewer), none in less than %.1f %%\n",
               names[sum], 100 * many, count[1], MANY, 100 * few, count[0], 100 * least);
        /* A connection may weigh much less than what one is allowed for. */
        cr_expect(many >= 0.94 && (many <= 0.96 || sum == 2), "%s: %.4f", names[sum], many);
        cr_expect(few >= 0.95, "%s: %.4f", names[sum], few);
    }
}

Test(estimates, are_unbiased_and_their_bounds_hold, .timeout = 280)
{
    static struct recall_request request;
    struct recall_answer *answer = recall_answer_new(1);
    traffic_make(flows, FLOWS, DURATION_MS, 7);
    make_strata();
    add_truth();
    ask(&request);
    for (uint64_t run = 1; run <= RUNS; run++) {
        struct recall *recall;
        struct recall_options options = {
            .memory_bytes = MEMORY_BYTES, .keep_ms = 600000, .cap = 24, .seed = run * 7919};
        cr_assert_eq(recall_new(&recall, &options), STATUS_OK);
        traffic_offer(recall, flows, FLOWS, base_ms, run);
        run_strata(answer, recall, &request);
        recall_free(recall);
    }
    judge_means();
    judge_bounds();
    recall_answer_free(answer);
}
