/*
 * Feeds each file of the hostile corpus to a decoder of its own, prints a line of what came of it,
 * and compares that with what INDEX.tsv says of the file; then all of them, twice, to one decoder
 * that lives on.
 */
#include "tests/vectors/probe.h"

#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77, DATAGRAM_MAX = 65535, LINE_MAX = 1000 };

/* What a file's line asks, by the begin of its note and, where that is not enough, of its name. */
static const struct {
    const char *note, *what;
    bool accepted, refused; /* the whole of it, or a part */
    enum decode_reason reason;
    uint64_t records_min, records_max;
} rules[] = {
    {"reject or partial", "generic-", .refused = true},
    {"reject or partial", "version-", .refused = true},
    {"reject or partial", "trunc-", .records_max = 100},
    {"reject or partial", "bytes-changed-", .records_max = 100},
    {"reject or partial", "", .records_max = 1000},
    {"count 0/1", "count-0", .accepted = true},
    {"count 0/1", "count-1", .accepted = true, .records_min = 1, .records_max = 1},
    {"count 0/1", "", .refused = true, .records_max = 29},
    {"valid: 1 record", "", .accepted = true, .records_min = 1, .records_max = 1},
    {"valid, no effect", "", .accepted = true},
    {"valid", "", .accepted = true, .records_max = 100},
    {"1 record + 3 padding", "", .accepted = true, .records_min = 1, .records_max = 1},
    {"1300 records of one empty string", "", .accepted = true, .records_min = 1300,
     .records_max = 1300},
    {"len0, len255-0, len255-254, len5-exact are valid", "varlen-len0", .accepted = true,
     .records_min = 1, .records_max = 1},
    {"len0, len255-0, len255-254, len5-exact are valid", "varlen-len255-0", .accepted = true,
     .records_min = 1, .records_max = 1},
    {"len0, len255-0, len255-254, len5-exact are valid", "varlen-len255-254", .accepted = true,
     .records_min = 1, .records_max = 1},
    {"len0, len255-0, len255-254, len5-exact are valid", "varlen-len5-exact", .accepted = true,
     .records_min = 1, .records_max = 1},
    {"len0, len255-0, len255-254, len5-exact are valid", "", .refused = true},
    {"data set after withdrawal", "", .refused = true, .reason = DECODE_NO_TEMPLATE},
    {"", "", .records_max = 65507}, /* no crash, and the bounds that hold for all */
};
enum { RULES = sizeof(rules) / sizeof(rules[0]) };

/* A rule's name that ends in a hyphen is the begin of several. */
static bool is_named(const char *what, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || name[len - 1] == '-')
        return strncmp(what, name, len) == 0;
    return strcmp(what, name) == 0;
}

static size_t rule_for(const char *what, const char *note)
{
    size_t i = 0;
    while (strncmp(note, rules[i].note, strlen(rules[i].note)) != 0 ||
           !is_named(what, rules[i].what))
        i++;
    return i;
}

static bool fits(size_t rule, enum decode_reason reason, uint64_t records)
{
    if ((rules[rule].accepted && reason != DECODE_OK) ||
        (rules[rule].refused && reason == DECODE_OK))
        return false;
    if (rules[rule].reason != DECODE_OK && reason != rules[rule].reason)
        return false;
    return records >= rules[rule].records_min && records <= rules[rule].records_max;
}

struct file {
    char name[100], what[100], note[200];
    uint8_t bytes[DATAGRAM_MAX];
    size_t len;
};

/* file, bytes, derived_from, what, note */
static bool read_line(char *line, const char *corpus, struct file *file)
{
    char path[4200];
    char *save = NULL, *columns[5];
    for (size_t i = 0; i < 5; i++)
        columns[i] = strtok_r(i == 0 ? line : NULL, "\t\n", &save);
    if (columns[4] == NULL)
        return false;
    snprintf(file->name, sizeof(file->name), "%s", columns[0]);
    snprintf(file->what, sizeof(file->what), "%s", columns[3]);
    snprintf(file->note, sizeof(file->note), "%s", columns[4]);
    snprintf(path, sizeof(path), "%s/hostile/%s", corpus, file->name);
    FILE *from = fopen(path, "rb");
    if (from == NULL)
        return false;
    file->len = fread(file->bytes, 1, sizeof(file->bytes), from);
    fclose(from);
    return file->len == strtoul(columns[1], NULL, 10);
}

static bool run_alone(struct file *file)
{
    struct ip_addr from = addr_from_ipv4(0xc0000201);
    struct probe *probe = probe_new(1000);
    probe->file = file->name;
    enum decode_reason reason = probe_feed(probe, &from, file->bytes, file->len);
    bool good = fits(rule_for(file->what, file->note), reason, probe->given) && !probe->failed;
    printf("%-5s %-48s %-15s %5llu records  (%s)\n", good ? "good" : "WRONG", file->name,
           decode_reason_name(reason), (unsigned long long)probe->given, file->note);
    probe_free(probe);
    return good;
}

/* alone: each file for itself; else all to that one. */
static bool run_all(const char *corpus, struct probe *together, size_t *ret_files)
{
    char path[4200], line[LINE_MAX];
    struct ip_addr from = addr_from_ipv4(0xc0000201);
    struct file *file = calloc(1, sizeof(*file));
    bool good = file != NULL;
    snprintf(path, sizeof(path), "%s/hostile/INDEX.tsv", corpus);
    FILE *index = fopen(path, "r");
    if (!good || index == NULL || fgets(line, sizeof(line), index) == NULL) /* the columns' names */
        abort();
    while (fgets(line, sizeof(line), index) != NULL) {
        if (!read_line(line, corpus, file)) {
            printf("WRONG line or file: %s\n", line);
            good = false;
        } else if (together != NULL) {
            together->file = file->name;
            probe_feed(together, &from, file->bytes, file->len);
        } else {
            good = run_alone(file) && good;
        }
        *ret_files += 1;
    }
    fclose(index);
    free(file);
    return good;
}

int main(void)
{
    size_t files = 0;
    const char *corpus = probe_corpus();
    if (corpus == NULL)
        return EXIT_SKIPPED;
    bool good = run_all(corpus, NULL, &files);
    struct probe *probe = probe_new(1000);
    for (int turn = 0; turn < 2; turn++) /* again, now with the state they left */
        good = run_all(corpus, probe, &files) && good;
    good = probe_report(probe, "all of them, twice") && good;
    probe_free(probe);
    printf("%zu files%s\n", files / 3, good ? "" : ": NOT ALL AS INDEX.tsv SAYS");
    return good && files > 0 ? 0 : 1;
}
