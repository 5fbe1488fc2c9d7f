/*
 * Feeds every cut of every valid datagram, to a decoder that knows all templates and to one that
 * knows none: what a cut gives is the beginning of what the whole gives, in every bit.
 */
#include "tests/vectors/probe.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77 };

struct records {
    size_t kept_count, late_count;
    struct flow_record kept[PROBE_KEPT], late[PROBE_KEPT];
};

struct run {
    struct probe *knowing, *ignorant;
    struct records *whole, *whole_alone;
    uint32_t stranger; /* the last address that the ignorant one has heard */
    uint64_t cuts, differing;
};

static void keep(struct records *records, const struct probe *probe)
{
    records->kept_count = probe->kept_count;
    records->late_count = probe->late_count;
    memcpy(records->kept, probe->kept, probe->kept_count * sizeof(probe->kept[0]));
    memcpy(records->late, probe->late, probe->late_count * sizeof(probe->late[0]));
}

static bool begins(const struct records *whole, const struct probe *cut)
{
    return cut->kept_count <= whole->kept_count && cut->late_count <= whole->late_count &&
           memcmp(cut->kept, whole->kept, cut->kept_count * sizeof(cut->kept[0])) == 0 &&
           memcmp(cut->late, whole->late, cut->late_count * sizeof(cut->late[0])) == 0;
}

static void compare(struct run *run, const struct records *whole, const struct probe *cut,
                    const char *which, size_t at, size_t len)
{
    run->cuts++;
    if (begins(whole, cut))
        return;
    run->differing++;
    printf("%s, %zu of %zu octets, %s: %zu and %zu records, the whole has %zu and %zu\n", cut->file,
           at, len, which, cut->kept_count, cut->late_count, whole->kept_count, whole->late_count);
}

/* One exporter is all that it remembers, so a new one finds nothing. */
static void feed_ignorant(struct run *run, const uint8_t *bytes, size_t len)
{
    struct ip_addr from = addr_from_ipv4(++run->stranger);
    probe_feed(run->ignorant, &from, bytes, len);
}

static void on_valid(void *owner, const char *file, const struct ip_addr *from,
                     const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    run->knowing->file = run->ignorant->file = file;
    /* Twice, so that what its own end says is known at its beginning. */
    probe_feed(run->knowing, from, bytes, len);
    probe_feed(run->knowing, from, bytes, len);
    keep(run->whole, run->knowing);
    feed_ignorant(run, bytes, len);
    keep(run->whole_alone, run->ignorant);
    for (size_t at = 0; at < len; at++) {
        probe_feed(run->knowing, from, bytes, at);
        compare(run, run->whole, run->knowing, "templates known", at, len);
        feed_ignorant(run, bytes, at);
        compare(run, run->whole_alone, run->ignorant, "templates not known", at, len);
    }
    probe_feed(run->knowing, from, bytes, len);
    run->knowing->now_ms++;
}

int main(void)
{
    const char *corpus = probe_corpus();
    if (corpus == NULL)
        return EXIT_SKIPPED;
    struct run run = {.knowing = probe_new(1000),
                      .ignorant = probe_new(1),
                      .whole = calloc(1, sizeof(struct records)),
                      .whole_alone = calloc(1, sizeof(struct records)),
                      .stranger = 0x0a000000};
    if (run.whole == NULL || run.whole_alone == NULL)
        abort();
    bool good = probe_all_valid(corpus, on_valid, &run);
    good = probe_report(run.knowing, "templates known") && good;
    good = probe_report(run.ignorant, "templates not known") && good;
    printf("%llu cuts, %llu give what the whole does not begin with\n",
           (unsigned long long)run.cuts, (unsigned long long)run.differing);
    probe_free(run.knowing);
    probe_free(run.ignorant);
    free(run.whole);
    free(run.whole_alone);
    return good && run.differing == 0 ? 0 : 1;
}
