#include "collector/exporter_interfaces.h"
#include "tests/unit/collector/interfaces_site.h"

Test(exporter_interfaces, a_wrong_rate_is_told_in_words_and_comes_first)
{
    struct site s = site_new(3);
    struct text text;
    struct interfaces_summary summary;
    struct ip_addr exporter = addr_of("192.0.2.1");
    read_ports(&s, 3, 0);
    for (int i = 0; i < 3; i++) {
        sample(&s, 100, 2, 2, 1);
        s.port[3].in_octets += UINT64_C(100) * OCTETS; /* busier, and not sampled */
        read_ports(&s, 3, UINT64_C(10) * OCTETS);
    }
    const struct told *told = tell(s.t, s.now_ms);
    cr_assert_eq(told->summary.count, 3);
    cr_assert_eq(told->summary.wrong, 1);
    cr_assert_eq(told->at[0].index, 2);
    cr_assert_eq(told->at[1].index, 3);
    text_init(&text, 0);
    exporter_interfaces_warn(&text, &told->summary);
    cr_assert_str_eq(text_str(&text),
                     "interface 2 in: samples show 0.10 of what it counted: sampling rate is "
                     "probably wrong (said 100, counters suggest ~1000)");
    text_clear(&text);
    cr_assert(exporter_interfaces_add(&text, s.t, &exporter, s.now_ms, 1000, &summary));
    const char *start = "[{\"agent\":\"10.0.0.1\",\"sub_agent\":0,\"interface\":2,\"up\":true,"
                        "\"speed_bps\":10000000000,\"restarts\":0,\"in_bps\":13333333,";
    cr_assert_eq(strncmp(text_str(&text), start, strlen(start)), 0, "%s", text_str(&text));
    cr_assert_not_null(strstr(text_str(&text), "\"sampled_in\":{\"share\":0.1,\"error\":0.0256,"
                                               "\"verdict\":\"low\"},\"read\":241000}"),
                       "%s", text_str(&text));
    text_done(&text);
    interfaces_free(s.t);
}

Test(exporter_interfaces, at_most_so_many_are_told)
{
    struct interfaces *t = table_of(0, 0);
    for (uint32_t i = 1; i <= INTERFACES_TOLD + 10; i++) {
        struct decode_interface r = reading_of(i);
        interfaces_counted(t, &r, DECODE_BY_PREFIX, 0);
    }
    const struct told *told = tell(t, 0);
    cr_assert_eq(told->count, INTERFACES_TOLD);
    cr_assert_eq(told->summary.count, INTERFACES_TOLD + 10);
    interfaces_free(t);
}
