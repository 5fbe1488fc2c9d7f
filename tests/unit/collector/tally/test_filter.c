#include "collector/tally/filter.h"

#include "tests/unit/collector/tally/counting.h"

#include <criterion/parameterized.h>

struct filter_case {
    char policy[100]; /* direction and where */
    uint32_t src, dst;
    uint8_t protocol;
    uint16_t dst_port;
    bool passes;
};

ParameterizedTestParameters(filter, decides_what_counts)
{
    static struct filter_case cases[] = {
        {"direction: incoming", ELSEWHERE, CUSTOMER, 17, 1, true},
        {"direction: incoming", CUSTOMER, CUSTOMER, 17, 1, false},
        {"direction: incoming", CUSTOMER, ELSEWHERE, 17, 1, false},
        {"direction: outgoing", CUSTOMER, ELSEWHERE, 17, 1, true},
        {"direction: internal", CUSTOMER, CUSTOMER, 17, 1, true},
        {"direction: transit", ELSEWHERE, ELSEWHERE, 17, 1, true},
        {"direction: any", ELSEWHERE, ELSEWHERE, 17, 1, true},
        {"direction: any, where: {protocol: [udp]}", ELSEWHERE, CUSTOMER, 17, 1, true},
        {"direction: any, where: {protocol: [udp]}", ELSEWHERE, CUSTOMER, 6, 1, false},
        {"direction: any, where: {protocol: [udp, tcp]}", ELSEWHERE, CUSTOMER, 6, 1, true},
        {"direction: any, where: {protocol: [\"!tcp\"]}", ELSEWHERE, CUSTOMER, 6, 1, false},
        {"direction: any, where: {protocol: [\"!tcp\"]}", ELSEWHERE, CUSTOMER, 1, 1, true},
        {"direction: any, where: {protocol: [udp], dst_port: [53]}", ELSEWHERE, CUSTOMER, 17, 53,
         true},
        {"direction: any, where: {protocol: [udp], dst_port: [53]}", ELSEWHERE, CUSTOMER, 17, 54,
         false},
        {"direction: any, where: {dst_network: [dns]}", ELSEWHERE, CUSTOMER, 17, 1, false},
        {"direction: any, where: {dst_network: [dns]}", ELSEWHERE, CUSTOMER + 64, 17, 1, true},
        {"direction: any, where: {dst_network: [customers]}", ELSEWHERE, CUSTOMER + 64, 17, 1,
         true},
        {"direction: any, where: {dst_network: [customers, \"!dns\"]}", ELSEWHERE, CUSTOMER + 64,
         17, 1, false},
        {"direction: any, where: {src_addr: [8.8.8.0/24]}", ELSEWHERE, CUSTOMER, 17, 1, true},
        {"direction: any, where: {exporter: [192.0.2.1]}", ELSEWHERE, CUSTOMER, 17, 1, true},
        {"direction: any, where: {exporter: [\"!192.0.2.0/24\"]}", ELSEWHERE, CUSTOMER, 17, 1,
         false},
        {"direction: any, where: {input_if: [5]}", ELSEWHERE, CUSTOMER, 17, 1, false},
    };
    return cr_make_param_array(struct filter_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct filter_case *p, filter, decides_what_counts)
{
    char yaml[1000];
    struct config *config;
    snprintf(yaml, sizeof(yaml), "%spolicies: [{name: p, %s, key: [dst_addr], window: 1s, %s}]\n",
             NETWORKS, p->policy, THRESHOLDS);
    struct model *model = counting_model(yaml, &config);
    struct filter *filter = filter_new(model, &model->counts[0], 128);
    struct flow_record flow = flow_to(p->dst, 100, 1);
    struct ip_addr exporter = addr_from_ipv4(EXPORTER);
    flow.src_addr = addr_from_ipv4(p->src);
    flow.protocol = p->protocol;
    flow.dst_port = p->dst_port;
    struct filter_record record = {
        .flow = &flow, .exporter = &exporter, .direction = model_direction(model, &flow)};
    cr_assert_eq(filter_passes(filter, record), p->passes, "%s", p->policy);
    filter_free(filter);
    model_free(model);
    config_free(config);
}

struct key_case {
    char key[60];
    char want[120];
};

ParameterizedTestParameters(filter, makes_keys)
{
    static struct key_case cases[] = {
        {"[dst_addr]", "dst_addr=2001:db8:100::7"},
        {"[\"dst_addr/24,48\"]", "dst_addr=2001:db8:100::"},
        {"[dst_port, protocol]", "protocol=17 dst_port=4000"},
        {"[exporter, src_as]", "exporter=192.0.2.1 src_as=65001"},
        {"[input_if]", ""},
        {"[tcp_flags]", ""},
    };
    return cr_make_param_array(struct key_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct key_case *p, filter, makes_keys)
{
    char yaml[1000], text[KEY_TEXT_MAX];
    struct config *config;
    struct flow_key key;
    snprintf(yaml, sizeof(yaml),
             "%spolicies: [{name: p, direction: any, key: %s, window: 1s, %s}]\n", NETWORKS, p->key,
             THRESHOLDS);
    struct model *model = counting_model(yaml, &config);
    struct filter *filter = filter_new(model, &model->counts[0], 128);
    struct flow_record flow = flow_to(CUSTOMER, 100, 1);
    struct ip_addr exporter = addr_from_ipv4(EXPORTER);
    cr_assert_eq(addr_parse(&flow.dst_addr, "2001:db8:100::7"), STATUS_OK);
    flow.src_as = 65001;
    flow.has |= FLOW_SRC_AS;
    struct filter_record record = {.flow = &flow, .exporter = &exporter};
    bool made = filter_key(filter, record, &key);
    cr_assert_eq(made, p->want[0] != '\0', "%s", p->key);
    if (made)
        cr_assert_str_eq(key_format(&key, text, sizeof(text)), p->want);
    filter_free(filter);
    model_free(model);
    config_free(config);
}

Test(filter, host_keys_of_ipv6_may_be_cut)
{
    char text[KEY_TEXT_MAX];
    struct config *config;
    struct flow_key key;
    struct model *model = counting_model(
        NETWORKS "policies: [{name: p, direction: any, key: [dst_addr], window: 1s, " THRESHOLDS
                 "}]\n",
        &config);
    struct filter *filter = filter_new(model, &model->counts[0], 64);
    struct flow_record flow = flow_to(CUSTOMER, 100, 1);
    struct ip_addr exporter = addr_from_ipv4(EXPORTER);
    cr_assert_eq(addr_parse(&flow.dst_addr, "2001:db8:100::7"), STATUS_OK);
    cr_assert(
        filter_key(filter, (struct filter_record){.flow = &flow, .exporter = &exporter}, &key));
    cr_assert_str_eq(key_format(&key, text, sizeof(text)), "dst_addr=2001:db8:100::");
    filter_free(filter);
    model_free(model);
    config_free(config);
}

Test(filter, a_network_in_a_key_is_the_longest_match)
{
    struct config *config;
    struct flow_key key;
    uint64_t id;
    struct model *model = counting_model(
        NETWORKS "policies: [{name: p, direction: any, key: [dst_network], window: 1s, " THRESHOLDS
                 "}]\n",
        &config);
    struct filter *filter = filter_new(model, &model->counts[0], 128);
    struct flow_record flow = flow_to(CUSTOMER + 64, 100, 1);
    struct ip_addr exporter = addr_from_ipv4(EXPORTER);
    struct filter_record record = {.flow = &flow, .exporter = &exporter};
    cr_assert(filter_key(filter, record, &key));
    cr_assert_eq(key_number(&key, DIM_DST_NETWORK, &id), STATUS_OK);
    cr_assert_str_eq(model_network_name(model, id), "dns");
    flow.dst_addr = addr_from_ipv4(ELSEWHERE);
    cr_assert_not(filter_key(filter, record, &key));
    filter_free(filter);
    model_free(model);
    config_free(config);
}

struct short_case {
    char key[60];
    bool is_short; /* of an IPv4 record */
};

ParameterizedTestParameters(filter, short_keys_are_the_same_octets)
{
    static struct short_case cases[] = {
        {"[dst_addr]", true},
        {"[src_addr]", true},
        {"[dst_addr/24]", true},
        {"[dst_addr, protocol]", true},
        {"[dst_addr/20, protocol]", true},
        {"[dst_addr, dst_port]", true},
        {"[dst_addr, src_port]", true},
        {"[dst_addr, tcp_flags]", true},
        {"[dst_addr, protocol, dst_port]", false},
        {"[dst_addr, input_if]", false},
        {"[dst_addr, src_addr]", false},
        {"[dst_addr, exporter]", false},
        {"[protocol]", false},
        {"[dst_network]", false},
    };
    return cr_make_param_array(struct short_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct short_case *p, filter, short_keys_are_the_same_octets)
{
    char yaml[1000];
    struct config *config;
    snprintf(yaml, sizeof(yaml),
             "%spolicies: [{name: p, direction: any, key: %s, window: 1s, %s}]\n", NETWORKS, p->key,
             THRESHOLDS);
    struct model *model = counting_model(yaml, &config);
    struct filter *filter = filter_new(model, &model->counts[0], 128);
    struct flow_record flow = flow_to(CUSTOMER + 70, 100, 1);
    struct ip_addr exporter = addr_from_ipv4(EXPORTER);
    struct filter_record record = {.flow = &flow, .exporter = &exporter};
    struct identity whole = {0}, of_words = {0};
    struct identity_words words = {0};
    flow.src_port = 0xfedc;
    flow.dst_port = 0x0102;
    flow.tcp_flags = 0x12;
    flow.input_if = 0xf0000001;
    flow.has |= FLOW_TCP_FLAGS | FLOW_INPUT_IF;
    cr_assert(filter_key(filter, record, &whole.key));
    bool made = filter_short_key(filter, &flow, &words);
    cr_assert_eq(made, p->is_short, "%s", p->key);
    identity_put_words(&of_words, words);
    if (made)
        cr_assert_arr_eq(&of_words, &whole, IDENTITY_SHORT, "%s", p->key);
    cr_assert_eq(identity_len(&whole) == IDENTITY_SHORT,
                 p->is_short || whole.key.len <= IDENTITY_KEY_SHORT);
    flow.has = FLOW_BYTES;
    cr_assert_not(filter_short_key(filter, &flow, &words), "the record lacks it");
    flow.has = UINT32_MAX;
    cr_assert_eq(addr_parse(&flow.dst_addr, "2001:db8:100::7"), STATUS_OK);
    flow.src_addr = flow.dst_addr;
    cr_assert_not(filter_short_key(filter, &flow, &words), "an IPv6 address does not fit");
    filter_free(filter);
    model_free(model);
    config_free(config);
}
