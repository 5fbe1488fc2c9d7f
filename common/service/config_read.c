#include "common/service/config_read.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    SHOWN_MAX = 60,
    NAME_LEN_MAX = 64,
    KEYS_MAX = 64,
    NEAR_MAX = 3,
    LATER_SIZE_MAX = 128,
    FREE_KEYS_MAX = 1000
};

static void describe(const struct config_node *node, char *buf, size_t size)
{
    if (node->kind == NODE_LIST)
        (void)snprintf(buf, size, "a list");
    else if (node->kind == NODE_MAP)
        (void)snprintf(buf, size, "a group of keys");
    else if (node->text[0] == '\0' && !node->quoted)
        (void)snprintf(buf, size, "nothing");
    else
        (void)snprintf(buf, size, "\"%.*s\"", SHOWN_MAX, node->text);
}

bool config_wrong(struct config_read *r, const struct config_key *key,
                  const struct config_node *node, const char *want)
{
    char shown[SHOWN_MAX + 8];
    if (node->kind == NODE_WRONG || node->cut) {
        r->unsaid++;
        return false;
    }
    describe(node, shown, sizeof(shown));
    config_error(r->errors, node->pos, "%s: %s, expected %s", key->name, shown, want);
    return false;
}

bool config_wrong_address(struct config_read *r, const struct config_key *key,
                          const struct config_node *node, const char *want)
{
    /* YAML makes {"2001:db8:": nothing} of an unquoted address that ends in "::". */
    if (node->kind == NODE_MAP && node->first != NULL && !node->first->key->quoted &&
        (strchr(node->first->key->text, ':') != NULL || node->first->key->text[0] == '\0')) {
        config_error(r->errors, node->pos,
                     "%s: YAML takes the last colon of %.*s: for its own, expected %s: quote it",
                     key->name, SHOWN_MAX, node->first->key->text, want);
        return false;
    }
    return config_wrong(r, key, node, want);
}

void config_not_yet(struct config_read *r, struct config_pos pos, const char *what)
{
    config_error(r->errors, pos, "%s: not available yet", what);
}

size_t config_faults(const struct config_read *r)
{
    return r->errors->count + r->unsaid;
}

void config_meet(struct config_read *r, const struct config_node *node)
{
    r->unsaid += node->cut;
}

bool config_shows_all(const struct config_read *r, const struct config_node *node)
{
    if (node == NULL)
        return !r->partial;
    return (node->kind == NODE_MAP || node->kind == NODE_LIST) && !node->cut;
}

bool config_gave_up(const struct config_read *r)
{
    return r->errors->count > CONFIG_ERRORS_MAX || arena_failed(r->arena);
}

bool config_is_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return len >= 1 && len <= NAME_LEN_MAX && text[len] == '\0';
}

void config_refer(struct config_read *r, enum config_kind kind, const struct config_key *key,
                  const struct config_node *node, size_t *ret_index)
{
    struct config_reference *reference = arena_take(r->arena, sizeof(*reference));
    if (ret_index != NULL)
        *ret_index = CONFIG_UNKNOWN;
    if (reference == NULL)
        return;
    *reference =
        (struct config_reference){kind, key->name, node->text, node->pos, ret_index, r->references};
    r->references = reference;
}

/* Changes of one letter that lead from a to b (Levenshtein); b is at most NAME_LEN_MAX long. */
static unsigned int distance(const char *a, const char *b)
{
    unsigned int row[NAME_LEN_MAX + 1];
    size_t b_len = strlen(b);
    for (unsigned int j = 0; j <= b_len; j++)
        row[j] = j;
    for (unsigned int i = 1; a[i - 1] != '\0'; i++) {
        unsigned int diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned int least = diagonal + (a[i - 1] != b[j - 1]);
            least = least < row[j] + 1 ? least : row[j] + 1;
            least = least < row[j - 1] + 1 ? least : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = least;
        }
    }
    return row[b_len];
}

const char *config_nearest(const char *name, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned int best_distance = NEAR_MAX;
    if (strlen(name) > NAME_LEN_MAX)
        return NULL;
    for (size_t i = 0; i < count && names[i] != NULL; i++) {
        if (strlen(names[i]) > NAME_LEN_MAX)
            continue;
        unsigned int d = distance(name, names[i]);
        /* A word of three letters is not meant by another word of three letters. */
        if (d < best_distance && d < strlen(names[i])) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

static void say_repeated(struct config_read *r, const struct config_node *key,
                         const struct config_node *first)
{
    config_error(r->errors, key->pos,
                 "key \"%.*s\" is repeated, expected once; it stands in line %u already", SHOWN_MAX,
                 key->text, first->key->pos.line);
}

void config_refuse_repeated(struct config_read *r, const struct config_node *map)
{
    config_meet(r, map);
    if (map->count > FREE_KEYS_MAX) {
        config_error(r->errors, map->pos, "%zu keys, expected at most %d", map->count,
                     FREE_KEYS_MAX);
        return;
    }
    for (const struct config_node *child = map->first; child != NULL; child = child->next) {
        const struct config_node *first = node_child(map, child->key->text);
        if (first != child)
            say_repeated(r, child->key, first);
    }
}

static void refuse_unknown(struct config_read *r, const struct config_section *section,
                           const struct config_node *key)
{
    const char *names[KEYS_MAX] = {NULL};
    if (strcmp(key->text, "<<") == 0 && !key->quoted) {
        config_error(r->errors, key->pos, "a YAML merge key, expected the keys themselves");
        return;
    }
    assert(section->key_count <= KEYS_MAX);
    for (size_t i = 0; i < section->key_count; i++)
        names[i] = section->keys[i].name;
    const char *near = config_nearest(key->text, names, section->key_count);
    if (near != NULL) {
        config_error(r->errors, key->pos, "unknown key \"%.*s\" in %s, expected \"%s\"?", SHOWN_MAX,
                     key->text, section->what, near);
        return;
    }
    char list[400] = "";
    size_t len = 0;
    for (size_t i = 0; i < section->key_count && len < sizeof(list); i++)
        len +=
            (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i > 0 ? ", " : "", names[i]);
    config_error(r->errors, key->pos, "unknown key \"%.*s\" in %s, expected one of %s", SHOWN_MAX,
                 key->text, section->what, list);
}

static const struct config_key *find_key(const struct config_section *section, const char *name)
{
    for (size_t i = 0; i < section->key_count; i++)
        if (strcmp(section->keys[i].name, name) == 0)
            return &section->keys[i];
    return NULL;
}

/* Whether a key whose room is not built yet says no more than its default. */
static bool is_off(const struct config_key *key, const struct config_node *node)
{
    if (key->fallback == NULL)
        return false;
    if (node->kind == NODE_LIST || node->kind == NODE_MAP)
        return node->count == 0 && key->fallback[0] == (node->kind == NODE_LIST ? '[' : '{');
    return node->kind == NODE_SCALAR && strcmp(node->text, key->fallback) == 0;
}

static void *value_of(const struct config_key *key, void *section_value)
{
    return (unsigned char *)section_value + key->offset;
}

/* The value is checked like any other, and then refused. */
static void read_later(struct config_read *r, const struct config_key *key,
                       const struct config_node *node)
{
    union {
        unsigned char bytes[LATER_SIZE_MAX];
        max_align_t align;
    } scratch = {{0}};
    if (is_off(key, node))
        return;
    if (key->read == read_section)
        assert(((const struct config_section *)key->detail)->size <= sizeof(scratch));
    (void)key->read(r, key, node, &scratch);
    config_not_yet(r, node->key->pos, key->name);
}

static void read_key(struct config_read *r, const struct config_key *key,
                     const struct config_node *node, void *section_value)
{
    if ((key->flags & CONFIG_LATER) != 0)
        read_later(r, key, node);
    else
        (void)key->read(r, key, node, value_of(key, section_value));
}

bool read_section(struct config_read *r, const struct config_key *key,
                  const struct config_node *node, void *ret_value)
{
    const struct config_section *section = key->detail;
    uint64_t seen = 0;
    if (r->ret_met != NULL) {
        *r->ret_met = section;
        return true;
    }
    config_meet(r, node);
    if (node->kind != NODE_MAP) {
        char want[SHOWN_MAX * 2];
        (void)snprintf(want, sizeof(want), "%s as a group of keys, such as {%s: …}", section->what,
                       section->keys[0].name);
        return config_wrong(r, key, node, want);
    }
    for (size_t i = 0; i < section->key_count; i++) {
        const struct config_key *k = &section->keys[i];
        struct config_node scratch;
        if (k->fallback == NULL || (k->flags & CONFIG_LATER) != 0)
            continue;
        const struct config_node *fallback = tree_of_default(r->arena, k->fallback, &scratch);
        if (fallback != NULL)
            (void)k->read(r, k, fallback, value_of(k, ret_value));
    }
    const struct config_node *child = node->first;
    for (; child != NULL && !config_gave_up(r); child = child->next) {
        const struct config_key *k = find_key(section, child->key->text);
        if (k == NULL) {
            refuse_unknown(r, section, child->key);
            continue;
        }
        uint64_t bit = 1ULL << (k - section->keys);
        void *value = ret_value;
        if ((seen & bit) != 0) {
            /* Which of them is meant is open, so both are judged, and the first is kept. */
            say_repeated(r, child->key, node_child(node, k->name));
            value = arena_take(r->arena, section->size);
        }
        if (value != NULL)
            read_key(r, k, child, value);
        seen |= bit;
    }
    for (size_t i = 0; i < section->key_count && !r->partial && !node->cut; i++)
        if ((section->keys[i].flags & CONFIG_REQUIRED) != 0 && (seen & 1ULL << i) == 0)
            config_error(r->errors, node->pos, "%s without \"%s\", expected it: %s", section->what,
                         section->keys[i].name, section->keys[i].about);
    if (section->pos_offset != CONFIG_NO_POS)
        memcpy((unsigned char *)ret_value + section->pos_offset, &node->pos, sizeof(node->pos));
    if (section->finish != NULL)
        section->finish(r, node, ret_value);
    return true;
}

static bool refuse_repeated_items(struct config_read *r, const struct config_key *key,
                                  const struct config_node *list)
{
    for (const struct config_node *n = list->first; n != NULL; n = n->next)
        for (const struct config_node *m = list->first; m != n; m = m->next)
            if (n->kind == NODE_SCALAR && m->kind == NODE_SCALAR && strcmp(n->text, m->text) == 0)
                return config_wrong(r, key, n, "each once");
    return true;
}

bool read_list(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    const struct config_list *list = key->detail;
    struct config_key item = list->item;
    item.name = key->name;
    config_meet(r, node);
    if (node->kind != NODE_LIST)
        return list->item.read == read_section ? config_wrong(r, key, node, list->what)
                                               : config_wrong_address(r, key, node, list->what);
    if ((node->count < list->least && !node->cut) || node->count > list->most) {
        config_error(r->errors, node->pos, "%s: %zu items, expected %zu to %zu", key->name,
                     node->count, list->least, list->most);
        return false;
    }
    struct config_array array = {arena_take_many(r->arena, node->count, list->item_size),
                                 node->count};
    if (array.items == NULL)
        return false;
    bool ok = !list->unique || refuse_repeated_items(r, key, node);
    unsigned char *at = array.items;
    const struct config_node *n = node->first;
    for (; n != NULL && !config_gave_up(r); n = n->next, at += list->item_size)
        ok = item.read(r, &item, n, at) && ok;
    memcpy(ret_value, &array, sizeof(array));
    return ok;
}

bool read_texts(struct config_read *r, const struct config_key *key, const struct config_node *node,
                void *ret_value)
{
    static const struct config_list texts = {
        {.read = read_text}, sizeof(struct config_text), 0, 1000, "a list of values", false};
    struct config_key list_key = *key;
    list_key.detail = &texts;
    return read_list(r, &list_key, node, ret_value);
}

bool read_switched_off(struct config_read *r, const struct config_key *key,
                       const struct config_node *node, void *ret_value)
{
    const struct config_section *section = key->detail;
    (void)ret_value;
    void *scratch = arena_take(r->arena, section->size);
    if (scratch == NULL || !read_section(r, key, node, scratch))
        return false;
    const struct config_node *enabled = node_child(node, "enabled");
    if (enabled == NULL || (enabled->kind == NODE_SCALAR && strcmp(enabled->text, "true") == 0))
        config_error(r->errors, enabled == NULL ? node->key->pos : enabled->pos,
                     "%s: not available yet, expected {enabled: false}", key->name);
    return true;
}
