/*
 * Feeds valid datagrams with something changed: every octet to some other values, in a few
 * datagrams to all 255; and every place where a length may stand to 0, to 1 and to the most. Which
 * datagrams is a matter of a seed; with WEIR_TEST_LONG in the environment it is all of them.
 */
#include "tests/vectors/probe.h"

#include <stdlib.h>
#include <string.h>

enum {
    EXIT_SKIPPED = 77,
    DATAGRAM_MAX = 65535,
    ONE_IN = 16,
    ONE_IN_OF_ALL_VALUES = 256,
    ONE_IN_IF_LONG = 64
};

struct run {
    struct probe *probe;
    bool is_long;
    uint32_t chance;
    uint64_t taken;
    uint8_t bytes[DATAGRAM_MAX];
};

static uint32_t next_chance(struct run *run)
{
    run->chance ^= run->chance << 13;
    run->chance ^= run->chance >> 17;
    return run->chance ^= run->chance << 5;
}

static bool takes(struct run *run, uint32_t one_in)
{
    return next_chance(run) % one_in == 0;
}

/* Feeds it with `width` octets at `at` changed, and now and then as it was, so that what a change
 * has broken does not keep the next from getting far. */
static void feed_changed(struct run *run, const struct ip_addr *from, const uint8_t *bytes,
                         size_t len, size_t at, size_t width, uint32_t value)
{
    for (size_t i = 0; i < width; i++)
        run->bytes[at + i] = (uint8_t)(value >> 8 * (width - 1 - i));
    probe_feed(run->probe, from, run->bytes, len);
    memcpy(run->bytes + at, bytes + at, width);
    if (run->probe->datagrams % 32 == 0)
        probe_feed(run->probe, from, bytes, len);
    run->probe->now_ms += run->probe->datagrams % 256 == 0;
}

static void change_octets(struct run *run, const struct ip_addr *from, const uint8_t *bytes,
                          size_t len, bool all_values)
{
    for (size_t at = 0; at < len; at++) {
        const uint8_t was = bytes[at];
        const uint8_t some[] = {0, 1, 0x7f, 0x80, 0xff, (uint8_t)(was + 1), (uint8_t)(was - 1)};
        if (all_values) {
            for (unsigned int change = 1; change < 256; change++)
                feed_changed(run, from, bytes, len, at, 1, was ^ change);
            continue;
        }
        for (size_t i = 0; i < sizeof(some); i++)
            if (some[i] != was)
                feed_changed(run, from, bytes, len, at, 1, some[i]);
    }
}

/* Wherever a field of two or four octets may be: lengths and counts are among them. */
static void change_lengths(struct run *run, const struct ip_addr *from, const uint8_t *bytes,
                           size_t len)
{
    static const uint32_t lies[] = {0, 1, UINT32_MAX};
    for (size_t width = 2; width <= 4; width += 2)
        for (size_t at = 0; at + width <= len; at += width)
            for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
                feed_changed(run, from, bytes, len, at, width, lies[i]);
}

static void on_valid(void *owner, const char *file, const struct ip_addr *from,
                     const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    run->probe->file = file;
    bool all_values = takes(run, run->is_long ? ONE_IN_IF_LONG : ONE_IN_OF_ALL_VALUES);
    probe_feed(run->probe, from, bytes, len);
    if (!all_values && !run->is_long && !takes(run, ONE_IN))
        return;
    run->taken++;
    memcpy(run->bytes, bytes, len);
    change_octets(run, from, bytes, len, all_values);
    change_lengths(run, from, bytes, len);
}

int main(void)
{
    const char *corpus = probe_corpus();
    if (corpus == NULL)
        return EXIT_SKIPPED;
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        abort();
    run->probe = probe_new(1000);
    run->chance = 20260101;
    run->is_long = getenv("WEIR_TEST_LONG") != NULL;
    bool good = probe_all_valid(corpus, on_valid, run);
    printf("%llu datagrams were changed\n", (unsigned long long)run->taken);
    good = probe_report(run->probe, "changed") && run->taken > 0 && good;
    probe_free(run->probe);
    free(run);
    return good ? 0 : 1;
}
