/*
 * Decodes every capture of the open corpus and compares each record with what independent decoders
 * read there, as the corpus's FORMAT.md says. Prints a line a file. A strict file that disagrees
 * fails the test unless corpus_open_pending.txt names it with the reason; one that is named there
 * and agrees fails too, so that the list cannot go stale.
 */
#include "collector/decode/decode.h"
#include "tests/vectors/capture.h"
#include "tests/vectors/compare.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77, RECORDS_MAX = 10000, SHOWN_MAX = 5 };

struct run {
    struct decode *decode;
    struct ip_addr exporter;
    size_t datagram, count;
    struct vector_record *records; /* RECORDS_MAX */
};

static void on_record(void *owner, const struct flow_record *flow)
{
    struct run *run = owner;
    if (run->count < RECORDS_MAX)
        run->records[run->count++] = (struct vector_record){
            .flow = *flow, .exporter = run->exporter, .datagram = run->datagram};
}

static void on_datagram(void *owner, const struct ip_addr *from, const uint8_t *bytes, size_t len)
{
    struct run *run = owner;
    struct decode_source source = {.addr = *from};
    struct decode_sink sink = {.on_record = on_record, .owner = run};
    run->exporter = *from;
    decode_datagram(run->decode, &source, bytes, len, run->datagram, &sink);
    run->datagram++;
}

static bool is_pending(const char *name)
{
    char line[512];
    bool found = false;
    FILE *file = fopen(WEIR_SOURCE_DIR "/tests/vectors/corpus_open_pending.txt", "r");
    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
        found = line[0] != '#' && strncmp(line, name, strlen(name)) == 0 &&
                strchr(" \t", line[strlen(name)]) != NULL;
    if (file != NULL)
        fclose(file);
    return found;
}

static bool is_strict(const char *stem)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s.meta.json", stem);
    json_t *meta = json_load_file(path, 0, NULL);
    bool strict = !json_is_false(json_object_get(meta, "strict"));
    json_decref(meta);
    return strict;
}

static const struct vector_record *next_forward(const struct run *run, size_t *at,
                                                const struct vector_record **ret_back)
{
    while (*at < run->count && run->records[*at].flow.reverse)
        (*at)++;
    if (*at >= run->count)
        return NULL;
    const struct vector_record *record = &run->records[(*at)++];
    *ret_back = *at < run->count && run->records[*at].flow.reverse ? record + 1 : NULL;
    return record;
}

/* Gives the number of differences, and says the first ones. */
static size_t compare_file(const struct run *run, const char *stem, size_t *ret_lines,
                           size_t *ret_keys)
{
    char path[4096], line[65536];
    size_t differences = 0, at = 0;
    snprintf(path, sizeof(path), "%s.expected.jsonl", stem);
    FILE *file = fopen(path, "r");
    *ret_lines = *ret_keys = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        const struct vector_record *back = NULL, *got = next_forward(run, &at, &back);
        struct text text;
        json_t *want = json_loads(line, 0, NULL);
        text_init(&text, 0);
        if (got == NULL)
            text_add(&text, " record missing");
        else
            *ret_keys += vector_compare(got, back, want, &text);
        if (text.len > 0 && differences++ < SHOWN_MAX)
            printf("    line %zu:%s\n", *ret_lines + 1, text_str(&text));
        (*ret_lines)++;
        text_done(&text);
        json_decref(want);
    }
    const struct vector_record *back;
    size_t extra = 0;
    while (next_forward(run, &at, &back) != NULL)
        extra++;
    if (extra > 0)
        printf("    %zu records more than expected\n", extra);
    if (file != NULL)
        fclose(file);
    return differences + extra;
}

static bool check_file(const char *path, const char *root, struct run *run)
{
    char stem[4096];
    size_t lines, keys;
    snprintf(stem, sizeof(stem), "%.*s", (int)(strlen(path) - strlen(".pcap")), path);
    const char *name = stem + strlen(root) + 1;

    run->datagram = run->count = 0;
    run->decode = decode_new(&(struct decode_limits){0}, 1);
    enum status read = capture_read(path, on_datagram, run);
    size_t differences = compare_file(run, stem, &lines, &keys);
    bool strict = is_strict(stem), pending = is_pending(name);
    bool agrees = read == STATUS_OK && differences == 0;
    bool good = !strict || agrees != pending;
    printf("%-10s %-45s %3zu datagrams %5zu records %6zu keys %5zu differences%s\n",
           !strict   ? "survived"
           : !good   ? "FAILED"
           : pending ? "pending"
                     : "agrees",
           name, run->datagram, run->count, keys, differences,
           pending && agrees ? " (named as pending, yet agrees)" : "");
    decode_free(run->decode);
    return good;
}

int main(void)
{
    const char *shared = getenv("WEIR_SHARED");
    char root[2048], pattern[2100];
    glob_t found;
    snprintf(root, sizeof(root), "%s/corpus/open",
             shared != NULL ? shared : WEIR_SOURCE_DIR "/../shared");
    snprintf(pattern, sizeof(pattern), "%s/*/*.pcap", root);
    if (glob(pattern, 0, NULL, &found) != 0) {
        printf("SKIPPED, NOTHING WAS TESTED: no captures at %s (set WEIR_SHARED)\n", pattern);
        return EXIT_SKIPPED;
    }
    struct run run = {.records = calloc(RECORDS_MAX, sizeof(*run.records))};
    size_t failed = 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        failed += !check_file(found.gl_pathv[i], root, &run);
    printf("%zu files, %zu failed\n", found.gl_pathc, failed);
    globfree(&found);
    free(run.records);
    return failed == 0 ? 0 : 1;
}
