#include "tests/vectors/probe.h"

#include "common/base/wire.h"
#include "tests/support/steps.h"
#include "tests/vectors/capture.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

/* What one may have to work off that others have left, held sets and state that goes: twice what it
 * was at most with all that is fed to it here, WEIR_TEST_LONG too. */
static const uint64_t steps_left_behind[FORMAT_COUNT + 1] = {
    [FORMAT_NETFLOW5] = 6000,
    [FORMAT_NETFLOW9] = 180000,
    [FORMAT_IPFIX] = 600000,
    [FORMAT_SFLOW5] = 35000,
};

static void on_record(void *owner, const struct flow_record *flow)
{
    struct probe *probe = owner;
    probe->given++;
    if (probe->kept_count < PROBE_KEPT)
        probe->kept[probe->kept_count++] = *flow;
}

static void on_late(void *owner, const struct flow_record *flow, uint64_t came_ms)
{
    struct probe *probe = owner;
    (void)came_ms;
    if (probe->late_count < PROBE_KEPT)
        probe->late[probe->late_count++] = *flow;
}

static void on_interface(void *owner, const struct decode_interface *interface)
{
    (void)owner;
    (void)interface;
}

struct probe *probe_new(uint32_t exporters)
{
    struct probe *probe = calloc(1, sizeof(*probe));
    if (probe == NULL)
        abort();
    probe->decode = decode_new(&(struct decode_limits){.exporters = exporters,
                                                       .held_bytes = PROBE_HELD,
                                                       .memory_bytes = PROBE_MEMORY},
                               1);
    if (probe->decode == NULL)
        abort();
    probe->file = "";
    probe->now_ms = 1;
    return probe;
}

void probe_free(struct probe *probe)
{
    decode_free(probe->decode);
    free(probe);
}

static uint64_t left_behind(const struct decode *decode)
{
    const struct decode_counters *c = decode_counters(decode);
    return c->held_decoded + c->held_dropped + c->evicted_exporters + c->evicted_domains +
           c->evicted_templates + c->restored_dropped;
}

/* As the decoder tells them apart. */
static unsigned int format_of(const struct decode_counters *before,
                              const struct decode_counters *now)
{
    unsigned int format = 0;
    while (format < FORMAT_COUNT && now->datagrams[format] == before->datagrams[format])
        format++;
    return format;
}

static void judge(struct probe *probe, unsigned int format, size_t len, uint64_t steps,
                  bool has_left)
{
    uint64_t most = steps_most(&steps_allowed[format], len, probe->given) +
                    (has_left ? steps_left_behind[format] : 0);
    if (has_left && steps > probe->steps_left_max[format])
        probe->steps_left_max[format] = steps;
    if (!has_left && len >= 100 && (double)steps / (double)len > probe->steps_max)
        probe->steps_max = (double)steps / (double)len;
    if (decode_memory(probe->decode) > probe->memory_max)
        probe->memory_max = decode_memory(probe->decode);
    if (steps <= most && probe->given <= 2 * len && probe->memory_max <= PROBE_MEMORY)
        return;
    printf("%s, datagram %llu of this run: %zu octets, %llu steps, %llu records, %zu octets of "
           "state\n",
           probe->file, (unsigned long long)probe->datagrams, len, (unsigned long long)steps,
           (unsigned long long)probe->given, decode_memory(probe->decode));
    probe->failed = true;
}

enum decode_reason probe_feed(struct probe *probe, const struct ip_addr *from, const uint8_t *bytes,
                              size_t len)
{
    struct decode_source source = {.addr = *from};
    struct decode_sink sink = {.on_record = on_record,
                               .on_discard = on_record,
                               .on_interface = on_interface,
                               .on_late = on_late,
                               .owner = probe};
    /* A block of its own, so that a read one octet past the end is seen. */
    uint8_t *copy = malloc(len > 0 ? len : 1);
    if (copy == NULL)
        abort();
    memcpy(copy, bytes, len);
    probe->kept_count = probe->late_count = probe->given = 0;
    struct decode_counters before = *decode_counters(probe->decode);
    uint64_t left = left_behind(probe->decode), steps = steps_now();
    enum decode_reason reason =
        decode_datagram(probe->decode, &source, copy, len, probe->now_ms, &sink);
    steps = steps_now() - steps;
    judge(probe, format_of(&before, decode_counters(probe->decode)), len, steps,
          left_behind(probe->decode) != left);
    free(copy);
    probe->datagrams++;
    probe->octets += len;
    probe->records += probe->given;
    return reason;
}

bool probe_report(const struct probe *probe, const char *what)
{
    printf("%s: %llu datagrams, %llu octets, %llu records, at most %zu octets of state and %.0f "
           "steps an octet\n",
           what, (unsigned long long)probe->datagrams, (unsigned long long)probe->octets,
           (unsigned long long)probe->records, probe->memory_max, probe->steps_max);
    for (unsigned int i = 0; i < FORMAT_COUNT; i++)
        if (probe->steps_left_max[i] > 0)
            printf("  %s: at most %llu steps where others had left something, of %llu\n",
                   flow_format_name((enum flow_format)i),
                   (unsigned long long)probe->steps_left_max[i],
                   (unsigned long long)steps_left_behind[i]);
    return !probe->failed && probe->datagrams > 0;
}

const char *probe_corpus(void)
{
    static char path[4000];
    char index[4100];
    const char *shared = getenv("WEIR_SHARED");
    snprintf(path, sizeof(path), "%s/corpus",
             shared != NULL ? shared : WEIR_SOURCE_DIR "/../shared");
    snprintf(index, sizeof(index), "%s/hostile/INDEX.tsv", path);
    FILE *file = fopen(index, "r");
    if (file == NULL) {
        printf("SKIPPED, NOTHING WAS TESTED: no corpus at %s (set WEIR_SHARED)\n", path);
        return NULL;
    }
    fclose(file);
    return path;
}

/* --- what is valid --- */

struct reading {
    probe_on_valid on_valid;
    void *owner;
    const char *file;
};

static void on_datagram(void *owner, const struct ip_addr *from, const uint8_t *bytes, size_t len)
{
    const struct reading *reading = owner;
    reading->on_valid(reading->owner, reading->file, from, bytes, len);
}

/* As tests/fuzz/datagrams.h has them. */
static bool read_sequence(const char *path, const struct reading *reading)
{
    static uint8_t bytes[65536];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    struct wire_reader r = wire_reader_of(bytes, fread(bytes, 1, sizeof(bytes), file));
    fclose(file);
    while (r.left > 3) {
        struct ip_addr from = addr_from_ipv4(0xc0000200U + (wire_u8(&r) & 3));
        size_t len = wire_u16(&r);
        struct wire_reader part = wire_sub(&r, len < r.left ? len : r.left);
        reading->on_valid(reading->owner, reading->file, &from, part.pos, part.left);
    }
    return true;
}

static bool read_all(const char *pattern, bool captures, struct reading *reading)
{
    glob_t found;
    bool good = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0;
    for (size_t i = 0; good && i < found.gl_pathc; i++) {
        reading->file = strrchr(found.gl_pathv[i], '/') + 1;
        good = captures ? capture_read(found.gl_pathv[i], on_datagram, reading) == STATUS_OK
                        : read_sequence(found.gl_pathv[i], reading);
        if (!good)
            printf("%s cannot be read\n", found.gl_pathv[i]);
    }
    globfree(&found);
    return good;
}

bool probe_all_valid(const char *corpus, probe_on_valid on_valid, void *owner)
{
    static const char *const formats[] = {"netflow5", "netflow9", "ipfix", "sflow"};
    struct reading reading = {.on_valid = on_valid, .owner = owner};
    char pattern[4200];
    snprintf(pattern, sizeof(pattern), "%s/open/*/*.pcap", corpus);
    bool good = read_all(pattern, true, &reading);
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        snprintf(pattern, sizeof(pattern), "%s/tests/vectors/fuzz/%s/*", WEIR_SOURCE_DIR,
                 formats[i]);
        good = read_all(pattern, false, &reading) && good;
    }
    return good;
}
