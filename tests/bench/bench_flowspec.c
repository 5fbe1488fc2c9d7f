#include "common/base/clock.h"
#include "flowspec/rule.h"

#include <stdio.h>
#include <stdlib.h>

/* Nanoseconds a call of what the speaker does with each rule, for a rule of five components. */
enum { CALLS = 2000000, RUNS = 5, NLRI_ROOM = 64 };

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
    printf("flowspec %-8s %6.1f ns a call (at most %.0f)%s\n", name, best_ns, limit_ns,
           sum == 0 ? " nothing done" : "");
}

int main(void)
{
    struct sample s = {.a_len = 0};
    read_rule(&rule, "match destination 203.0.113.45/32 source 198.51.100.0/24 protocol =udp "
                     "source-port =53,=123 packet-length >=500&<=1500");
    read_rule(&other, "match destination 203.0.113.45/32 source 198.51.100.0/24 protocol =udp "
                      "source-port =53,=123 packet-length >=500&<=1501");
    (void)nlri_encode(&other, s.b, sizeof(s.b), &s.b_len);
    run("encode", 300, encode, &s);
    run("decode", 500, decode, &s);
    run("compare", 50, compare, &s);
    return 0;
}
