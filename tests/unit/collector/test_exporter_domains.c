#include "collector/exporter_domains.h"

#include "tests/unit/collector/decode/datagram.h"

enum { WALL_LESS_MONO_MS = 1000000 };

static struct text told;

static void on_exporter(void *owner, const struct decode_exporter_info *info)
{
    (void)owner;
    exporter_domains_add(&told, info, WALL_LESS_MONO_MS);
}

static void check(const struct bench *b, const char *part)
{
    text_clear(&told);
    decode_exporters(b->decode, 0, b->now_ms, on_exporter, NULL);
    cr_assert_not_null(strstr(text_str(&told), part), "%s: %s", part, text_str(&told));
}

Test(exporter_domains, templates_and_their_age_rates_gaps_and_refusals)
{
    struct bench b;
    text_init(&told, 0);
    bench_init(&b, &(struct decode_limits){0});
    b.now_ms = 5000;
    v9_start(&b, 7);
    set_start(&b, 0);
    PUT16(&b, 256, 1, 1, 4);
    set_end(&b);
    set_start(&b, 1);
    PUT16(&b, 300, 4, 4, 1, 4, 34, 4);
    set_end(&b);
    set_start(&b, 300);
    PUT32(&b, 0, 512);
    set_end(&b);
    (void)bench_send(&b);
    b.sequence += 3;
    v9_start(&b, 7);
    set_start(&b, 256);
    PUT32(&b, 100, 200);
    set_end(&b);
    set_start(&b, 999);
    PUT32(&b, 1);
    set_end(&b);
    (void)bench_send(&b);
    check(&b, "[{\"format\":\"netflow9\",\"domain\":7,\"sampling_rate\":512,\"sampling_source\":"
              "\"options\",\"datagrams\":2,\"records\":2,\"sequence_lost\":3,\"sequence_unit\":"
              "\"datagrams\",\"sequence_late\":0,\"sequence_resets\":0,\"restarts\":0,");
    check(&b,
          "\"templates\":2,\"samplers\":1,\"last_seen\":1005001,\"refused\":{\"NO_TEMPLATE\":1}");
    check(&b, "{\"id\":256,\"options\":false,\"fields\":1,\"told\":1005000}");
    check(&b, "{\"id\":300,\"options\":true,\"fields\":2,\"told\":1005000}");
    bench_done(&b);
    text_done(&told);
}

Test(exporter_domains, of_an_sflow_agent_the_sources_that_miss_samples)
{
    static const uint32_t numbers[] = {1, 2, 6};
    struct bench b;
    text_init(&told, 0);
    bench_init(&b, &(struct decode_limits){0});
    for (uint32_t i = 0; i < 3; i++) {
        b.w = wire_writer_of(b.bytes, sizeof(b.bytes));
        PUT32(&b, 5, 1, 0x0a0000fe, 3, i, UPTIME_MS, 2);
        PUT32(&b, 1, 32, numbers[i], 7, 1000, 0, 0, 1, 2, 0);
        PUT32(&b, 1, 32, i, 8, 2000, 0, 0, 1, 2, 0);
        cr_assert_eq(bench_send(&b), DECODE_OK);
    }
    check(&b, "\"format\":\"sflow5\",\"domain\":3,\"agent\":\"10.0.0.254\"");
    check(&b, "\"sources\":2,\"samples_lost\":3,\"source_list\":[{\"class\":0,\"index\":7,\"rate\":"
              "1000,\"samples_lost\":3}],");
    bench_done(&b);
    text_done(&told);
}
