/* Tables filled to their limits take no more than docs/bounds.md says. */
#include "collector/decode/decode.h"
#include "collector/exporters_told.h"
#include "collector/interfaces.h"
#include "common/base/wire.h"
#include "tests/unit/collector/bounds/heap.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum {
    EXPORTERS = 1000,
    INTERFACES = 32768,
    FLOWS = 65536,
    DOMAINS = 64,
    BLOCK = 2 << 20 /* tables take what is large by so much */
};

/* What the document says. */
enum { EXPORTER_OCTETS = 1536, FLOW_OCTETS = 96, INTERFACE_OCTETS = 700 };

Test(memory, the_document_says_these_numbers)
{
    static char text[65536];
    char wanted[80];
    FILE *file = fopen(WEIR_SOURCE_DIR "/docs/bounds.md", "r");
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    for (char *end = text; (end = strchr(end, '\n')) != NULL;)
        *end = ' ';
    cr_assert_not_null(strstr(text, "1.5 KiB for each of `limits.exporters`"));
    snprintf(wanted, sizeof(wanted), "%d octets for each of `flow_totals`", FLOW_OCTETS);
    cr_assert_not_null(strstr(text, wanted), "%s", wanted);
    snprintf(wanted, sizeof(wanted), "%d for each of %d interfaces", INTERFACE_OCTETS, INTERFACES);
    cr_assert_not_null(strstr(text, wanted), "%s", wanted);
}

static uint32_t exporter_number(uint32_t i)
{
    return 0xc0000200U + i;
}

/* --- interfaces --- */

static void count_interfaces(struct interfaces *t, uint32_t first, uint32_t count)
{
    struct decode_interface r = {.agent = addr_from_ipv4(0x0a000001), .is_up = true};
    for (uint32_t i = first; i < first + count; i++) {
        r.exporter = addr_from_ipv4(exporter_number(i % EXPORTERS));
        r.index = i / EXPORTERS + 1;
        interfaces_counted(t, &r, DECODE_BY_PREFIX, i);
    }
}

Test(memory, of_interfaces)
{
    size_t before = heap_octets;
    struct interfaces *t = interfaces_new(&(struct interfaces_options){.seed = 1});
    cr_assert_not_null(t);
    count_interfaces(t, 0, INTERFACES);
    cr_assert_eq(interfaces_count(t), INTERFACES);
    cr_assert_eq(interfaces_evicted(t), 0);
    count_interfaces(t, INTERFACES, 10 * EXPORTERS);
    cr_assert_eq(interfaces_count(t), INTERFACES);
    cr_assert_leq(heap_octets - before, (size_t)INTERFACES * INTERFACE_OCTETS, "%zu",
                  heap_octets - before);
    interfaces_free(t);
    cr_assert_eq(heap_octets, before);
}

/* --- what decoding knows --- */

struct filling {
    struct decode *decode;
    struct decode_source source;
    uint8_t bytes[2048];
    struct wire_writer w;
    uint32_t sequence;
    uint64_t now_ms;
};

static void on_record(void *owner, const struct flow_record *flow)
{
    (void)owner;
    (void)flow;
}

static void begin(struct filling *f, uint32_t exporter, uint32_t domain)
{
    const uint32_t head[] = {0x00090001, 1000, 1700000000, f->sequence++, domain};
    f->source = (struct decode_source){.addr = addr_from_ipv4(exporter), .trust = DECODE_BY_PREFIX};
    f->w = wire_writer_of(f->bytes, sizeof(f->bytes));
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
        wire_put_u32(&f->w, head[i]);
}

static void end(struct filling *f)
{
    struct decode_sink sink = {.on_record = on_record};
    cr_assert_not(f->w.failed);
    decode_datagram(f->decode, &f->source, f->bytes, f->w.len, f->now_ms++, &sink);
}

/* 1 and `fields` - 1 others that are stepped over. */
static void put_template(struct filling *f, uint16_t id, uint16_t fields)
{
    wire_put_u16(&f->w, 0);
    wire_put_u16(&f->w, (uint16_t)(8 + 4 * fields));
    wire_put_u16(&f->w, id);
    wire_put_u16(&f->w, fields);
    for (uint16_t i = 0; i < fields; i++)
        wire_put_u32(&f->w, i == 0 ? 0x00010004 : 0x00030004);
}

static void fill_begin(struct filling *f, const struct decode_limits *limits)
{
    memset(f, 0, sizeof(*f));
    f->decode = decode_new(limits, 1);
    cr_assert_not_null(f->decode);
}

/* What exporters take beside their domains, which are counted. */
static size_t octets_of_exporters(void)
{
    static struct filling f;
    fill_begin(&f, &(struct decode_limits){0});
    size_t before = heap_octets;
    for (uint32_t i = 0; i < 20 * EXPORTERS; i++) {
        begin(&f, exporter_number(i), 1);
        end(&f);
    }
    size_t octets = heap_octets - before - decode_memory(f.decode);
    decode_free(f.decode);
    return octets;
}

/* --- exporters --- */

/* One that is known to the interfaces and to what is told of exporters takes memory there too. */
Test(memory, of_exporters)
{
    struct exporters_told told;
    struct ip_addr gone;
    size_t before = heap_octets;
    struct interfaces *t = interfaces_new(&(struct interfaces_options){.seed = 1});
    cr_assert_eq(exporters_told_init(&told, EXPORTERS, TOLD_LABELS_MAX, 1), STATUS_OK);
    for (uint32_t i = 0; i < 20 * EXPORTERS; i++) {
        struct ip_addr addr = addr_from_ipv4(exporter_number(i));
        struct decode_interface r = {.exporter = addr, .index = 1};
        interfaces_counted(t, &r, DECODE_BY_PREFIX, i);
        exporters_told_enter(&told, &addr, DECODE_BY_PREFIX, &gone);
    }
    cr_assert_eq(interfaces_count(t), EXPORTERS);
    /* Each told of one interface. */
    size_t elsewhere = (size_t)EXPORTERS * INTERFACE_OCTETS;
    size_t decoding = octets_of_exporters();
    cr_assert_leq(heap_octets - before - elsewhere + decoding, (size_t)EXPORTERS * EXPORTER_OCTETS,
                  "%zu and %zu in decoding", heap_octets - before - elsewhere, decoding);
    exporters_told_done(&told);
    interfaces_free(t);
}

/* --- domains, templates and flows --- */

/* Every exporter's domains, each with one template of so many fields, and more than there is memory
 * for. */
static void check_templates(uint16_t fields)
{
    static struct filling f;
    const size_t limit = 32 << 20;
    size_t before = heap_octets;
    fill_begin(&f, &(struct decode_limits){.memory_bytes = limit});
    for (uint32_t domain = 0; domain < DOMAINS; domain++)
        for (uint32_t i = 0; i < EXPORTERS; i++) {
            begin(&f, exporter_number(i), domain);
            put_template(&f, 256, fields);
            end(&f);
        }
    cr_assert_gt(decode_counters(f.decode)->evicted_domains, 0, "it is full");
    cr_assert_leq(heap_octets - before, limit + (size_t)EXPORTERS * EXPORTER_OCTETS + BLOCK,
                  "%zu with %u fields", heap_octets - before, fields);
    decode_free(f.decode);
    cr_assert_eq(heap_octets, before);
}

Test(memory, of_domains_and_templates)
{
    check_templates(1);
    check_templates(20);
    check_templates(200);
}

Test(memory, of_flows_told_as_totals)
{
    static struct filling f;
    fill_begin(&f, &(struct decode_limits){0});
    size_t before = heap_octets, known = 0;
    for (uint32_t src = 0; src < 2 * FLOWS;) {
        begin(&f, exporter_number(0), 1);
        const uint32_t words[] = {0x00000014, 0x01000003, 0x00080004, 0x000c0004, 0x00550004};
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
            wire_put_u32(&f.w, words[i]);
        wire_put_u32(&f.w, 0x01000000 + 4 + 100 * 12);
        for (uint32_t i = 0; i < 100; i++, src++) {
            wire_put_u32(&f.w, src);
            wire_put_u32(&f.w, 1);
            wire_put_u32(&f.w, 100);
        }
        end(&f);
        known = known != 0 ? known : decode_memory(f.decode);
    }
    cr_assert_gt(decode_counters(f.decode)->evicted_totals, FLOWS);
    size_t octets = heap_octets - before - known;
    cr_assert_leq(octets, (size_t)FLOWS * FLOW_OCTETS + (size_t)EXPORTERS * EXPORTER_OCTETS, "%zu",
                  octets);
    cr_assert_geq(octets, (size_t)FLOWS * FLOW_OCTETS);
    decode_free(f.decode);
}
