#include "common/base/clock.h"
#include "flowspec/match.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Nanoseconds a call of what the speaker does with each rule, for a rule of five components; and
 * what it takes to try a rule of three on a collector's memory of records. The runs are short, so
 * that the best of them is one that nothing else disturbed. */
enum { CALLS = 50000, RUNS = 100, NLRI_ROOM = 64 };

static struct flow_rule rule, other;

static void read_rule(struct flow_rule *ret_rule, const char *text)
{
    struct flow_actions actions;
    struct rule_error error;
    if (rule_parse_text(ret_rule, &actions, text, &error) != STATUS_OK) {
        fprintf(stderr, "%s: %s\n", text, error.why);
        exit(1);
    }
}

struct sample {
    uint8_t a[NLRI_ROOM], b[NLRI_ROOM];
    size_t a_len, b_len;
};

static size_t encode(struct sample *s)
{
    (void)nlri_encode(&rule, s->a, sizeof(s->a), &s->a_len);
    return s->a_len;
}

static size_t decode(struct sample *s)
{
    size_t taken = 0;
    struct rule_error error;
    (void)nlri_decode(&other, ADDR_IPV4, s->a, s->a_len, &taken, &error);
    return taken;
}

static size_t compare(struct sample *s)
{
    return nlri_compare(ADDR_IPV4, s->a, s->a_len, s->b, s->b_len) < 0;
}

/* Of a table in Markdown. */
static void row(bool done, double ns, double limit_ns, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

static void row(bool done, double ns, double limit_ns, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    printf("| ");
    vprintf(what, args);
    va_end(args);
    printf(" | %.1f | %.0f |%s\n", ns, limit_ns, done ? "" : " nothing was done");
}

static void run(const char *name, double limit_ns, size_t (*call)(struct sample *s),
                struct sample *s)
{
    struct clock clock = clock_system();
    double best_ns = 1e9;
    size_t sum = 0;
    for (int i = 0; i < RUNS; i++) {
        uint64_t start_us = clock_mono_us(&clock);
        for (int n = 0; n < CALLS; n++)
            sum += call(s);
        double ns = (double)(clock_mono_us(&clock) - start_us) * 1e3 / CALLS;
        best_ns = ns < best_ns ? ns : best_ns;
    }
    row(sum != 0, best_ns, limit_ns, "%s, five components", name);
}

/* --- match --- */

enum { RECORDS = 4000000, MATCH_RUNS = 7, AT_HAND = 4096 /* as many as a core's cache holds */ };

static struct flow_facts *records;
static struct match_program program;

/* Half is a reflection attack on the rule's target, half is anything. */
static void fill_records(void)
{
    uint64_t state = 1;
    records = malloc(RECORDS * sizeof(records[0]));
    if (records == NULL)
        exit(1);
    for (size_t i = 0; i < RECORDS; i++) {
        struct flow_facts *f = &records[i];
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t dice = (uint32_t)(state >> 32);
        facts_init(f, ADDR_IPV4);
        memcpy(f->source, &state, 4);
        memcpy(f->destination, (const uint8_t[]){203, 0, 113, 45}, 4);
        if ((dice & 1) != 0)
            memcpy(f->destination, &dice, 4);
        f->protocol = (dice & 6) != 0 ? 17 : 6;
        f->source_port = (dice & 24) != 0 ? 53 : (uint16_t)(dice >> 16);
        f->destination_port = (uint16_t)(dice >> 8);
        f->length_min = 100 + (dice >> 5) % 1400;
        f->length_max = (dice & 96) != 0 ? f->length_min : 1500;
        f->known = facts_bit(COMPONENT_SOURCE) | facts_bit(COMPONENT_DESTINATION) |
                   facts_bit(COMPONENT_PROTOCOL) | facts_bit(COMPONENT_SOURCE_PORT) |
                   facts_bit(COMPONENT_DESTINATION_PORT);
        facts_settle(f);
    }
}

/* Of this process: another one's turn on the core is not counted. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void run_match(const char *text)
{
    struct match_counts counts = {0};
    double many_ms = 1e9, single_ms = 1e9;
    size_t yes = 0;
    read_rule(&rule, text);
    match_compile(&program, &rule);
    for (int i = 0; i < MATCH_RUNS; i++) {
        double start_ms = cpu_ms();
        counts = match_many(&program, records, RECORDS, NULL, NULL);
        double ms = cpu_ms() - start_ms;
        many_ms = ms < many_ms ? ms : many_ms;
        start_ms = cpu_ms();
        for (size_t n = 0; n < RECORDS; n++)
            yes += match_facts(&program, &records[n % AT_HAND]) == MATCH_YES;
        ms = cpu_ms() - start_ms;
        single_ms = ms < single_ms ? ms : single_ms;
    }
    row(counts.yes != 0, many_ms * 1e6 / RECORDS, 15, "match, 4 million records, `%s`", text);
    row(yes != 0, single_ms * 1e6 / RECORDS, 15, "the same, one by one, from the cache");
}

int main(void)
{
    struct sample s = {.a_len = 0};
    printf("| | ns | at most |\n|---|---|---|\n");
    read_rule(&rule, "match destination 203.0.113.45/32 source 198.51.100.0/24 protocol =udp "
                     "source-port =53,=123 packet-length >=500&<=1500");
    read_rule(&other, "match destination 203.0.113.45/32 source 198.51.100.0/24 protocol =udp "
                      "source-port =53,=123 packet-length >=500&<=1501");
    (void)nlri_encode(&other, s.b, sizeof(s.b), &s.b_len);
    run("encode", 300, encode, &s);
    run("decode", 500, decode, &s);
    run("compare", 50, compare, &s);
    fill_records();
    run_match("match destination 203.0.113.45/32 protocol =udp source-port =53");
    run_match("match destination 203.0.113.45/32 protocol =udp packet-length >=500&<=1500");
    run_match("match protocol =udp port =53,=123 packet-length >=500&<=1500");
    free(records);
    return 0;
}
