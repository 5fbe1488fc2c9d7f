#include "collector/archive/writer.h"
#include "collector/decode/decode.h"
#include "ctl/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * archive_of FOLDER FILE…: what captures of export datagrams hold, as the archive's thread writes
 * it, without a collector in between: time is the capture's.
 */
struct run {
    struct decode *decode;
    struct writer *writer;
    struct ip_addr exporter;
    uint64_t now_ms, given;
};

static void on_record(void *owner, const struct flow_record *flow)
{
    struct run *run = owner;
    struct archive_item item = {.flow = *flow, .exporter = run->exporter, .came_ms = run->now_ms};
    writer_add(run->writer, &item, run->now_ms);
    run->given++;
}

static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct run *run = owner;
    struct decode_source source = {.addr = datagram->from.addr};
    struct decode_sink sink = {.on_record = on_record, .owner = run};
    if (datagram->time_us / 1000 > run->now_ms)
        run->now_ms = datagram->time_us / 1000;
    run->exporter = source.addr;
    (void)decode_datagram(run->decode, &source, datagram->bytes, datagram->len, run->now_ms, &sink);
    return true;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    struct capture_counts counts;
    struct text why;
    struct writer_settings settings = {
        .limits = {.max_size_bytes = UINT64_C(1) << 40, .max_age_ms = UINT64_C(1) << 50},
        .file_ms = 300000};
    enum status status = STATUS_OK;
    text_init(&why, 0);
    if (argc < 3 || writer_new(&run.writer, "test") != STATUS_OK)
        return EXIT_FAILURE;
    (void)snprintf(settings.limits.dir, sizeof(settings.limits.dir), "%s", argv[1]);
    writer_set(run.writer, &settings, 0);
    for (int i = 2; status == STATUS_OK && i < argc; i++) {
        run.decode = decode_new(&(struct decode_limits){0}, 1);
        if (run.decode == NULL)
            return EXIT_FAILURE;
        status = capture_read(argv[i], on_datagram, &run, &counts, &why);
        decode_free(run.decode);
    }
    writer_end(run.writer, run.now_ms);
    const struct writer_counters *c = writer_counters(run.writer);
    printf("%llu given, %llu written, %llu files\n", (unsigned long long)run.given,
           (unsigned long long)c->records, (unsigned long long)c->files);
    if (status != STATUS_OK || c->errors > 0)
        fprintf(stderr, "%s%s\n", text_str(&why), writer_error(run.writer));
    bool whole = status == STATUS_OK && c->errors == 0 && c->records == run.given;
    writer_free(run.writer);
    text_done(&why);
    return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}
