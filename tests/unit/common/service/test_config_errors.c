#include "tests/unit/common/service/bad_config.h"

/* The file as such, addresses, and the sections that all processes share. */

static const struct bad bad_structure[] = {
    {"stat_dir: /x\n", 1, 1,
     "unknown key \"stat_dir\" in the configuration, expected \"state_dir\"?"},
    {"zzzzzzzz: 1\n", 1, 1,
     "unknown key \"zzzzzzzz\" in the configuration, expected one of state_dir"},
    {"log: {levels: info}\n", 1, 7, "unknown key \"levels\" in log, expected \"level\"?"},
    {"dry_run: true\ndry_run: true\n", 2, 1,
     "\"dry_run\" is repeated, expected once; it stands in line 1"},
    {"log: {level: info, level: info}\n", 1, 20, "\"level\" is repeated"},
    {"networks:\n  a: []\n  b: []\n  a: []\n", 4, 3, "network \"a\" is repeated"},
    {"- a\n- b\n", 1, 1, "not a group of keys, expected \"key: value\""},
    {"just text\n", 1, 1, "not a group of keys"},
    {"dry_run: true\n---\nlog: {}\n", 2, 1, "a second document, expected one a file"},
    {"%YAML 1.1\n---\ndry_run: true\n", 1, 1, "a YAML directive"},
    {"%TAG ! tag:x,2000:\n---\ndry_run: true\n", 1, 1, "a YAML directive"},
    {"dry_run: !!bool true\n", 1, 10,
     "a YAML tag tag:yaml.org,2002:bool, expected a plain value; if it is text: quote it"},
    {"dry_run: !x true\n", 1, 10, "a YAML tag !x"},
    {"dry_run: &a true\n", 1, 10, "a YAML anchor &a"},
    {"log: &a {level: info}\n", 1, 6, "a YAML anchor &a"},
    {"log: !x {level: info}\n", 1, 6, "a YAML tag !x"},
    {"run_dir: *a\n", 1, 10, "a YAML alias, expected a plain value"},
    {"? [a]\n: 1\n", 1, 3, "a list as a key, expected a word"},
    {"run_dir: |\n  /x\n", 1, 10, "a block of text, expected a value on one line"},
    {"run_dir: >\n  /x\n", 1, 10, "a block of text"},
    {"run_dir: /x\n  /y\n", 1, 10, "a value over several lines"},
    {"run_dir: \"/a\\x07b\"\n", 1, 10, "a value with control character 0x07"},
    {"run_dir: \"/a\\0b\"\n", 1, 10, "a value with control character 0x00"},
    {"log:\n\tlevel: info\n", 2, 1, "a tab, expected spaces"},
    {"dry_run:\ttrue\n", 1, 9, "a tab, expected spaces"},
    {"run_dir: \"/a\tb\"\n", 1, 13, "a tab, expected spaces"},
    {"dry_run: true \t# comment\n", 1, 15, "a tab, expected spaces"},
    {"dry_run: {a: [}\n", 1, 15, "not YAML: did not find expected node content"},
    {"run_dir: \"/x\n", 1, 10,
     "not YAML: found unexpected end of stream while scanning a quoted scalar"},
    {"run_dir: \"/\\q\"\n", 1, 10, "not YAML: found unknown escape character"},
    {"run_dir: 'x\xff'\n", 1, 12, "octet 0xff, expected UTF-8 text"},
    {"run_dir: /\xc3\n", 1, 11, "octet 0xc3, expected UTF-8 text"},
    {"# \xed\xa0\x80\n", 1, 3, "octet 0xed, expected UTF-8 text"},
    {"a: \xc0\xaf\n", 1, 4, "octet 0xc0, expected UTF-8 text"},
    {"a: \xf4\x90\x80\x80\n", 1, 4, "octet 0xf4, expected UTF-8 text"},
    {"# \xc3\xa4 \x01\n", 1, 5, "control character 0x01"},
    {"a: b\rc: d\n", 1, 5, "control character 0x0d"},
    {"a: \xe2\x80\xa8\n", 1, 4, "unprintable character 0x2028"},
    {"a: \xc2\x85\n", 1, 4, "unprintable character 0x85"},
    {"log: {level: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]}\n", 1, 28,
     "nested deeper, expected at most 16 levels"},
};

static const struct bad bad_addresses[] = {
    {"bgp_sessions: [[192.0.2.1]]\n", 1, 16, "bgp_sessions: 1 items, expected 2 to 2"},
    {"bgp_sessions: [[192.0.2.1, \"2001:db8::1\"]]\n", 1, 16,
     "a session of two families, expected two different addresses of one family"},
    {"bgp_sessions: [[192.0.2.1, 192.0.2.1]]\n", 1, 16, "a session of an address with itself"},
    {"listen: 2001:db8::\n", 1, 9, "quote it"},
    {"listen: ::\n", 1, 9, "quote it"},
    {"protected: [2001:db8::]\n", 1, 13,
     "YAML takes the colons of 2001:db8:: for its own, expected \"2001:db8::\": quote it"},
    {"protected: [2001:db8::, 192.0.2.1]\n", 1, 13, "quote it"},
    {"protected: [::1]\n", 1, 13, "expected \"::1\": quote it"},
    {"protected:\n  - 2001:db8::\n", 2, 5, "quote it"},
    {"collector: {udp: [[::]:2055]}\n", 1, 19, "expected \"[::]:2055\": quote it"},
    {"networks: {a: [2001:db8::]}\n", 1, 16, "quote it"},
    {"networks: {a: 2001:db8::}\n", 1, 15, "quote it"},
    {"exporters: [{address: 2001:db8::}]\n", 1, 23, "quote it"},
    {"exporters:\n  - address: 2001:db8::\n", 2, 14, "quote it"},
    {"infrastructure: [192.0.2.1, !x]\n", 1, 29,
     "YAML takes !x for a sign of its own, expected \"!x\": quote it"},
    {"listen: @here\n", 1, 9,
     "YAML takes @here for a sign of its own, expected \"@here\": quote it"},
    {"listen: 127.1\n", 1, 9, "listen: \"127.1\", expected an IPv4 or IPv6 address"},
    {"listen: 127.0.0.01\n", 1, 9, "expected an IPv4 or IPv6 address"},
    {"listen: 127.0.0.1/32\n", 1, 9, "expected an IPv4 or IPv6 address"},
    {"listen: [127.0.0.1]\n", 1, 9, "listen: a list, expected an IPv4 or IPv6 address"},
    {"listen:\n", 1, 8, "listen: nothing, expected an IPv4 or IPv6 address"},
    {"protected: [192.0.2.1/24]\n", 1, 13, "no bits set behind its length"},
    {"protected: [192.0.2.0/33]\n", 1, 13, "an address or a prefix"},
    {"protected: 192.0.2.0/24\n", 1, 12,
     "protected: \"192.0.2.0/24\", expected a list of prefixes"},
    {"collector: {udp: [\"[::]\"]}\n", 1, 19, "an address and a port"},
    {"collector: {udp: [\"127.0.0.1:0\"]}\n", 1, 19, "an address and a port"},
    {"collector: {udp: [\"127.0.0.1:65536\"]}\n", 1, 19, "an address and a port"},
    {"collector: {udp: [\"2001:db8::1:2055\"]}\n", 1, 19, "an address and a port"},
    {"collector: {udp: []}\n", 1, 18, "udp: 0 items, expected 1 to 64"},
    {"collector: {udp: [\"[::]:99\", 127.0.0.1:1, \"[::]:99\"]}\n", 1, 43,
     "udp: \"[::]:99\" is repeated"},
    {"speaker: {router_id: 2001:db8::1}\n", 1, 22,
     "router_id: \"2001:db8::1\", expected an IPv4 address"},
};

static const struct bad bad_values[] = {
    {"dry_run: yes\n", 1, 10, "dry_run: \"yes\", expected true or false"},
    {"dry_run: \"true\"\n", 1, 10, "expected true or false"},
    {"dry_run: 1\n", 1, 10, "expected true or false"},
    {"dry_run: []\n", 1, 10, "dry_run: a list, expected true or false"},
    {"dry_run: false\n", 1, 10, "dry run cannot be left while every sender counts"},
    {"dry_run: false\nexporters: []\n", 1, 10, "dry run cannot be left while every sender counts"},
    {"log: info\n", 1, 6, "log: \"info\", expected log as a group of keys, such as {level: …}"},
    {"log: {level: Info}\n", 1, 14, "level: \"Info\", expected error, warn, info or debug"},
    {"run_dir: tmp\n", 1, 10, "run_dir: \"tmp\", expected a path that starts with /"},
    {"run_dir: {}\n", 1, 10, "run_dir: a group of keys, expected a path"},
    {"collector: {metrics_port: 65536}\n", 1, 27, "expected a port from 1 to 65535, or 0 for none"},
    {"collector: {metrics_port: \"9401\"}\n", 1, 27, "expected a port"},
    {"collector: {metrics_port: 09401}\n", 1, 27, "expected a port"},
    {"collector: {recall: {memory: 16MiB}}\n", 1, 30, "expected a size from 32MiB"},
    {"collector: {recall: {keep: 1s}}\n", 1, 28, "expected a duration from 10s to 1h"},
    {"collector: {recall: {cap_per_destination: 5000}}\n", 1, 43, "expected a number from 1"},
    {"collector: {metrics_port: -1}\n", 1, 27, "expected a port"},
    {"collector: {metrics_port: 1e3}\n", 1, 27, "expected a port"},
    {"collector: {workers: 0}\n", 1, 22, "auto or a number from 1 to 256"},
    {"collector: {receive_buffer: 32}\n", 1, 29,
     "expected a size from 64KiB to 1GiB with its unit"},
    {"collector: {receive_buffer: 32 MiB}\n", 1, 29, "expected a size"},
    {"collector: {receive_buffer: 2GiB}\n", 1, 29, "expected a size from 64KiB to 1GiB"},
    {"collector: {flush: {every: 100}}\n", 1, 28,
     "every: \"100\", expected a duration from 10ms to 1s"},
    {"collector: {flush: {every: 2s}}\n", 1, 28, "expected a duration from 10ms to 1s"},
    {"collector: {flush: {urgent_share: 0.1}}\n", 1, 35, "expected a share from 0.1% to 100%"},
    {"collector: {flush: {max_rows: 4001}}\n", 1, 31, "expected a number from 1 to 4000"},
    {"collector: {tally: {ipv6_host_keys: /56}}\n", 1, 37, "expected /128 or /64"},
    {"collector: {tally: {max_keys: 1k0}}\n", 1, 31, "expected a count from 1000 to 100M"},
    {"collector: {name: C1}\n", 1, 19, "name: \"C1\", expected a name of 1 to 64 of a-z 0-9 . _ -"},
    {"collector: {limits: {exporters: 1000000}}\n", 1, 33, "expected a number from 1 to 100000"},
    {"policy: {lease: 1500}\n", 1, 17, "lease: \"1500\", expected a duration from 300ms to 60s"},
    {"policy: {budgets: {reserve: {share: 10}}}\n", 1, 37, "expected a share from 0% to 100%"},
    {"speaker: {local_as: 0}\n", 1, 21, "expected an AS number from 1 to 4294967294"},
    {"speaker: {local_as: 1.1}\n", 1, 21, "expected an AS number"},
    {"speaker: {shutdown: drop}\n", 1, 21, "expected keep or withdraw"},
    {"redis: {prefix: \"a b\"}\n", 1, 17, "expected at most 32 of letters, digits"},
    {"redis: {state: {address: localhost}}\n", 1, 26, "expected \"unix:/path\" or \"host:port\""},
    {"redis: {state: {address: \"unix:sock\"}}\n", 1, 26,
     "expected \"unix:/path\" or \"host:port\""},
    {"redis: {state: {address: \"h:0\"}}\n", 1, 26, "expected \"unix:/path\" or \"host:port\""},
    {"redis: {telemetry: [{name: t1}]}\n", 1, 21, "a telemetry server without \"address\""},
    {"redis: {telemetry: {name: t1}}\n", 1, 20,
     "telemetry: a group of keys, expected a list of servers"},
    {"redis: {telemetry: []}\n", 1, 20, "telemetry: 0 items, expected 1 to 64"},
    {"redis: {password_dir: [secrets]}\n", 1, 23, "expected a path of 1 to 1024 octets"},
    {"run_dir: "
     "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "\n",
     1, 10, "run_dir: 93 octets, expected at most 92 so that sockets fit into it"},
    {"speaker: {socket: "
     "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaa}\n",
     1, 19, "expected at most 107"},
    {"exporters: [{name: x}]\n", 1, 13, "an exporter without \"address\", expected it"},
    {"exporters: [{address: 192.0.2.1, sampling: 0}]\n", 1, 44,
     "expected a number from 1 to 16777216"},
    {"exporters: [{address: 192.0.2.1, active_timeout: 60}]\n", 1, 50,
     "expected a duration from 1ms to 1h"},
    {"exporters: [{address: 192.0.2.1, max_rate: 400G}]\n", 1, 44,
     "expected a rate from 1kbps to 1000Tbps with its unit"},
    {"exporters: [{address: 192.0.2.1, boundary: 5}]\n", 1, 44,
     "expected a list of interface numbers"},
    {"exporters: [{address: 192.0.2.1}, {address: 192.0.2.1/32}]\n", 1, 35,
     "an exporter with the address of another"},
    {"exporters: [{address: 192.0.2.1, name: a}, {address: 192.0.2.2, name: a}]\n", 1, 71,
     "exporter \"a\" is repeated, expected unique names"},
    {"networks: [192.0.2.0/24]\n", 1, 11,
     "networks: a list, expected names with lists of prefixes"},
    {"networks: {A: []}\n", 1, 12, "network \"A\", expected a name"},
    {"networks: {a: {ours: true}}\n", 1, 15, "a network with neither prefixes nor file"},
    {"networks: {a: {file: x.txt}}\n", 1, 22,
     "file: cannot open x.txt (No such file or directory), expected a file of prefixes"},
};

static const struct bad bad_shards[] = {
    {"shards: []\n", 1, 9, "shards: 0 items, expected 1 to 64"},
    {"shards: [{name: s0, slots: [0-62]}]\n", 1, 9,
     "slot 63 is in no shard, expected each of 0 to 63 in one"},
    {"shards: [{name: s0, slots: [0-40]}, {name: s1, slots: [40-63]}]\n", 1, 37,
     "slot 40 is in another shard already"},
    {"shards: [{name: s0, slots: [0-63, 5]}]\n", 1, 35, "expected each slot once"},
    {"shards: [{name: s0, slots: [63-0]}]\n", 1, 29,
     "expected a slot or a range of slots from 0 to 63"},
    {"shards: [{name: s0, slots: [0-64]}]\n", 1, 29, "expected a slot or a range"},
    {"shards: [{name: s0, slots: 0-63}]\n", 1, 28, "expected a list of slots"},
    {"shards: [{name: s0, slots: [0-63], telemetry: t2}]\n", 1, 47,
     "no telemetry server is called \"t2\", expected \"t1\"?"},
    {"shards: [{name: s0, slots: [0-31]}, {name: s0, slots: [32-63]}]\n", 1, 44,
     "shard \"s0\" is repeated"},
};

Test(config_errors, what_is_not_a_configuration_is_refused)
{
    CHECK(bad_structure);
}

Test(config_errors, addresses_that_yaml_breaks_say_quote_it)
{
    CHECK(bad_addresses);
}

Test(config_errors, values_of_the_wrong_type_unit_or_range_are_refused)
{
    CHECK(bad_values);
}

Test(config_errors, shards_cover_each_slot_once)
{
    CHECK(bad_shards);
}

Test(config_errors, all_errors_are_said_in_one_run_in_the_order_of_the_file)
{
    bad_check_all("nothing: 1\n"
                  "collector:\n"
                  "  udp: [\"[::]:0\", !x, 1.2.3.4:5]\n"
                  "  workers: none\n"
                  "protected: [2001:db8::, ::1]\n"
                  "exporters:\n"
                  "  - {address: 192.0.2.1, name: a, peer: b}\n"
                  "  - {address: 192.0.2.2, name: a}\n"
                  "dry_run: 0\n",
                  "t.yaml:1:1: unknown key \"nothing\" in the configuration, expected one of "
                  "state_dir, run_dir, log, dry_run, listen, redis, shards, networks, protected, "
                  "protected_sources, infrastructure, bgp_sessions, test_rule, exporters, "
                  "collector, aggregator, policy, speaker, console, profiles, peers, platforms, "
                  "policies, methods, vectors, notifications\n"
                  "t.yaml:3:9: udp: \"[::]:0\", expected an address and a port such as "
                  "\"[::]:2055\" or 127.0.0.1:2055\n"
                  "t.yaml:3:19: a YAML tag !x, expected a plain value; if it is text: quote it\n"
                  "t.yaml:4:12: workers: \"none\", expected auto or a number from 1 to 256\n"
                  "t.yaml:5:13: YAML takes the colons of 2001:db8:: for its own, expected "
                  "\"2001:db8::\": quote it\n"
                  "t.yaml:5:25: YAML takes the colons of ::1 for its own, expected \"::1\": quote "
                  "it\n"
                  "t.yaml:7:35: peer: not available yet\n"
                  "t.yaml:7:41: peer: no peer is called \"b\", expected the name of one\n"
                  "t.yaml:8:32: exporter \"a\" is repeated, expected unique names; it stands in "
                  "line 7 already\n"
                  "t.yaml:9:10: dry_run: \"0\", expected true or false\n");
}

Test(config_errors, reading_goes_on_after_a_syntax_error)
{
    bad_check_all("log: {level: info\nrun_dir: /x\nlisten: here\n",
                  "t.yaml:1:14: a value over several lines, expected it on one line\n"
                  "t.yaml:2:8: not YAML: did not find expected ',' or '}' while parsing a flow "
                  "mapping from line 1, expected keys and values\n"
                  "t.yaml:3:9: listen: \"here\", expected an IPv4 or IPv6 address\n");
    bad_check_all("dry_run: true\n  log: {}\nlisten: here\n",
                  "t.yaml:1:10: a value over several lines, expected it on one line\n"
                  "t.yaml:2:6: not YAML: mapping values are not allowed in this context, expected "
                  "keys and values\n"
                  "t.yaml:3:9: listen: \"here\", expected an IPv4 or IPv6 address\n");
    bad_check_all("run_dir: \"/x\nlisten: here\n",
                  "t.yaml:1:10: not YAML: found unexpected end of stream while scanning a quoted "
                  "scalar from line 1, expected keys and values\n"
                  "t.yaml:2:9: listen: \"here\", expected an IPv4 or IPv6 address\n");
}

Test(config_errors, a_file_of_nothing_but_mistakes_ends_in_bounded_words)
{
    struct config_errors errors;
    struct config *config = NULL;
    struct text yaml;
    text_init(&yaml, 0);
    for (int i = 0; i < 5000; i++)
        text_addf(&yaml, "k%d: 1\n", i);
    config_errors_init(&errors, "t.yaml");
    cr_expect_eq(config_parse(&config, yaml.at, yaml.len, "t.yaml", &errors), STATUS_MALFORMED);
    cr_expect_eq(errors.count, 1001);
    cr_expect_not_null(
        strstr(text_str(&errors.lines), "t.yaml: more than 1000 errors, the rest is left out\n"));
    config_errors_done(&errors);
    text_done(&yaml);
}

Test(config_errors, a_huge_file_is_refused)
{
    struct config_errors errors;
    struct config *config = NULL;
    size_t len = (4U << 20) + 1;
    char *yaml = malloc(len);
    memset(yaml, '\n', len);
    config_errors_init(&errors, "t.yaml");
    cr_expect_eq(config_parse(&config, yaml, len, "t.yaml", &errors), STATUS_MALFORMED);
    cr_expect_str_eq(text_str(&errors.lines),
                     "t.yaml: the file goes on past octet 4194304, expected less\n");
    config_errors_done(&errors);
    free(yaml);
}

/* What a file costs to read is bounded, also where it is made to be slow. */
Test(config_errors, hostile_shapes_are_read_in_bounded_time, .timeout = 60)
{
    static const char *const shapes[] = {
        "[", "{", "- ", "? ", "a: ", "[a,", "{a: ", "&a ", "\"", "!x ", "x::\n", "- {\n", "[::]\n"};
    enum { SHAPE_BYTES = 1 << 20 };
    char *yaml = malloc(SHAPE_BYTES);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        struct config_errors errors;
        struct config *config = NULL;
        size_t n = strlen(shapes[i]);
        for (size_t at = 0; at < SHAPE_BYTES; at++)
            yaml[at] = shapes[i][at % n];
        config_errors_init(&errors, "t.yaml");
        cr_expect_eq(config_parse(&config, yaml, SHAPE_BYTES, "t.yaml", &errors), STATUS_MALFORMED,
                     "%s", shapes[i]);
        cr_expect_gt(errors.count, 0);
        config_errors_done(&errors);
    }
    free(yaml);
}

Test(config_errors, what_is_no_text_hides_nothing_else)
{
    static const char *const cases[][2] = {
        {"# caf\xe9\ndry_run: maybe\n",
         "t.yaml:1:6: octet 0xe9, expected UTF-8 text\n"
         "t.yaml:2:10: dry_run: \"maybe\", expected true or false\n"},
        /* The line's own values are not judged. */
        {"listen: 1\x01\ndry_run: maybe\n",
         "t.yaml:1:10: control character 0x01, expected UTF-8 text\n"
         "t.yaml:2:10: dry_run: \"maybe\", expected true or false\n"},
        {"shards: [{name: s, slots: [\xff]}]\ndry_run: maybe\n",
         "t.yaml:1:28: octet 0xff, expected UTF-8 text\n"
         "t.yaml:2:10: dry_run: \"maybe\", expected true or false\n"},
        {"dry_run: true\n\xef\xbb\xbflog: {}\nlisten: x\n",
         "t.yaml:2:1: unprintable character 0xfeff, expected UTF-8 text\n"
         "t.yaml:3:9: listen: \"x\", expected an IPv4 or IPv6 address\n"},
        /* A line that a tab indents goes with what may be inside it. */
        {"log:\n\tlevel: x\n  more: 1\nlisten: x\n",
         "t.yaml:2:1: a tab, expected spaces\n"
         "t.yaml:4:9: listen: \"x\", expected an IPv4 or IPv6 address\n"},
        {"policies:\n  - name: a\n\tthresholds:\n      - severity: x\n    window: 1\n"
         "  - name: B\n    key: [dst_addr]\nlisten: x\n",
         "t.yaml:3:1: a tab, expected spaces\n"
         "t.yaml:6:11: name: \"B\", expected a name of 1 to 64 of a-z 0-9 . _ -\n"
         "t.yaml:8:9: listen: \"x\", expected an IPv4 or IPv6 address\n"},
        {"log: {\n\tlevel: x}\nlisten: x\n",
         "t.yaml:2:1: a tab, expected spaces\n"
         "t.yaml:3:9: listen: \"x\", expected an IPv4 or IPv6 address\n"},
        {"\t# a comment\nlisten: x\n",
         "t.yaml:1:1: a tab, expected spaces\n"
         "t.yaml:2:9: listen: \"x\", expected an IPv4 or IPv6 address\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        bad_check_all(cases[i][0], cases[i][1]);
}

Test(config_errors, both_values_of_a_repeated_key_are_judged)
{
    bad_check_all(
        "log: {level: info}\nlog: {level: x}\n",
        "t.yaml:2:1: key \"log\" is repeated, expected once; it stands in line 1 already\n"
        "t.yaml:2:14: level: \"x\", expected error, warn, info or debug\n");
}

Test(config_errors, merge_keys_are_none_of_ours)
{
    bad_check_all("log: {<<: {level: x}}\n",
                  "t.yaml:1:7: a YAML merge key, expected the keys themselves\n");
}
