#include "flowspec/evaluate.h"
#include "tests/unit/flowspec/random_packet.h"

#include <math.h>

enum { RULES_MAX = 6, NLRI_ROOM = 200 };

/* A router's rules; a failure of a property names its seed. */
struct router {
    struct flow_rule rules[RULES_MAX];
    struct match_program programs[RULES_MAX];
    struct flow_actions actions[RULES_MAX];
    uint8_t nlri[RULES_MAX][NLRI_ROOM];
    struct evaluate_rule order[RULES_MAX];
    size_t count;
};

static struct router router;

static void add_rule(const char *text)
{
    size_t i = router.count++;
    struct rule_error error = {0};
    struct evaluate_rule *rule = &router.order[i];
    cr_assert_eq(rule_parse_text(&router.rules[i], &router.actions[i], text, &error), STATUS_OK,
                 "%s: %s", text, error.why);
    match_compile(&router.programs[i], &router.rules[i]);
    *rule = (struct evaluate_rule){
        .program = &router.programs[i], .actions = &router.actions[i], .nlri = router.nlri[i]};
    cr_assert_eq(nlri_encode(&router.rules[i], router.nlri[i], NLRI_ROOM, &rule->nlri_len),
                 STATUS_OK);
}

/* A DNS response of 1000 octets from 198.51.100.7 to 203.0.113.45. */
static struct flow_facts dns_response(void)
{
    struct flow_facts f;
    facts_init(&f, ADDR_IPV4);
    memcpy(f.destination, (const uint8_t[]){203, 0, 113, 45}, 4);
    memcpy(f.source, (const uint8_t[]){198, 51, 100, 7}, 4);
    f.protocol = 17;
    f.source_port = 53;
    f.destination_port = 4444;
    f.length_min = f.length_max = 1000;
    f.fragments = facts_fragment(0);
    f.known = facts_bit(COMPONENT_DESTINATION) | facts_bit(COMPONENT_SOURCE) |
              facts_bit(COMPONENT_PROTOCOL) | facts_bit(COMPONENT_SOURCE_PORT) |
              facts_bit(COMPONENT_DESTINATION_PORT);
    facts_settle(&f);
    return f;
}

/* The walk-through of the Terminal setting: packet 1 matches the rules A, B and C, which the order
 * puts so; A's setting is on and B's is off, so A and B act, and C does not. */
Test(evaluate, terminal_on_goes_on_and_off_ends)
{
    struct evaluation got;
    enum match acts[3];
    add_rule("match destination 203.0.113.45/32 then discard");                         /* C */
    add_rule("match destination 203.0.113.45/32 protocol =udp then rate-limit 10Mbps"); /* B */
    add_rule("match destination 203.0.113.45/32 protocol =udp source-port =53 then mark 8 "
             "terminal"); /* A */
    evaluate_sort(router.order, router.count, false);
    const struct flow_actions *a = &router.actions[2], *b = &router.actions[1],
                              *c = &router.actions[0];
    cr_assert(router.order[0].actions == a && router.order[1].actions == b &&
              router.order[2].actions == c);
    const struct flow_facts packet1 = dns_response();
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(match_facts(router.order[i].program, &packet1), MATCH_YES);
    evaluate(router.order, router.count, &packet1, &got, acts);
    cr_expect(acts[0] == MATCH_YES && acts[1] == MATCH_YES && acts[2] == MATCH_NO);
    cr_expect(got.certain && actions_equal(&got.least, &got.most));
    const struct flow_actions want = {
        .has_mark = true, .mark = 8, .has_rate = true, .rate_bytes = 1.25e6};
    cr_expect(actions_equal(&got.least, &want));

    /* Packet 2 matches B and C only. */
    struct flow_facts packet2 = packet1;
    packet2.source_port = 123;
    evaluate(router.order, router.count, &packet2, &got, acts);
    cr_expect(acts[0] == MATCH_NO && acts[1] == MATCH_YES && acts[2] == MATCH_NO);
    const struct flow_actions limit = {.has_rate = true, .rate_bytes = 1.25e6};
    cr_expect(got.certain && actions_equal(&got.most, &limit));

    /* With A's setting off nothing but A acts; with B's on C acts too. */
    router.actions[2].terminal = false;
    evaluate(router.order, router.count, &packet1, &got, acts);
    cr_expect(acts[0] == MATCH_YES && acts[1] == MATCH_NO && acts[2] == MATCH_NO);
    router.actions[2].terminal = router.actions[1].terminal = true;
    evaluate(router.order, router.count, &packet1, &got, acts);
    cr_expect(acts[0] == MATCH_YES && acts[1] == MATCH_YES && acts[2] == MATCH_YES);
    cr_expect(got.certain && got.least.discard && !got.least.has_mark && !got.least.has_rate);
}

/* RFC 8955 puts the longer prefix first, the draft the lower octets. */
Test(evaluate, the_profile_s_order_decides)
{
    struct evaluation got;
    const struct flow_facts facts = dns_response();
    add_rule("match destination 203.0.113.0/24 then discard");
    add_rule("match destination 203.0.113.45/32 then mark 8");
    add_rule("match destination 2001:db8::/32 then mark 9");
    evaluate_sort(router.order, router.count, false);
    evaluate(router.order, router.count, &facts, &got, NULL);
    cr_expect(got.certain && got.least.has_mark && !got.least.discard);
    evaluate_sort(router.order, router.count, true);
    evaluate(router.order, router.count, &facts, &got, NULL);
    cr_expect(got.certain && !got.least.has_mark && got.least.discard);
}

Test(evaluate, an_unknown_match_leaves_both_open)
{
    struct evaluation got;
    enum match acts[3];
    struct flow_facts facts = dns_response();
    facts.length_min = 20;
    facts.length_max = 65535;
    add_rule("match protocol =udp packet-length >=500 then rate-limit 1MB/s");
    add_rule("match source-port =53 then rate-limit 5MB/s");
    add_rule("match dscp >=0 then discard");
    evaluate(router.order, router.count, &facts, &got, acts);
    cr_expect(acts[0] == MATCH_UNKNOWN && acts[1] == MATCH_UNKNOWN && acts[2] == MATCH_NO);
    cr_expect(!got.certain && got.least.has_rate && got.most.has_rate);
    cr_expect_eq(got.least.rate_bytes, 5e6);
    cr_expect_eq(got.most.rate_bytes, 1e6);

    /* Either of two discards: no rule acts for certain, and yet the packet is gone. */
    router.actions[0] = router.actions[1] = router.actions[2];
    evaluate(router.order, router.count, &facts, &got, acts);
    cr_expect(acts[0] == MATCH_UNKNOWN && acts[1] == MATCH_UNKNOWN);
    cr_expect(got.certain && got.least.discard);
}

Test(evaluate, without_a_match_nothing_is_done)
{
    struct evaluation got;
    const struct flow_facts facts = dns_response();
    const struct flow_actions nothing = {0};
    evaluate(NULL, 0, &facts, &got, NULL);
    cr_expect(got.certain && actions_equal(&got.least, &nothing));
    add_rule("match protocol =tcp then discard");
    evaluate(router.order, router.count, &facts, &got, NULL);
    cr_expect(got.certain && actions_equal(&got.most, &nothing));
}

Test(evaluate, a_copy_outlives_discard)
{
    struct evaluation got;
    const struct flow_facts facts = dns_response();
    add_rule("match protocol =udp then redirect-to-ip 192.0.2.100 copy terminal");
    add_rule("match source-port =53 then redirect 64496:7 terminal");
    add_rule("match dscp >=0 then discard sample");
    evaluate(router.order, 2, &facts, &got, NULL);
    cr_expect(got.certain && got.least.redirect == REDIRECT_AS2);
    evaluate(router.order, 3, &facts, &got, NULL);
    cr_expect(got.certain && got.least.discard && got.least.sample);
    cr_expect(got.least.redirect == REDIRECT_TO_IP && got.least.redirect_copy);
}

/* --- properties: the rules one after the other over one packet --- */

struct outcome {
    bool gone, sample;
    double bytes, packets;
    const struct flow_actions *mark, *redirect, *copy;
};

static struct outcome walk(const struct evaluate_rule *rules, size_t count, const bool *matches)
{
    struct outcome o = {.bytes = INFINITY, .packets = INFINITY};
    for (size_t i = 0; i < count; i++) {
        const struct flow_actions *a = rules[i].actions;
        if (!matches[i])
            continue;
        o.gone |= a->discard;
        o.sample |= a->sample;
        if (a->has_rate && a->rate_bytes < o.bytes)
            o.bytes = a->rate_bytes;
        if (a->has_rate_packets && a->rate_packets < o.packets)
            o.packets = a->rate_packets;
        o.mark = a->has_mark ? a : o.mark;
        if (a->redirect != REDIRECT_NONE && a->redirect_copy)
            o.copy = a;
        else if (a->redirect != REDIRECT_NONE)
            o.redirect = a;
        if (!a->terminal)
            break;
    }
    if (o.gone) {
        o.bytes = o.packets = 0;
        o.mark = o.redirect = NULL;
    }
    return o;
}

static double limit_of(const struct flow_actions *a, bool has, double rate)
{
    return a->discard ? 0 : has ? rate : INFINITY;
}

static bool same_redirect(const struct flow_actions *a, const struct flow_actions *b)
{
    struct flow_actions x = {0}, y = {0};
    if (a == NULL || b == NULL)
        return a == b;
    x.redirect = a->redirect, y.redirect = b->redirect;
    x.redirect_as = a->redirect_as, y.redirect_as = b->redirect_as;
    x.redirect_number = a->redirect_number, y.redirect_number = b->redirect_number;
    x.redirect_addr = a->redirect_addr, y.redirect_addr = b->redirect_addr;
    return actions_equal(&x, &y);
}

/* All outcomes that the unknown matches leave open, and the bounds that hold for them. */
static void check_against_all(const struct evaluate_rule *rules, size_t count,
                              const enum match *matches, const struct evaluation *got,
                              uint64_t seed)
{
    double low = INFINITY, high = 0, packets_low = INFINITY, packets_high = 0;
    bool sample_always = true, sample_ever = false, mark_same = true, redirect_same = true;
    bool mark_ever = false, redirect_ever = false, copy_ever = false, copy_same = true;
    struct outcome first = {0};
    for (unsigned bits = 0, seen = 0; bits < 1U << count; bits++) {
        bool holds[RULES_MAX], possible = true;
        for (size_t i = 0; i < count; i++) {
            holds[i] = (bits >> i & 1) != 0;
            possible &= matches[i] == MATCH_UNKNOWN || holds[i] == (matches[i] == MATCH_YES);
        }
        if (!possible)
            continue;
        struct outcome o = walk(rules, count, holds);
        first = seen++ == 0 ? o : first;
        low = fmin(low, o.bytes);
        high = fmax(high, o.bytes);
        packets_low = fmin(packets_low, o.packets);
        packets_high = fmax(packets_high, o.packets);
        sample_always &= o.sample;
        sample_ever |= o.sample;
        mark_ever |= o.mark != NULL;
        mark_same &= (o.mark == NULL) == (first.mark == NULL) &&
                     (o.mark == NULL || o.mark->mark == first.mark->mark);
        redirect_ever |= o.redirect != NULL;
        redirect_same &= same_redirect(o.redirect, first.redirect);
        copy_ever |= o.copy != NULL;
        copy_same &= same_redirect(o.copy, first.copy);
    }
    const struct flow_actions *least = &got->least, *most = &got->most;
    cr_assert_eq(limit_of(most, most->has_rate, most->rate_bytes), low, "seed %lu", seed);
    cr_assert_eq(limit_of(least, least->has_rate, least->rate_bytes), high, "seed %lu", seed);
    cr_assert_eq(limit_of(most, most->has_rate_packets, most->rate_packets), packets_low,
                 "seed %lu", seed);
    cr_assert_eq(limit_of(least, least->has_rate_packets, least->rate_packets), packets_high,
                 "seed %lu", seed);
    cr_assert(least->sample == sample_always && most->sample == sample_ever, "seed %lu", seed);
    cr_assert(least->has_mark == (mark_same && mark_ever) && most->has_mark == mark_ever,
              "seed %lu", seed);
    cr_assert(!least->has_mark || least->mark == first.mark->mark, "seed %lu", seed);
    bool redirected = redirect_same && redirect_ever, copied = copy_same && copy_ever;
    cr_assert_eq(least->redirect != REDIRECT_NONE, redirected || copied, "seed %lu", seed);
    cr_assert(least->redirect == REDIRECT_NONE ||
                  same_redirect(least, redirected ? first.redirect : first.copy),
              "seed %lu", seed);
    cr_assert_eq(most->redirect != REDIRECT_NONE, redirect_ever || copy_ever, "seed %lu", seed);
    cr_assert_eq(got->certain,
                 !(low < high) && !(packets_low < packets_high) && sample_always == sample_ever &&
                     mark_same && redirect_same && copy_same,
                 "seed %lu", seed);
    if (got->certain)
        cr_assert(actions_equal(least, most), "seed %lu", seed);
}

Test(evaluate, bounds_are_those_of_all_that_unknown_matches_leave_open)
{
    enum { SETS = 20000 };
    size_t certain = 0, uncertain = 0;
    const struct flow_facts facts = dns_response(); /* its DSCP is not known */
    add_rule("match dscp =1");
    add_rule("match protocol =udp");
    add_rule("match protocol =tcp");
    for (uint64_t seed = 1; seed <= (uint64_t)random_rounds(SETS); seed++) {
        struct random r = {.state = seed};
        struct evaluate_rule rules[RULES_MAX];
        struct flow_actions actions[RULES_MAX];
        struct evaluation got;
        enum match matches[RULES_MAX];
        size_t count = random_below(&r, RULES_MAX + 1);
        for (size_t i = 0; i < count; i++) {
            size_t kind = random_below(&r, 6);
            random_actions(&r, &actions[i]);
            actions[i].terminal = random_below(&r, 3) != 0;
            actions[i].mark &= 3; /* so that two say the same */
            actions[i].redirect_as &= 1;
            actions[i].redirect_number = 7;
            if (actions[i].redirect > REDIRECT_AS4 && random_below(&r, 2) == 0)
                actions[i].redirect_addr = addr_from_ipv4(1);
            rules[i] = (struct evaluate_rule){
                .program = &router.programs[kind < 3 ? 0 : kind / 5 + 1], .actions = &actions[i]};
            matches[i] = match_facts(rules[i].program, &facts);
        }
        evaluate(rules, count, &facts, &got, NULL);
        check_against_all(rules, count, matches, &got, seed);
        certain += got.certain;
        uncertain += !got.certain;
    }
    cr_expect_gt(certain, SETS / 10);
    cr_expect_gt(uncertain, SETS / 10);
}

/* What an exporter hides of a packet widens the bounds and never moves what is true out of them. */
Test(evaluate, what_is_done_lies_within_the_bounds)
{
    enum { SETS = 1000 };
    static const struct exporter tells_all = {.length_max = UINT32_MAX};
    size_t acted = 0, uncertain = 0;
    for (uint64_t seed = 1; seed <= (uint64_t)random_rounds(SETS); seed++) {
        struct random r = {.state = seed};
        struct packet p;
        struct flow_facts all, some;
        struct evaluation is, may_be;
        enum match acts[RULES_MAX], may_act[RULES_MAX];
        bool matches[RULES_MAX];
        router.count = RULES_MAX;
        for (size_t i = 0; i < RULES_MAX; i++) {
            do
                random_rule(&r, &router.rules[i]);
            while (router.rules[i].family != router.rules[0].family);
            while (__builtin_popcount(router.rules[i].present) > 1)
                router.rules[i].present &= (uint16_t) ~(1U << (1 + random_below(&r, 13)));
            random_actions(&r, &router.actions[i]);
            match_compile(&router.programs[i], &router.rules[i]);
            router.order[i] = (struct evaluate_rule){.program = &router.programs[i],
                                                     .actions = &router.actions[i]};
        }
        random_packet(&r, &router.rules[random_below(&r, RULES_MAX)], &p);
        const struct exporter e = random_exporter(&r, &p);
        facts_of_packet(&p, &tells_all, &all);
        facts_of_packet(&p, &e, &some);
        evaluate(router.order, RULES_MAX, &all, &is, acts);
        evaluate(router.order, RULES_MAX, &some, &may_be, may_act);
        for (size_t i = 0; i < RULES_MAX; i++) {
            matches[i] = naive_match(&router.rules[i], &p);
            cr_assert(may_act[i] == MATCH_UNKNOWN || may_act[i] == acts[i], "seed %lu", seed);
            acted += acts[i] == MATCH_YES;
        }
        struct outcome o = walk(router.order, RULES_MAX, matches);
        cr_assert(is.certain, "seed %lu", seed);
        cr_assert_eq(limit_of(&is.least, is.least.has_rate, is.least.rate_bytes), o.bytes,
                     "seed %lu", seed);
        cr_assert(is.least.sample == o.sample && is.least.has_mark == (o.mark != NULL), "seed %lu",
                  seed);
        cr_assert(limit_of(&may_be.most, may_be.most.has_rate, may_be.most.rate_bytes) <= o.bytes &&
                      o.bytes <=
                          limit_of(&may_be.least, may_be.least.has_rate, may_be.least.rate_bytes),
                  "seed %lu", seed);
        cr_assert(may_be.least.sample <= o.sample && o.sample <= may_be.most.sample, "seed %lu",
                  seed);
        cr_assert(!may_be.certain || actions_equal(&may_be.least, &is.least), "seed %lu", seed);
        uncertain += !may_be.certain;
    }
    cr_expect_gt(acted, SETS / 4);
    cr_expect_gt(uncertain, SETS / 10);
}
