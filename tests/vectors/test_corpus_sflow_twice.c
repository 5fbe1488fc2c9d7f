/*
 * Each datagram of the corpus, as it is and with some octets changed, to two decoders of which one
 * never reads a sample on the short way: what they say is the same.
 */
#include "tests/support/sflow_twice.h"
#include "tests/vectors/probe.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77, DATAGRAM_MAX = 65535, CHANGES = 30, CHANGES_IF_LONG = 3000 };

struct run {
    struct sflow_twice *twice;
    uint32_t chance, changes;
    bool failed;
    uint8_t bytes[DATAGRAM_MAX];
};

static uint32_t next_chance(struct run *run)
{
    run->chance ^= run->chance << 13;
    run->chance ^= run->chance >> 17;
    return run->chance ^= run->chance << 5;
}

static void feed(struct run *run, const char *file, const struct ip_addr *from, size_t len)
{
    struct decode_source source = {.addr = *from};
    const char *differs = sflow_twice_feed(run->twice, &source, run->bytes, len);
    if (differs == NULL || run->failed)
        return;
    printf("%s, datagram %llu of this run: %s\n", file,
           (unsigned long long)sflow_twice_datagrams(run->twice), differs);
    run->failed = true;
}

static void on_valid(void *owner, const char *file, const struct ip_addr *from,
                     const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    if (len < 4 || len > DATAGRAM_MAX || memcmp(bytes, "\0\0\0\5", 4) != 0)
        return;
    for (uint32_t i = 0; i <= run->changes; i++) {
        memcpy(run->bytes, bytes, len);
        for (uint32_t count = i == 0 ? 0 : 1 + next_chance(run) % 3; count > 0; count--)
            run->bytes[next_chance(run) % len] = (uint8_t)(next_chance(run) >> 8);
        feed(run, file, from, i % 8 == 7 ? next_chance(run) % len : len);
    }
}

int main(void)
{
    const char *corpus = probe_corpus();
    if (corpus == NULL)
        return EXIT_SKIPPED;
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        abort();
    run->twice = sflow_twice_new();
    run->chance = 20260101;
    run->changes = getenv("WEIR_TEST_LONG") != NULL ? CHANGES_IF_LONG : CHANGES;
    bool good = probe_all_valid(corpus, on_valid, run);
    uint64_t records = sflow_twice_records(run->twice);
    printf("%llu datagrams, %llu records: %s\n",
           (unsigned long long)sflow_twice_datagrams(run->twice), (unsigned long long)records,
           run->failed ? "FAILED" : "no difference");
    good = good && !run->failed && records > 0;
    sflow_twice_free(run->twice);
    free(run);
    return good ? 0 : 1;
}
