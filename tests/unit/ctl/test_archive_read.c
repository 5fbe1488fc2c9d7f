#include "ctl/archive_read.h"

#include "common/base/wire.h"

#include <criterion/criterion.h>
#include <string.h>

/* One record of a template whose fields all have the same length. */
static void feed(struct archive_read *read, bool options, const uint16_t *elements, size_t count,
                 uint16_t len, const uint8_t *octets)
{
    uint8_t spec[64];
    struct wire_writer w = wire_writer_of(spec, sizeof(spec));
    for (size_t i = 0; i < count; i++) {
        wire_put_u16(&w, elements[i]);
        wire_put_u16(&w, len);
    }
    cr_assert_not(w.failed);
    archive_read_fields(read, &(struct decode_fields){.format = FORMAT_IPFIX,
                                                      .options = options,
                                                      .count = count,
                                                      .spec = spec,
                                                      .spec_len = w.len,
                                                      .bytes = octets,
                                                      .len = count * len});
}

static void mark(struct archive_read *read, const char *text)
{
    feed(read, true, (const uint16_t[]){300}, 1, (uint16_t)strlen(text), (const uint8_t *)text);
}

Test(archive_read, a_file_that_does_not_say_that_it_is_ours_stays_as_it_is)
{
    struct archive_read read = {0};
    struct flow_record flow = {.format = FORMAT_IPFIX, .has = FLOW_TIME, .domain = 7};
    struct ip_addr exporter = {0};
    mark(&read, "weir archive 2 c1");
    feed(&read, false, (const uint16_t[]){130, 149}, 2, 4,
         (const uint8_t[]){192, 0, 2, 9, 0, 0, 0, 3});
    archive_read_restore(&read, &flow, &exporter);
    cr_assert_eq(exporter.family, ADDR_NONE);
    cr_assert_eq(flow.domain, 7u);
    cr_assert_eq(flow.has, FLOW_TIME);
}

Test(archive_read, in_ours_exporter_and_domain_are_those_of_the_record)
{
    struct archive_read read = {0};
    struct flow_record flow = {.format = FORMAT_IPFIX};
    struct ip_addr exporter = {0}, want = addr_from_ipv4(0xc0000209);
    mark(&read, "weir archive 1 c1");
    feed(&read, false, (const uint16_t[]){130, 149, 214}, 3, 4,
         (const uint8_t[]){192, 0, 2, 9, 0, 0, 0, 3, 0, 0, 0, 9});
    archive_read_restore(&read, &flow, &exporter);
    cr_assert(addr_equal(&exporter, &want));
    cr_assert_eq(flow.domain, 3u);
    cr_assert_eq(flow.format, FORMAT_NETFLOW9);
}

Test(archive_read, one_record_says_nothing_of_the_next)
{
    struct archive_read read = {0};
    struct flow_record flow = {.format = FORMAT_IPFIX};
    struct ip_addr exporter = {0};
    mark(&read, "weir archive 1 c1");
    feed(&read, false, (const uint16_t[]){130}, 1, 4, (const uint8_t[]){192, 0, 2, 9});
    feed(&read, false, (const uint16_t[]){4}, 1, 1, (const uint8_t[]){17});
    archive_read_restore(&read, &flow, &exporter);
    cr_assert_eq(exporter.family, ADDR_NONE);
}

Test(archive_read, values_that_make_no_sense_are_not_believed)
{
    static const uint16_t elements[] = {130, 302, 214, 239, 197, 161, 403};
    struct archive_read read = {0};
    uint8_t octets[7 * 9];
    memset(octets, 0xff, sizeof(octets));
    mark(&read, "weir archive 1 c1");
    for (uint16_t len = 0; len <= 9; len++) {
        struct flow_record flow = {.format = FORMAT_IPFIX, .sampling_source = SAMPLING_RECORD};
        struct ip_addr exporter = {0};
        feed(&read, false, elements, 7, len, octets);
        archive_read_restore(&read, &flow, &exporter);
        cr_assert_lt(flow.format, FORMAT_COUNT);
        cr_assert_leq(flow.sampling_source, SAMPLING_DEFAULT);
    }
}
