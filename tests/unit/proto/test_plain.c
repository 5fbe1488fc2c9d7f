#include "tests/unit/proto/golden_nouns.h"

/* What a person sees with redis-cli. The golden nouns have every field set. */

static void add_field(void *owner, const char *name, const char *value)
{
    text_addf(owner, "%s=%s\n", name, value);
}

static void assert_has(const struct text *fields, const char *line)
{
    char whole[600];
    (void)snprintf(whole, sizeof(whole), "\n%s\n", line);
    cr_assert_not_null(strstr(text_str(fields), whole), "%s is not in:%s", line, text_str(fields));
}

static struct text fields_begin(void)
{
    struct text fields;
    text_init(&fields, 0);
    text_add(&fields, "\n");
    return fields;
}

Test(plain, mitigation_can_be_read)
{
    static struct mitigation m;
    struct text fields = fields_begin();
    golden_mitigation(&m);
    mitigation_plain_fields(&m, add_field, &fields);
    assert_has(&fields, "id=m-1767323045100-0001");
    assert_has(&fields, "state=withdrawing");
    assert_has(&fields, "dry_run=yes");
    assert_has(&fields,
               "rule=match destination 198.51.100.7/32 protocol =17 then rate-limit 10Mbps");
    assert_has(&fields, "method=rate-limit-host");
    assert_has(&fields, "alarm=a-1767323045678-3f2a");
    assert_has(&fields, "origin=api");
    assert_has(&fields, "who=operator");
    assert_has(&fields, "reason=flood on the resolver");
    assert_has(&fields, "peers=mx1 asr9k-2");
    assert_has(&fields, "nlri=090120c6336407038111");
    assert_has(&fields,
               "communities=8006000049989680 000c20010db80000000000000000000000000001 64500:200 "
               "64500:1:2");
    assert_has(&fields, "route=divert");
    assert_has(&fields, "next_hop=192.0.2.100");
    assert_has(&fields,
               "collateral=all traffic to the prefix goes to the next hop, not the attack alone");
    assert_has(&fields, "epoch=1767323000000");
    assert_has(&fields, "revision=5");
    assert_has(&fields, "created=2026-01-02T03:04:05.101Z");
    assert_has(&fields, "until=2026-01-02T03:04:05.106Z");
    assert_has(&fields, "lease=15m");
    assert_has(&fields, "withdraw_after=manual");
    assert_has(&fields, "why_ended=alarm ended");
    text_done(&fields);
}

Test(plain, what_is_not_said_is_empty_and_still_there)
{
    static struct mitigation m;
    struct text fields = fields_begin();
    m.family = 4;
    m.withdraw_after_ms = 120000;
    mitigation_plain_fields(&m, add_field, &fields);
    assert_has(&fields, "peers=all");
    assert_has(&fields, "nlri=");
    assert_has(&fields, "route=flowspec");
    assert_has(&fields, "next_hop=");
    assert_has(&fields, "collateral=");
    assert_has(&fields, "ended=");
    assert_has(&fields, "why_ended=");
    assert_has(&fields, "withdraw_after=2m");
    assert_has(&fields, "dry_run=no");
    text_done(&fields);
}

Test(plain, alarm_can_be_read)
{
    static struct alarm alarm;
    struct text fields = fields_begin();
    golden_alarm(&alarm);
    alarm_plain_fields(&alarm, add_field, &fields);
    assert_has(&fields, "id=a-1767323045678-3f2a");
    assert_has(&fields, "state=frozen");
    assert_has(&fields, "frozen_from=active");
    assert_has(&fields, "severity=critical");
    assert_has(&fields, "policy=customer-host");
    assert_has(&fields, "key=dst_addr=198.51.100.7 protocol=17");
    assert_has(&fields, "threshold=bps 1.00 Gbps");
    assert_has(&fields, "window=1s");
    assert_has(&fields, "now=1.20 Gbps (1.10 Gbps to 1.30 Gbps), 92k pps, 12 fps");
    assert_has(&fields, "contributors=192.0.2.1 62.5%, 2001:db8::1 37.5%");
    assert_has(&fields, "mitigations=m-1767323045100-0001 m-1767323045200-0002");
    assert_has(&fields, "not_mitigated=protected");
    assert_has(&fields, "crossed=2026-01-02T03:04:05.001Z");
    assert_has(&fields, "acknowledged=yes");
    assert_has(&fields, "revision=17");
    text_done(&fields);
}

Test(plain, job_and_result_can_be_read)
{
    struct job job;
    struct job_result result;
    struct text fields = fields_begin();
    golden_job(&job);
    job_plain_fields(&job, add_field, &fields);
    assert_has(&fields, "verb=withdraw");
    assert_has(&fields, "mitigation=m-1767323045100-0001");
    assert_has(&fields, "epoch=1767323000000");
    assert_has(&fields, "revision=5");
    assert_has(&fields, "written=2026-01-02T03:04:05.091Z");
    text_clear(&fields);
    text_add(&fields, "\n");
    golden_job_result(&result);
    job_result_plain_fields(&result, add_field, &fields);
    assert_has(&fields, "speaker=sp1");
    assert_has(&fields, "peer=mx1");
    assert_has(&fields, "result=held");
    assert_has(&fields, "verb=withdraw");
    assert_has(&fields, "reason=announcements are on hold");
    assert_has(&fields, "since_crossed=93.456 ms");
    text_done(&fields);
}

Test(plain, values_out_of_range_have_a_name_too)
{
    cr_assert_str_eq(alarm_state_name((enum alarm_state)200), "unknown");
    cr_assert_str_eq(mitigation_state_name((enum mitigation_state)200), "unknown");
    cr_assert_str_eq(job_verb_name((enum job_verb)200), "unknown");
    cr_assert_str_eq(result_kind_name((enum result_kind)200), "unknown");
    cr_assert_str_eq(alarm_state_name(ALARM_CLEARING), "clearing");
    cr_assert_str_eq(mitigation_state_name(MITIGATION_EXPIRED), "expired");
    cr_assert_str_eq(job_verb_name(JOB_ANNOUNCE), "announce");
    cr_assert_str_eq(result_kind_name(RESULT_PEER_DOWN), "peer-down");
}

Test(plain, ids_say_their_kind_and_time)
{
    char id[ID_TEXT_MAX], longest[ID_TEXT_MAX];
    id_make(id, 'm', 1767323045678);
    cr_assert_eq(strlen(id), strlen("m-1767323045678-3f2a9c01d2"));
    cr_assert_eq(strncmp(id, "m-1767323045678-", 16), 0);
    cr_assert_eq(strspn(id + 16, "0123456789abcdef"), 10);
    id_make(longest, 'a', UINT64_MAX);
    cr_assert_eq(strlen(longest), 33);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

Test(plain, ids_of_one_millisecond_differ)
{
    enum { IDS = 10000 };
    static char ids[IDS][ID_TEXT_MAX];
    for (size_t i = 0; i < IDS; i++)
        id_make(ids[i], 'a', 1767323045678);
    qsort(ids, IDS, sizeof(ids[0]), by_text);
    for (size_t i = 1; i < IDS; i++)
        cr_assert_str_neq(ids[i - 1], ids[i]);
}
