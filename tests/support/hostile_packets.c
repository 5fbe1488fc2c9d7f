#include "tests/support/hostile_writer.h"

/* NetFlow 5 and sFlow, which have no state to speak of. */

/* --- NetFlow 5 --- */

static void make_netflow5(struct hostile *h)
{
    static const uint8_t record[48] = {[19] = 1, [23] = 60, [38] = 6};
    struct wire_writer w = hostile_begin(h);
    wire_put_u16(&w, 5);
    wire_put_u16(&w, (HOSTILE_DATAGRAM_MAX - 24) / 48);
    for (int i = 0; i < 5; i++)
        wire_put_u32(&w, 0);
    while (hostile_left(&w) >= sizeof(record))
        wire_put_bytes(&w, record, sizeof(record));
    hostile_end(h, &w, 1);
}

/* --- sFlow --- */

static struct wire_writer begin_sflow(struct hostile *h)
{
    struct wire_writer w = hostile_begin(h);
    wire_put_u32(&w, 5);
    wire_put_u32(&w, 1);
    wire_put_u32(&w, 0xc0000201);
    for (int i = 0; i < 3; i++)
        wire_put_u32(&w, 0);
    wire_put_u32(&w, UINT32_MAX); /* samples: it is octets that bound them */
    return w;
}

static void put_words(struct wire_writer *w, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wire_put_u32(w, words[i]);
}

static void sflow_full_of(struct hostile *h, const uint32_t *words, size_t count)
{
    struct wire_writer w = begin_sflow(h);
    while (hostile_left(&w) >= count * 4)
        put_words(&w, words, count);
    hostile_end(h, &w, 1);
}

static void make_samples(struct hostile *h)
{
    sflow_full_of(h, (uint32_t[]){1, 32, 1, 1, 1000, 0, 0, 1, 2, 0}, 10);
}

static void make_samples_of_new_sources(struct hostile *h)
{
    for (uint32_t turn = 0; turn < 2; turn++) {
        struct wire_writer w = begin_sflow(h);
        for (uint32_t i = 0; hostile_left(&w) >= 40; i++)
            put_words(&w, (uint32_t[]){1, 32, 1, turn << 20 | i, 1000, 0, 0, 1, 2, 0}, 10);
        hostile_end(h, &w, 1);
    }
}

static void make_unknown_samples(struct hostile *h)
{
    sflow_full_of(h, (uint32_t[]){99, 0}, 2);
}

static void make_discards(struct hostile *h)
{
    sflow_full_of(h, (uint32_t[]){5, 32, 1, 1, 1, 0, 0, 1, 2, 0}, 10);
}

static void make_counters(struct hostile *h)
{
    sflow_full_of(h, (uint32_t[]){2, 12, 1, 1, 0}, 5);
}

/* One sample to the end of the datagram. */
static struct wire_writer begin_sample(struct hostile *h, uint32_t records_said)
{
    struct wire_writer w = begin_sflow(h);
    wire_put_u32(&w, 1);
    wire_put_u32(&w, (uint32_t)hostile_left(&w) - 4);
    put_words(&w, (uint32_t[]){1, 1, 1000, 0, 0, 1, 2, records_said}, 8);
    return w;
}

static void sample_full_of(struct hostile *h, const uint32_t *words, size_t count)
{
    struct wire_writer w = begin_sample(h, UINT32_MAX);
    while (hostile_left(&w) >= count * 4)
        put_words(&w, words, count);
    while (hostile_left(&w) > 0)
        wire_put_u8(&w, 0);
    hostile_end(h, &w, 1);
}

static void make_empty_records(struct hostile *h)
{
    sample_full_of(h, (uint32_t[]){99, 0}, 2);
}

static void make_broken_records(struct hostile *h)
{
    sample_full_of(h, (uint32_t[]){1, 0}, 2);
}

static void make_sampled_ip(struct hostile *h)
{
    sample_full_of(h, (uint32_t[]){3, 32, 60, 17, 1, 2, 3, 4, 5, 6}, 10);
}

static void make_headers(struct hostile *h)
{
    sample_full_of(h,
                   (uint32_t[]){1, 36, 11, 60, 0, 20, 0x4500003c, 0x00010000, 0x40110000,
                                0xcb007101, 0x0a000001},
                   11);
}

static void make_paths(struct hostile *h)
{
    struct wire_writer w = begin_sample(h, 1);
    wire_put_u32(&w, 1003);
    wire_put_u32(&w, (uint32_t)hostile_left(&w) - 4);
    put_words(&w, (uint32_t[]){1, 0x0a000001, 1, 2, 3, UINT32_MAX}, 6);
    while (hostile_left(&w) >= 8)
        put_words(&w, (uint32_t[]){1, 0}, 2);
    while (hostile_left(&w) > 0)
        wire_put_u8(&w, 0);
    hostile_end(h, &w, 1);
}

/* One header to the end of the datagram, of one word again and again. */
static void header_full_of(struct hostile *h, uint32_t protocol, const uint8_t *first, size_t len,
                           uint32_t word)
{
    struct wire_writer w = begin_sample(h, 1);
    wire_put_u32(&w, 1);
    wire_put_u32(&w, (uint32_t)hostile_left(&w) - 4);
    put_words(&w, (uint32_t[]){protocol, 1500, 0, (uint32_t)hostile_left(&w) - 16}, 4);
    wire_put_bytes(&w, first, len);
    while (hostile_left(&w) >= 4)
        wire_put_u32(&w, word);
    while (hostile_left(&w) > 0)
        wire_put_u8(&w, 0);
    hostile_end(h, &w, 1);
}

static void make_labels(struct hostile *h)
{
    header_full_of(h, 13, NULL, 0, 0x00001040);
}

static void make_tags(struct hostile *h)
{
    static const uint8_t ethernet[] = {[12] = 0x81, [13] = 0};
    header_full_of(h, 1, ethernet, sizeof(ethernet), 0x00018100);
}

static void make_extensions(struct hostile *h)
{
    static const uint8_t ipv6[40] = {[0] = 0x60, [6] = 60};
    header_full_of(h, 12, ipv6, sizeof(ipv6), 0x3c003c00);
}

static const struct hostile_case cases[] = {
    {FORMAT_NETFLOW5, "as many records as fit", make_netflow5, 0, 0},
    {FORMAT_SFLOW5, "flow samples without records", make_samples, 0, 0},
    {FORMAT_SFLOW5, "empty samples of no known kind", make_unknown_samples, 0, 0},
    {FORMAT_SFLOW5, "discarded packets without records", make_discards, 0, 0},
    {FORMAT_SFLOW5, "counter samples without records", make_counters, 0, 0},
    {FORMAT_SFLOW5, "one sample of empty records", make_empty_records, 0, 0},
    {FORMAT_SFLOW5, "one sample of broken headers", make_broken_records, 0, 0},
    {FORMAT_SFLOW5, "one sample of sampled IPv4 records", make_sampled_ip, 0, 0},
    {FORMAT_SFLOW5, "one sample of IPv4 headers", make_headers, 0, 0},
    {FORMAT_SFLOW5, "one path of empty segments", make_paths, 0, 0},
    {FORMAT_SFLOW5, "one stack of MPLS labels", make_labels, 0, 0},
    {FORMAT_SFLOW5, "one stack of VLAN tags", make_tags, 0, 0},
    {FORMAT_SFLOW5, "IPv6 extension headers", make_extensions, 0, 0},
    {FORMAT_SFLOW5, "flow samples of sources that are always new", make_samples_of_new_sources, 0,
     0},
};
const struct hostile_list hostile_packets = {cases, sizeof(cases) / sizeof(cases[0])};
