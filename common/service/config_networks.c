#include "common/service/config_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Named sets of prefixes, and files of prefixes: one a line, # starts a comment. */

enum { NETWORKS_MAX = 10000, PREFIXES_MAX = 1000 * 1000, FILE_MAX_BYTES = 64 << 20 };

static const struct config_list prefix_list = {
    {.read = read_prefix}, sizeof(struct ip_prefix), 0, PREFIXES_MAX, "a list of prefixes", false};

bool read_prefixes(struct config_read *r, const struct config_key *key,
                   const struct config_node *node, void *ret_value)
{
    struct config_key list_key = *key;
    list_key.detail = &prefix_list;
    if (read_list(r, &list_key, node, ret_value))
        return true;
    /* Judges go on with those that could be read. */
    struct config_prefixes prefixes;
    memcpy(&prefixes, ret_value, sizeof(prefixes));
    size_t good = 0;
    for (size_t i = 0; i < prefixes.count; i++)
        if (prefixes.items[i].addr.family != ADDR_NONE)
            prefixes.items[good++] = prefixes.items[i];
    prefixes.count = good;
    memcpy(ret_value, &prefixes, sizeof(prefixes));
    return false;
}

/* --- files -------------------------------------------------------------------------------------
 */

struct prefix_file {
    struct config_read *r;
    const struct config_node *node; /* the value of `file` */
    char *path;
    char *bytes; /* of the heap */
    size_t len;
};

/* A pipe or a device could keep us waiting, or never end. */
static FILE *open_regular(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        (void)close(fd);
        errno = EINVAL;
        return NULL;
    }
    return fdopen(fd, "r");
}

static bool load_file(struct prefix_file *f)
{
    FILE *in = open_regular(f->path);
    if (in == NULL) {
        config_error(f->r->errors, f->node->pos,
                     "file: cannot open %s (%s), expected a file of prefixes", f->path,
                     strerror(errno));
        return false;
    }
    struct text content;
    text_init(&content, FILE_MAX_BYTES);
    char chunk[65536];
    size_t n;
    while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0 && !content.failed)
        text_add_bytes(&content, chunk, n);
    bool ok = ferror(in) == 0 && !content.failed;
    if (!ok)
        config_error(f->r->errors, f->node->pos,
                     "file: cannot read %s, expected a file of at most %d MiB", f->path,
                     FILE_MAX_BYTES >> 20);
    (void)fclose(in);
    if (ok) {
        f->bytes = content.at; /* NULL when the file is empty */
        f->len = content.len;
    } else {
        text_done(&content);
    }
    return ok;
}

/* One line without its comment and the space around it. */
static bool read_line(struct prefix_file *f, const char *line, size_t len, uint32_t number,
                      struct ip_prefix *ret_prefix, bool *ret_empty)
{
    char word[PREFIX_TEXT_MAX + 1];
    const char *comment = memchr(line, '#', len);
    size_t end = comment == NULL ? len : (size_t)(comment - line), start = 0;
    while (start < end && (line[start] == ' ' || line[start] == '\t'))
        start++;
    while (end > start && (line[end - 1] == ' ' || line[end - 1] == '\t' || line[end - 1] == '\r'))
        end--;
    *ret_empty = start == end;
    if (*ret_empty)
        return true;
    size_t word_len = end - start < sizeof(word) ? end - start : sizeof(word) - 1;
    memcpy(word, line + start, word_len);
    word[word_len] = '\0';
    if (word_len == end - start && strlen(word) == word_len &&
        prefix_parse(ret_prefix, word) == STATUS_OK)
        return true;
    for (size_t i = 0; i < word_len; i++)
        if ((unsigned char)word[i] < 0x20 || (unsigned char)word[i] >= 0x7f)
            word[i] = '?';
    config_error_in(f->r->errors, f->node->pos, f->path,
                    (struct config_pos){number, (uint32_t)start + 1},
                    "\"%s\", expected one prefix a line, no bits set behind its length", word);
    return false;
}

static bool read_file(struct config_read *r, const struct config_node *node,
                      struct config_prefixes *ret_prefixes)
{
    struct prefix_file f = {.r = r, .node = node};
    f.path = node->text[0] == '/' ? arena_copy(r->arena, node->text, strlen(node->text))
                                  : arena_format(r->arena, "%s%s", r->folder, node->text);
    if (f.path == NULL || !load_file(&f))
        return false;
    size_t lines = 1;
    for (size_t i = 0; i < f.len; i++)
        lines += f.bytes[i] == '\n';
    struct config_prefixes prefixes = {arena_take_many(r->arena, lines, sizeof(struct ip_prefix)),
                                       0};
    bool ok = prefixes.items != NULL && lines <= PREFIXES_MAX;
    if (lines > PREFIXES_MAX)
        config_error(r->errors, node->pos, "file: %s has more lines, expected at most %d", f.path,
                     PREFIXES_MAX);
    uint32_t number = 1;
    for (size_t at = 0; at < f.len && prefixes.items != NULL && lines <= PREFIXES_MAX; number++) {
        const char *newline = memchr(f.bytes + at, '\n', f.len - at);
        size_t end = newline == NULL ? f.len : (size_t)(newline - f.bytes);
        bool empty = false;
        if (!read_line(&f, f.bytes + at, end - at, number, &prefixes.items[prefixes.count], &empty))
            ok = false;
        else if (!empty)
            prefixes.count++;
        at = end + 1;
    }
    free(f.bytes);
    *ret_prefixes = prefixes;
    return ok;
}

/* --- networks ----------------------------------------------------------------------------------
 */

static bool read_prefix_file(struct config_read *r, const struct config_key *key,
                             const struct config_node *node, void *ret_value)
{
    const char *path = NULL;
    return read_path_part(r, key, node, &path) && read_file(r, node, ret_value);
}

#define AT(member) offsetof(struct config_network, member)
static const struct config_key network_keys[] = {
    {"prefixes", read_prefixes,
     CONFIG_ARRAY_AT(struct config_network, prefixes.items, prefixes.count), NULL, NULL,
     "its prefixes", 0},
    {"file", read_prefix_file, AT(prefixes), NULL, NULL,
     "a file of prefixes, one a line; read again on reload", 0},
    {"ours", read_bool, AT(ours), NULL, "true",
     "false: not only ours (multi-homed customers), so a blackhole needs approval", 0},
};
#undef AT

static void finish_network(struct config_read *r, const struct config_node *node, void *value)
{
    (void)value;
    bool prefixes = node_child(node, "prefixes") != NULL, file = node_child(node, "file") != NULL;
    if (prefixes == file && !r->partial)
        config_error(r->errors, node->pos, "a network with %s, expected either prefixes or file",
                     prefixes ? "prefixes and file" : "neither prefixes nor file");
}

static const struct config_section network_section = {
    "a network", CONFIG_KEYS(network_keys), sizeof(struct config_network),
    offsetof(struct config_network, pos), finish_network};

static bool read_network(struct config_read *r, const struct config_key *key,
                         const struct config_node *node, void *ret_value)
{
    struct config_network *network = ret_value;
    struct config_key as = *key;
    network->ours = true;
    network->pos = node->key->pos;
    as.name = node->key->text;
    if (!config_is_name(as.name))
        config_error(r->errors, node->key->pos,
                     "network \"%.60s\", expected a name of 1 to 64 of a-z 0-9 . _ -", as.name);
    else
        network->name = as.name;
    if (node->kind != NODE_MAP)
        return read_prefixes(r, &as, node, &network->prefixes);
    as.detail = &network_section;
    /* An unquoted address that ends in "::" makes a group of what was meant as a list. */
    if (node->first != NULL && strchr(node->first->key->text, ':') != NULL)
        return config_wrong_address(r, &as, node, "a list of prefixes");
    bool ok = read_section(r, &as, node, network);
    network->pos = node->key->pos;
    return ok;
}

static bool read_names(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP)
        return config_wrong(r, key, node, "names with lists of prefixes");
    config_meet(r, node);
    if (node->count > NETWORKS_MAX) {
        config_error(r->errors, node->pos, "networks: %zu names, expected at most %d", node->count,
                     NETWORKS_MAX);
        return false;
    }
    struct config_array array = {
        arena_take_many(r->arena, node->count, sizeof(struct config_network)), node->count};
    if (array.items == NULL)
        return false;
    struct config_network *at = array.items;
    const struct config_node *n = node->first;
    for (; n != NULL && !config_gave_up(r); n = n->next)
        (void)read_network(r, key, n, at++);
    memcpy(ret_value, &array, sizeof(array));
    return true;
}

bool read_networks(struct config_read *r, const struct config_key *key,
                   const struct config_node *node, void *ret_value)
{
    size_t before = config_faults(r);
    bool ok = read_names(r, key, node, ret_value);
    r->config->networks_flawed = config_faults(r) != before;
    return ok;
}
