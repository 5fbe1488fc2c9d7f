#include "common/service/config_reference.h"

#include "common/service/config_read.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { SECTIONS_MAX = 64, WANT_MAX = 300, PATH_MAX_LEN = 200 };

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "Every key of `weir.yaml`. One file serves all processes; each reads its part. It is YAML "
    "without tags, anchors and tabs.\n"
    "An unknown key, a wrong type and a missing unit are errors with line and column; `weir check` "
    "says all of them at once.\n"
    "`SIGHUP` reads the file again; an invalid one changes nothing, and a key that only a restart "
    "can change is named in the log.\n"
    "\n"
    "| quantity | is written |\n"
    "|---|---|\n"
    "| rate | `10Mbps`, `1.5Gbps`; in octets `125MB/s`. Thresholds also take `1G` (bits a second) "
    "|\n"
    "| count | `300k`, `1.5M`, `2G`, or all its digits |\n"
    "| size | `32MiB`, `512KiB`, `64B` |\n"
    "| duration | `100ms`, `5s`, `10m`, `4h`, `7d` |\n"
    "| share | `80%` |\n"
    "| name | 1 to 64 of `a-z 0-9 . _ -` |\n"
    "\n"
    "The components of `match` are those of RFC 8955 and 8956: `destination source protocol port "
    "destination_port source_port icmp_type\n"
    "icmp_code tcp_flags packet_length dscp fragment flow_label`; `infer` takes the value from the "
    "alarm. Quote `\"!tcp\"`, `\">=500\"` and\n"
    "an IPv6 address that ends in `::`.\n"
    "\n"
    "What this version knows by name and does not do yet is marked *later*: only its default is "
    "taken, anything else is refused as\n"
    "`not available yet`.\n"
    "\n"
    "This file is written by `weir check --reference`, from the tables that the reader goes by.\n";

struct place {
    const struct config_section *section;
    char path[PATH_MAX_LEN]; /* "policies[].thresholds[]", "" for the whole file */
};

struct reference {
    struct text *out;
    struct config_arena *arena;
    struct place places[SECTIONS_MAX]; /* a section that several keys have is written once */
    size_t place_count;
};

/* --- asking the readers -------------------------------------------------------------------------
 */

/* As a value in a map each has a key. */
static const struct config_node word = {.kind = NODE_SCALAR, .text = "?"};
static const struct config_node empty_map = {.kind = NODE_MAP, .key = &word};
static const struct config_node empty_list = {.kind = NODE_LIST, .key = &word};
static const struct config_node list_of_map = {
    .kind = NODE_LIST,
    .key = &word,
    .first = &(struct config_node){.kind = NODE_MAP, .key = &word},
    .count = 1};
static const struct config_node list_of_word = {
    .kind = NODE_LIST,
    .key = &word,
    .first = &(struct config_node){.kind = NODE_SCALAR, .text = "?"},
    .count = 1};
static const struct config_node named_map = {
    .kind = NODE_MAP,
    .key = &word,
    .first = &(struct config_node){.kind = NODE_MAP, .key = &word},
    .count = 1};

/* Hands the reader of a key this node. Gives the section that it came to, or NULL, and in ret_want
 * what it expected instead, or "". */
static const struct config_section *ask(struct reference *ref, const struct config_key *key,
                                        const struct config_node *node, char ret_want[WANT_MAX])
{
    static const char before[] = ", expected ";
    struct config_errors errors;
    const struct config_section *met = NULL;
    void *value = arena_take(ref->arena, sizeof(struct config));
    struct config *config = arena_take(ref->arena, sizeof(*config));
    ret_want[0] = '\0';
    if (value == NULL || config == NULL)
        return NULL;
    config_errors_init(&errors, "");
    struct config_read r = {.config = config,
                            .arena = ref->arena,
                            .errors = &errors,
                            .root = node,
                            .folder = "",
                            .ret_met = &met};
    (void)key->read(&r, key, node, value);
    const char *want = strstr(text_str(&errors.lines), before);
    if (want != NULL) {
        want += strlen(before);
        (void)snprintf(ret_want, WANT_MAX, "%.*s", (int)strcspn(want, "\n"), want);
    }
    config_errors_done(&errors);
    return met;
}

enum shape { SHAPE_VALUE, SHAPE_GROUP, SHAPE_LIST, SHAPE_NAMED };

/* What is inside a key: nothing, a section, a list of it, or one under each name. */
static enum shape shape_of(struct reference *ref, const struct config_key *key,
                           const struct config_section **ret_section)
{
    static const struct {
        enum shape shape;
        const struct config_node *node;
    } tries[] = {{SHAPE_GROUP, &empty_map}, {SHAPE_LIST, &list_of_map}, {SHAPE_NAMED, &named_map}};
    char want[WANT_MAX];
    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        *ret_section = ask(ref, key, tries[i].node, want);
        if (*ret_section != NULL)
            return tries[i].shape;
    }
    return SHAPE_VALUE;
}

/* --- writing ------------------------------------------------------------------------------------
 */

static bool is_later(const struct config_key *key)
{
    return (key->flags & CONFIG_LATER) != 0 || key->read == read_switched_off;
}

static void add_cell(struct reference *ref, const char *text)
{
    for (; *text != '\0'; text++)
        text_addf(ref->out, strchr("|<*", *text) != NULL ? "\\%c" : "%c", *text);
}

/* "1 to 64 of: an address and a port …". */
static void add_list(struct reference *ref, const struct config_key *key, const char *want)
{
    char item_want[WANT_MAX];
    const struct config_list *list = key->detail;
    if (key->read == read_list) {
        struct config_key item = list->item;
        item.name = key->name;
        (void)ask(ref, &item, &empty_map, item_want);
        if (list->least == list->most)
            text_addf(ref->out, "a list of %zu: ", list->least);
        else
            text_addf(ref->out, "a list of %zu to %zu: ", list->least, list->most);
        add_cell(ref, item_want);
        return;
    }
    add_cell(ref, want);
}

static void add_value(struct reference *ref, const struct config_key *key, enum shape shape)
{
    static const struct config_node *const fields[] = {&named_map, &list_of_word};
    static const char one_of[] = "one of ";
    char want[WANT_MAX], more[WANT_MAX];
    if (shape == SHAPE_GROUP) {
        /* Some take a plain value instead of the group. */
        (void)ask(ref, key, &empty_list, want);
        bool only = want[0] == '\0' || strstr(want, "as a group of keys") != NULL;
        add_cell(ref, only ? "a group" : want);
        return;
    }
    if (shape == SHAPE_LIST) {
        text_add(ref->out, "a list of groups");
        return;
    }
    (void)ask(ref, key, &empty_map, want);
    if (want[0] == '\0')
        (void)ask(ref, key, &empty_list, want);
    add_list(ref, key, want);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        (void)ask(ref, key, fields[i], more);
        if (strncmp(more, one_of, strlen(one_of)) == 0) {
            text_add(ref->out, "; ");
            add_cell(ref, more);
            return;
        }
    }
}

static void add_default(struct reference *ref, const struct config_key *key)
{
    if ((key->flags & CONFIG_REQUIRED) != 0)
        text_add(ref->out, "**required**");
    else if (key->fallback != NULL && strcmp(key->fallback, "{}") != 0) {
        text_add(ref->out, "`");
        add_cell(ref, key->fallback);
        text_add(ref->out, "`");
    }
}

static const char *place_of(const struct reference *ref, const struct config_section *section)
{
    for (size_t i = 0; i < ref->place_count; i++)
        if (ref->places[i].section == section)
            return ref->places[i].path;
    return NULL;
}

/* Gives a section that is met for the first time its place. */
static const char *add_place(struct reference *ref, const struct config_section *section,
                             const char *above, const char *name, enum shape shape)
{
    static const char *const suffixes[] = {
        [SHAPE_VALUE] = "", [SHAPE_GROUP] = "", [SHAPE_LIST] = "[]", [SHAPE_NAMED] = ".NAME"};
    assert(ref->place_count < SECTIONS_MAX);
    struct place *place = &ref->places[ref->place_count++];
    place->section = section;
    (void)snprintf(place->path, sizeof(place->path), "%s%s%s%s", above, *above == '\0' ? "" : ".",
                   name, suffixes[shape]);
    return place->path;
}

static void add_key(struct reference *ref, const struct config_key *key, const char *path)
{
    const struct config_section *inside = NULL;
    enum shape shape = shape_of(ref, key, &inside);
    text_addf(ref->out, "| `%s` | ", key->name);
    if (key->read == read_switched_off) {
        text_add(ref->out, "`{enabled: false}`");
    } else if (!is_later(key)) {
        add_value(ref, key, shape);
        const char *at = inside == NULL ? NULL : place_of(ref, inside);
        if (at == NULL && inside != NULL)
            at = add_place(ref, inside, path, key->name, shape);
        if (at != NULL)
            text_addf(ref->out, ", see `%s`", at);
    }
    text_add(ref->out, " | ");
    add_default(ref, key);
    text_add(ref->out, is_later(key) ? " | *later:* " : " | ");
    add_cell(ref, key->about);
    text_add(ref->out, " |\n");
}

/* The table of a section, and below it those of the sections that were met in it. */
static void add_section(struct reference *ref, const struct config_section *section,
                        const char *path)
{
    size_t first = ref->place_count;
    if (path[0] == '\0')
        text_add(ref->out, "\n## The file\n");
    else
        text_addf(ref->out, "\n## `%s`\n", path);
    text_add(ref->out, "\n| key | value | default | what it is |\n|---|---|---|---|\n");
    for (size_t i = 0; i < section->key_count; i++)
        add_key(ref, &section->keys[i], path);
    size_t end = ref->place_count;
    for (size_t i = first; i < end; i++)
        add_section(ref, ref->places[i].section, ref->places[i].path);
}

void config_reference(struct text *out)
{
    struct reference ref = {.out = out, .arena = arena_new()};
    text_add(out, introduction);
    if (ref.arena != NULL)
        add_section(&ref, &house_section, "");
    if (ref.arena == NULL || arena_failed(ref.arena))
        out->failed = true;
    arena_free(ref.arena);
}
