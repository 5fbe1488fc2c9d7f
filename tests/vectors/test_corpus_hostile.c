/*
 * Feeds every file of the hostile corpus to decoders that live on, then every cut of every valid
 * datagram of the open corpus, and holds the decoder to its limits. The sanitizers judge the rest.
 */
#include "collector/decode/decode.h"
#include "tests/vectors/capture.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77, DATAGRAM_MAX = 65535, MEMORY_MAX = 1 << 20, HELD = 1 << 20 };

struct run {
    struct decode *decode;
    size_t datagrams;
    uint64_t records;
    uint64_t octets; /* read of records, so that nothing is optimised away */
    size_t memory_max;
};

static void on_record(void *owner, const struct flow_record *flow)
{
    struct run *run = owner;
    run->records++;
    run->octets += flow->bytes;
}

static void feed(struct run *run, const struct ip_addr *from, const uint8_t *bytes, size_t len)
{
    struct decode_source source = {.addr = *from};
    struct decode_sink sink = {.on_record = on_record, .on_discard = on_record, .owner = run};
    /* A block of its own, so that a read one octet past the end is seen. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    decode_datagram(run->decode, &source, copy, len, run->datagrams, &sink);
    free(copy);
    run->datagrams++;
    if (decode_memory(run->decode) > run->memory_max)
        run->memory_max = decode_memory(run->decode);
}

static void on_valid_datagram(void *owner, const struct ip_addr *from, const uint8_t *bytes,
                              size_t len)
{
    /* All short cuts, where headers and templates end, and then every seventh. */
    for (size_t cut = 0; cut <= len; cut += cut < 200 ? 1 : 7)
        feed(owner, from, bytes, cut);
    feed(owner, from, bytes, len);
}

static bool feed_file(struct run *run, const char *path)
{
    static uint8_t bytes[DATAGRAM_MAX];
    struct ip_addr from = addr_from_ipv4(0xc0000201);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    feed(run, &from, bytes, len);
    return true;
}

static bool report(const struct run *run, const char *what)
{
    printf("%s: %zu datagrams, %llu records, at most %zu octets of state (limit %d)\n", what,
           run->datagrams, (unsigned long long)run->records, run->memory_max, MEMORY_MAX);
    return run->memory_max <= MEMORY_MAX;
}

static bool run_hostile(const char *shared)
{
    char pattern[2100];
    glob_t found;
    struct run run = {
        .decode =
            decode_new(&(struct decode_limits){.held_bytes = HELD, .memory_bytes = MEMORY_MAX}, 1)};
    snprintf(pattern, sizeof(pattern), "%s/corpus/hostile/*.bin", shared);
    bool good = glob(pattern, 0, NULL, &found) == 0;
    for (size_t turn = 0; good && turn < 2; turn++) /* again, now with the state they left */
        for (size_t i = 0; i < found.gl_pathc; i++)
            good = feed_file(&run, found.gl_pathv[i]) && good;
    if (good) {
        printf("%zu hostile files, twice\n", found.gl_pathc);
        globfree(&found);
    }
    good = report(&run, "hostile") && good;
    decode_free(run.decode);
    return good;
}

static bool run_cuts(const char *shared)
{
    char pattern[2100];
    glob_t found;
    struct run run = {
        .decode =
            decode_new(&(struct decode_limits){.held_bytes = HELD, .memory_bytes = MEMORY_MAX}, 1)};
    snprintf(pattern, sizeof(pattern), "%s/corpus/open/*/*.pcap", shared);
    bool good = glob(pattern, 0, NULL, &found) == 0;
    for (size_t i = 0; good && i < found.gl_pathc; i++)
        good = capture_read(found.gl_pathv[i], on_valid_datagram, &run) == STATUS_OK;
    if (good)
        globfree(&found);
    good = report(&run, "cuts of valid datagrams") && good;
    decode_free(run.decode);
    return good;
}

int main(void)
{
    const char *shared = getenv("WEIR_SHARED");
    char path[2100];
    if (shared == NULL)
        shared = WEIR_SOURCE_DIR "/../shared";
    snprintf(path, sizeof(path), "%s/corpus/hostile/INDEX.tsv", shared);
    FILE *index = fopen(path, "r");
    if (index == NULL) {
        printf("SKIPPED, NOTHING WAS TESTED: no hostile corpus at %s (set WEIR_SHARED)\n", path);
        return EXIT_SKIPPED;
    }
    fclose(index);
    bool good = run_hostile(shared);
    return run_cuts(shared) && good ? 0 : 1;
}
