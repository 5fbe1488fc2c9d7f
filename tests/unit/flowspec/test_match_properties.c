#include "flowspec/match.h"
#include "tests/unit/flowspec/random_packet.h"

/* Each failure names its round's seed: with it as the first seed that round is the first. */
enum { RULES = 1200, PACKETS = 12, FIRST_SEED = 1 };

static struct flow_rule rule, again;
static struct match_program program, program_again;

static const struct exporter tells_all = {.length_max = UINT32_MAX};

static const char *text_of(const struct flow_rule *of)
{
    static struct text out;
    text_init(&out, 0);
    rule_format_text(of, NULL, &out);
    return text_str(&out);
}

/* A rule of few components, so that packets match it. */
static void random_short_rule(struct random *r, struct flow_rule *ret_rule)
{
    random_rule(r, ret_rule);
    while (__builtin_popcount(ret_rule->present) > 3)
        ret_rule->present &= (uint16_t) ~(1U << (1 + random_below(r, COMPONENT_LAST)));
}

static struct random random_of(uint64_t seed)
{
    struct random r = {.state = seed * UINT64_C(0x9e3779b97f4a7c15)};
    (void)random_below(&r, 2);
    return r;
}

Test(match_properties, agrees_with_the_rfc_over_whole_packets_and_fragments)
{
    size_t matched = 0, judged = 0;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + (uint64_t)random_rounds(RULES); seed++) {
        struct random r = random_of(seed);
        random_short_rule(&r, &rule);
        match_compile(&program, &rule);
        for (int i = 0; i < PACKETS; i++) {
            struct packet p;
            struct flow_facts facts;
            random_packet(&r, &rule, &p);
            facts_of_packet(&p, &tells_all, &facts);
            bool want = naive_match(&rule, &p);
            cr_assert_eq(match_facts(&program, &facts), want ? MATCH_YES : MATCH_NO,
                         "seed %lu: packet %d: %s", seed, i, text_of(&rule));
            matched += want;
            judged++;
        }
    }
    cr_expect_gt(matched, judged / 8);
    cr_expect_lt(matched, judged / 2);
}

/* What tells two records apart: an unknown value is none. */
static struct flow_facts told(struct flow_facts facts)
{
    unsigned known = facts.known;
    if ((known >> COMPONENT_DESTINATION & 1) == 0)
        memset(facts.destination, 0, 16);
    if ((known >> COMPONENT_SOURCE & 1) == 0)
        memset(facts.source, 0, 16);
    facts.protocol = (known >> COMPONENT_PROTOCOL & 1) != 0 ? facts.protocol : 0;
    facts.source_port = (known >> COMPONENT_SOURCE_PORT & 1) != 0 ? facts.source_port : 0;
    facts.destination_port =
        (known >> COMPONENT_DESTINATION_PORT & 1) != 0 ? facts.destination_port : 0;
    facts.icmp_type = (known >> COMPONENT_ICMP_TYPE & 1) != 0 ? facts.icmp_type : 0;
    facts.icmp_code = (known >> COMPONENT_ICMP_CODE & 1) != 0 ? facts.icmp_code : 0;
    facts.tcp_flags = (known >> COMPONENT_TCP_FLAGS & 1) != 0 ? facts.tcp_flags : 0;
    facts.dscp = (known >> COMPONENT_DSCP & 1) != 0 ? facts.dscp : 0;
    facts.flow_label = (known >> COMPONENT_FLOW_LABEL & 1) != 0 ? facts.flow_label : 0;
    return facts;
}

static bool tells_the_same(const struct packet *p, const struct exporter *e,
                           const struct flow_facts *facts)
{
    struct flow_facts other;
    if (p->length < facts->length_min || p->length > facts->length_max ||
        (facts->fragments >> naive_fragment(p) & 1) == 0)
        return false;
    facts_of_packet(p, e, &other);
    struct flow_facts a = told(*facts), b = told(other);
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* Another packet of which the same record may have been made. */
static void vary(struct random *r, const struct exporter *e, const struct packet *from,
                 struct packet *ret_packet)
{
    struct packet *p = ret_packet, other;
    *p = *from;
    random_packet(r, &rule, &other);
    if (!exporter_tells(e, COMPONENT_DESTINATION))
        memcpy(p->destination, other.destination, 16);
    if (!exporter_tells(e, COMPONENT_SOURCE))
        memcpy(p->source, other.source, 16);
    if (random_below(r, 3) != 0) {
        p->source_port = other.source_port;
        p->destination_port = other.destination_port;
        p->tcp_flags = other.tcp_flags;
    }
    if (!exporter_tells(e, COMPONENT_SOURCE_PORT))
        p->source_port = other.source_port;
    if (!exporter_tells(e, COMPONENT_DESTINATION_PORT))
        p->destination_port = other.destination_port;
    if (!exporter_tells(e, COMPONENT_TCP_FLAGS))
        p->tcp_flags = other.tcp_flags;
    if (!exporter_tells(e, COMPONENT_ICMP_TYPE))
        p->icmp_type = other.icmp_type;
    if (!exporter_tells(e, COMPONENT_ICMP_CODE))
        p->icmp_code = other.icmp_code;
    if (!exporter_tells(e, COMPONENT_DSCP))
        p->dscp = other.dscp;
    if (!exporter_tells(e, COMPONENT_FLOW_LABEL))
        p->label = other.label;
    if (!exporter_tells(e, COMPONENT_PACKET_LENGTH) && other.length >= e->length_min &&
        other.length <= e->length_max)
        p->length = other.length;
    if (!exporter_tells(e, COMPONENT_FRAGMENT)) {
        p->offset = other.offset;
        p->more = other.more;
        p->dont = other.dont;
    }
    if (!exporter_tells(e, COMPONENT_FRAGMENT) || !exporter_tells(e, COMPONENT_PROTOCOL))
        random_chain(r, p,
                     exporter_tells(e, COMPONENT_PROTOCOL) ? from->next[from->next_count - 1]
                                                           : random_protocol(r, &rule));
}

Test(match_properties, yes_and_no_hold_for_every_packet_that_the_record_may_be)
{
    enum { COMPLETIONS = 30 };
    size_t seen[3] = {0}, completed = 0, differ = 0;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + (uint64_t)random_rounds(RULES); seed++) {
        struct random r = random_of(seed);
        random_short_rule(&r, &rule);
        match_compile(&program, &rule);
        for (int i = 0; i < 3; i++) {
            struct packet p, other;
            struct flow_facts facts;
            random_packet(&r, &rule, &p);
            const struct exporter e = random_exporter(&r, &p);
            facts_of_packet(&p, &e, &facts);
            enum match got = match_facts(&program, &facts);
            bool first = naive_match(&rule, &p);
            seen[got]++;
            cr_assert(got == MATCH_UNKNOWN || (got == MATCH_YES) == first,
                      "seed %lu: record %d: %s", seed, i, text_of(&rule));
            for (int n = 0; n < COMPLETIONS; n++) {
                vary(&r, &e, &p, &other);
                if (!tells_the_same(&other, &e, &facts))
                    continue;
                bool want = naive_match(&rule, &other);
                cr_assert(got == MATCH_UNKNOWN || (got == MATCH_YES) == want,
                          "seed %lu: record %d, completion %d: %s", seed, i, n, text_of(&rule));
                completed++;
                differ += want != first;
            }
        }
    }
    for (size_t i = 0; i < 3; i++)
        cr_expect_gt(seen[i], RULES / 8);
    cr_expect_gt(completed, RULES * 10);
    cr_expect_gt(differ, RULES / 2, "%zu of %zu", differ, completed);
}

/* --- one component is exact: where it is unknown, packets of both kinds exist --- */

struct search {
    const struct exporter *exporter;
    const struct flow_facts *facts;
    bool yes, no;
};

static void try_packet(struct search *s, const struct packet *p)
{
    if ((s->yes && s->no) || !tells_the_same(p, s->exporter, s->facts))
        return;
    if (naive_match(&rule, p))
        s->yes = true;
    else
        s->no = true;
}

/* The values between which the component's answer may change. */
static size_t edges_of(enum component c, uint32_t *ret_values)
{
    size_t n = 0;
    uint32_t max = c == COMPONENT_PACKET_LENGTH && rule.family == ADDR_IPV6
                       ? UINT32_MAX
                       : random_max(c, (enum addr_family)rule.family);
    ret_values[n++] = 0;
    ret_values[n++] = max;
    for (size_t i = 0; i < rule_ops_count(&rule, c); i++)
        for (uint32_t d = 0; d < 3; d++) {
            uint32_t value = rule_ops(&rule, c)[i].value + d - 1;
            if (value <= max)
                ret_values[n++] = value;
        }
    return n;
}

static void try_addresses(struct search *s, const struct packet *from, enum component c)
{
    const struct ip_prefix *prefix = c == COMPONENT_DESTINATION ? &rule.destination : &rule.source;
    struct packet p = *from;
    uint8_t *addr = c == COMPONENT_DESTINATION ? p.destination : p.source;
    try_packet(s, &p);
    memcpy(addr, prefix->addr.octets, 16);
    try_packet(s, &p);
    addr[(prefix->len - 1) / 8] ^= (uint8_t)(0x80 >> (prefix->len - 1) % 8);
    try_packet(s, &p);
}

static void try_values(struct search *s, const struct packet *from, enum component c)
{
    uint32_t values[24];
    size_t count = c <= COMPONENT_SOURCE ? 0 : edges_of(c, values);
    struct packet p = *from;
    if (c <= COMPONENT_SOURCE)
        try_addresses(s, from, c);
    if (c == COMPONENT_FRAGMENT)
        try_packet(s, &p);
    for (uint32_t i = 0; c == COMPONENT_TCP_FLAGS && i < 4096; i++) {
        p.tcp_flags = (uint16_t)i;
        try_packet(s, &p);
    }
    for (size_t i = 0; i < count && c != COMPONENT_TCP_FLAGS; i++) {
        p = *from;
        p.length = c == COMPONENT_PACKET_LENGTH ? values[i] : p.length;
        p.dscp = c == COMPONENT_DSCP ? (uint8_t)values[i] : p.dscp;
        p.icmp_type = c == COMPONENT_ICMP_TYPE ? (uint8_t)values[i] : p.icmp_type;
        p.icmp_code = c == COMPONENT_ICMP_CODE ? (uint8_t)values[i] : p.icmp_code;
        p.label = c == COMPONENT_FLOW_LABEL ? values[i] : p.label;
        for (size_t j = 0; j < (c == COMPONENT_PORT ? count : 1); j++) {
            if (c == COMPONENT_SOURCE_PORT || c == COMPONENT_PORT)
                p.source_port = (uint16_t)values[i];
            if (c == COMPONENT_DESTINATION_PORT || c == COMPONENT_PORT)
                p.destination_port = (uint16_t)values[c == COMPONENT_PORT ? j : i];
            try_packet(s, &p);
            struct packet one = p;
            one.source_port = from->source_port; /* that of the record, where only one is hidden */
            try_packet(s, &one);
            one = p;
            one.destination_port = from->destination_port;
            try_packet(s, &one);
        }
    }
    try_packet(s, from);
    p = *from;
    p.length = s->facts->length_min;
    try_packet(s, &p);
    p.length = s->facts->length_max;
    try_packet(s, &p);
}

static void try_all(struct search *s, const struct packet *from, enum component c)
{
    const uint8_t usual[] = {1, 6, 17, 47, 58, PROTOCOL_SCTP, from->next[from->next_count - 1]};
    uint32_t protocols[24];
    size_t count = c == COMPONENT_PROTOCOL ? edges_of(c, protocols) : 0;
    for (size_t i = 0; i < sizeof(usual); i++)
        protocols[count++] = usual[i];
    for (size_t i = 0; i < count; i++)
        for (unsigned f = 0; f < 8; f++) {
            struct packet p = *from;
            p.offset = (f & 1) != 0;
            p.more = (f & 2) != 0;
            p.dont = (f & 4) != 0 && p.family == ADDR_IPV4;
            p.next_count = 0;
            if (p.family == ADDR_IPV6)
                p.next[p.next_count++] = NEXT_FRAGMENT;
            p.next[p.next_count++] = (uint8_t)protocols[i];
            try_values(s, &p, c);
        }
}

/* An IPv6 rule for extension headers alone: no packet has one as its upper layer. */
static bool wants_only_extensions(enum component c)
{
    bool any = c != COMPONENT_PROTOCOL || rule.family != ADDR_IPV6;
    for (unsigned value = 0; value < 256 && !any; value++)
        any = !is_extension((uint8_t)value) && naive_list(&rule, c, value);
    return !any;
}

/* Nothing but the component's own field tells of the header that it is in. */
static void hide_for(struct random *r, enum component c, struct exporter *e)
{
    uint16_t header = 1U << COMPONENT_TCP_FLAGS | 1U << COMPONENT_ICMP_TYPE |
                      1U << COMPONENT_ICMP_CODE | 1U << COMPONENT_SOURCE_PORT |
                      1U << COMPONENT_DESTINATION_PORT;
    uint16_t own = facts_bit(c);
    if (c == COMPONENT_PORT)
        own = 1U << COMPONENT_SOURCE_PORT | 1U << COMPONENT_DESTINATION_PORT;
    e->writes_zero = true;
    e->hides = (uint16_t)((e->hides | header) & ~own);
    for (enum component i = COMPONENT_DESTINATION; i <= COMPONENT_LAST; i++)
        if ((own >> i & 1) != 0 && random_below(r, 2) == 0)
            e->hides |= facts_bit(i);
}

Test(match_properties, one_component_is_unknown_only_where_packets_differ)
{
    size_t unknown = 0;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + (uint64_t)random_rounds(RULES); seed++) {
        struct random r = random_of(seed);
        struct packet p;
        struct flow_facts facts;
        struct search s = {.facts = &facts};
        enum component c;
        do {
            random_rule(&r, &rule);
            c = (enum component)(1 + random_below(&r, COMPONENT_LAST));
        } while (!rule_has(&rule, c) || (c == COMPONENT_DESTINATION && rule.destination.len == 0) ||
                 (c == COMPONENT_SOURCE && rule.source.len == 0));
        rule.present = (uint16_t)(1U << c);
        if (wants_only_extensions(c))
            continue;
        match_compile(&program, &rule);
        random_packet(&r, &rule, &p);
        struct exporter e = random_exporter(&r, &p);
        hide_for(&r, c, &e);
        facts_of_packet(&p, &e, &facts);
        if (match_facts(&program, &facts) != MATCH_UNKNOWN)
            continue;
        s.exporter = &e;
        try_all(&s, &p, c);
        cr_assert(s.yes && s.no, "seed %lu: %s: yes %d, no %d", seed, text_of(&rule), s.yes, s.no);
        unknown++;
    }
    cr_expect_gt(unknown, RULES / 8, "%zu", unknown);
}

Test(match_properties, many_records_are_judged_as_each_alone)
{
    enum { RECORDS = 200 };
    static struct flow_facts facts[RECORDS];
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + (uint64_t)random_rounds(RULES / 8);
         seed++) {
        struct random r = random_of(seed);
        uint64_t yes[4] = {0}, unknown[4] = {0};
        struct match_counts want = {0};
        size_t count = random_below(&r, RECORDS + 1);
        random_short_rule(&r, &rule);
        match_compile(&program, &rule);
        for (size_t i = 0; i < count; i++) {
            struct packet p;
            random_packet(&r, &rule, &p);
            const struct exporter e = random_exporter(&r, &p);
            facts_of_packet(&p, &e, &facts[i]);
            facts[i].family = random_below(&r, 8) == 0 ? ADDR_NONE : facts[i].family;
        }
        struct match_counts got = match_many(&program, facts, count, yes, unknown);
        for (size_t i = 0; i < count; i++) {
            enum match one = match_facts(&program, &facts[i]);
            cr_assert_eq(yes[i / 64] >> i % 64 & 1, one == MATCH_YES, "seed %lu: %zu", seed, i);
            cr_assert_eq(unknown[i / 64] >> i % 64 & 1, one == MATCH_UNKNOWN, "seed %lu: %zu", seed,
                         i);
            want.yes += one == MATCH_YES;
            want.unknown += one == MATCH_UNKNOWN;
        }
        cr_assert(got.yes == want.yes && got.unknown == want.unknown, "seed %lu", seed);
        got = match_many(&program, facts, count, NULL, NULL);
        cr_assert(got.yes == want.yes && got.unknown == want.unknown, "seed %lu", seed);
    }
}

Test(match_properties, simplification_changes_no_answer)
{
    size_t simplified = 0, matched = 0, refused = 0;
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + (uint64_t)random_rounds(4 * RULES);
         seed++) {
        struct random r = random_of(seed);
        struct rule_error error;
        random_short_rule(&r, &rule);
        rule_copy(&again, &rule);
        enum status s = rule_simplify(&again, &error);
        bool matches_nothing = s != STATUS_OK && strstr(error.why, " and ") != NULL &&
                               strstr(error.why, "contradict: ") != NULL;
        if (s != STATUS_OK && !matches_nothing)
            continue;
        match_compile(&program, &rule);
        match_compile(&program_again, &again);
        simplified += !rule_equal(&rule, &again);
        refused += matches_nothing;
        for (int i = 0; i < PACKETS; i++) {
            struct packet p;
            struct flow_facts facts;
            random_packet(&r, &rule, &p);
            const struct exporter e = i % 2 == 0 ? tells_all : random_exporter(&r, &p);
            facts_of_packet(&p, &e, &facts);
            enum match want = match_facts(&program, &facts);
            cr_assert_eq(match_facts(&program_again, &facts), want, "seed %lu: packet %d: %s", seed,
                         i, text_of(&rule));
            cr_assert_eq(naive_match(&again, &p), naive_match(&rule, &p), "seed %lu: packet %d: %s",
                         seed, i, text_of(&rule));
            cr_assert_not(matches_nothing && naive_match(&rule, &p), "seed %lu: packet %d: %s: %s",
                          seed, i, text_of(&rule), error.why);
            matched += want == MATCH_YES;
        }
    }
    cr_expect_gt(simplified, RULES / 4);
    cr_expect_gt(matched, RULES);
    cr_expect_gt(refused, RULES / 32);
}
