#include "common/service/config_tree.h"

#include "common/service/config_repair.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* After a syntax error reading goes on at the next top-level key, this many times. */
enum { RESUME_MAX = 50 };

struct builder {
    yaml_parser_t parser;
    struct config_arena *arena;
    struct config_errors *errors;
    char *at; /* the part of the file that is being read */
    size_t len;
    uint32_t line_offset; /* lines before it */
    bool broken, at_default;
    uint32_t
        resume_line; /* after broken: where to look for the next key, 0-based within the part */
    uint32_t broken_line; /* of the file */
    struct config_repairs repairs;
    const struct source_faults *faults; /* NULL: none */
    size_t nodes;
    unsigned int depth;
};

static struct config_pos pos_of(const struct builder *b, yaml_mark_t mark)
{
    if (b->at_default)
        return (struct config_pos){0};
    return (struct config_pos){(uint32_t)mark.line + b->line_offset + 1, (uint32_t)mark.column + 1};
}

/* Whether something was refused and left out in these lines of the file. */
static const struct source_fault *fault_in(const struct builder *b, uint32_t from, uint32_t to)
{
    for (size_t i = 0; b->faults != NULL && i < b->faults->count; i++)
        if (b->faults->items[i].from <= to && from <= b->faults->items[i].to)
            return &b->faults->items[i];
    return NULL;
}

static bool is_faulty(const struct builder *b, uint32_t from, uint32_t to)
{
    return fault_in(b, from, to) != NULL;
}

static void say_syntax(struct builder *b, struct config_pos pos)
{
    const yaml_parser_t *p = &b->parser;
    char context[160] = "";
    uint32_t from = p->context != NULL ? pos_of(b, p->context_mark).line : pos.line;
    const struct source_fault *fault = fault_in(b, from > 1 ? from - 1 : 1, pos.line);
    if (fault != NULL) {
        /* It is missing what was left out there, and goes wrong somewhere behind. */
        if (fault->to > b->line_offset && fault->to - b->line_offset < b->resume_line)
            b->resume_line = fault->to - b->line_offset;
        return;
    }
    if (p->context != NULL)
        (void)snprintf(context, sizeof(context), " %s from line %u", p->context,
                       pos_of(b, p->context_mark).line);
    config_error(b->errors, pos, "not YAML: %s%s, expected keys and values",
                 p->problem != NULL ? p->problem : "cannot be read", context);
}

static bool next_event(struct builder *b, yaml_event_t *ret_event)
{
    if (b->broken)
        return false;
    if (yaml_parser_parse(&b->parser, ret_event) != 0)
        return true;
    b->broken = true;
    if (b->parser.error == YAML_MEMORY_ERROR) {
        (void)arena_take(b->arena, SIZE_MAX); /* makes the failure stick */
        return false;
    }
    yaml_mark_t mark = b->parser.problem_mark;
    /* An open quote runs to wherever the next one is; the fault is where it was opened. */
    if (b->parser.context != NULL && strstr(b->parser.context, "quoted scalar") != NULL)
        mark = b->parser.context_mark;
    b->resume_line = (uint32_t)mark.line + (mark.column > 0);
    b->broken_line = pos_of(b, mark).line;
    say_syntax(b, pos_of(b, mark));
    return false;
}

static struct config_node *new_node(struct builder *b, enum node_kind kind, yaml_mark_t mark)
{
    struct config_node *node = arena_take(b->arena, sizeof(*node));
    if (node == NULL) {
        b->broken = true;
        return NULL;
    }
    node->kind = kind;
    node->pos = pos_of(b, mark);
    node->text = "";
    if (++b->nodes == CONFIG_NODES_MAX) {
        config_error(b->errors, node->pos, "the file goes on, expected at most %d values",
                     CONFIG_NODES_MAX);
        b->broken = true;
        b->resume_line = UINT32_MAX;
    }
    return node;
}

static void refuse_anchor(struct builder *b, const yaml_char_t *anchor, yaml_mark_t mark)
{
    if (anchor != NULL)
        config_error(b->errors, pos_of(b, mark),
                     "a YAML anchor &%.40s, expected a plain value; if it is text: quote it",
                     (const char *)anchor);
}

static void refuse_tag(struct builder *b, const yaml_char_t *tag, yaml_mark_t mark)
{
    if (tag != NULL)
        config_error(b->errors, pos_of(b, mark),
                     "a YAML tag %.40s, expected a plain value; if it is text: quote it",
                     (const char *)tag);
}

/* Says what is wrong with a scalar as such; true when it is fit to be read. */
static bool judge_scalar(struct builder *b, const yaml_event_t *event, struct config_pos pos)
{
    const char *value = (const char *)event->data.scalar.value;
    yaml_scalar_style_t style = event->data.scalar.style;
    if (repair_was_at(&b->repairs, pos) || is_faulty(b, pos.line, pos_of(b, event->end_mark).line))
        return false;
    refuse_anchor(b, event->data.scalar.anchor, event->start_mark);
    refuse_tag(b, event->data.scalar.tag, event->start_mark);
    if (event->data.scalar.anchor != NULL || event->data.scalar.tag != NULL)
        return false;
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE) {
        config_error(b->errors, pos,
                     "a block of text, expected a value on one line; if it starts with | or >: "
                     "quote it");
        return false;
    }
    if (event->start_mark.line != event->end_mark.line) {
        config_error(b->errors, pos, "a value over several lines, expected it on one line");
        return false;
    }
    for (size_t i = 0; i < event->data.scalar.length; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
            config_error(b->errors, pos,
                         "a value with control character 0x%02x, expected printable text",
                         (unsigned char)value[i]);
            return false;
        }
    return true;
}

static struct config_node *read_scalar(struct builder *b, const yaml_event_t *event)
{
    struct config_node *node = new_node(b, NODE_SCALAR, event->start_mark);
    if (node == NULL)
        return NULL;
    if (!judge_scalar(b, event, node->pos))
        node->kind = NODE_WRONG;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    const char *copy =
        arena_copy(b->arena, (const char *)event->data.scalar.value, event->data.scalar.length);
    node->text = copy == NULL ? "" : copy;
    return node;
}

static struct config_node *read_node(struct builder *b, yaml_event_t *event);

static void append(struct config_node *parent, struct config_node **tail, struct config_node *child)
{
    if (*tail == NULL)
        parent->first = child;
    else
        (*tail)->next = child;
    *tail = child;
    parent->count++;
}

/* A syntax error may be the end of the value before it, so nothing more is said of that one. */
static void doubt_last(const struct builder *b, struct config_node *last)
{
    if (b->broken && last != NULL && last->kind == NODE_SCALAR && last->pos.line == b->broken_line)
        last->kind = NODE_WRONG;
}

/* What stood in a faulty line of a group is missing from it. */
static void end_group(const struct builder *b, const yaml_event_t *end, struct config_node *group)
{
    if (is_faulty(b, group->pos.line, pos_of(b, end->end_mark).line))
        group->cut = true;
}

static void read_items(struct builder *b, struct config_node *list)
{
    struct config_node *tail = NULL;
    yaml_event_t event;
    while (next_event(b, &event)) {
        bool end = event.type == YAML_SEQUENCE_END_EVENT;
        if (end)
            end_group(b, &event, list);
        struct config_node *item = end ? NULL : read_node(b, &event);
        yaml_event_delete(&event);
        if (end)
            return;
        if (item != NULL)
            append(list, &tail, item);
    }
    doubt_last(b, tail);
}

static void add_pair(struct builder *b, struct config_node *map, struct config_node **tail,
                     const struct config_node *key, struct config_node *value)
{
    if (key->kind == NODE_SCALAR) {
        value->key = key;
        append(map, tail, value);
        return;
    }
    map->cut = true;
    if (key->kind != NODE_WRONG)
        config_error(b->errors, key->pos, "a %s as a key, expected a word",
                     key->kind == NODE_LIST ? "list" : "group");
}

static void read_pairs(struct builder *b, struct config_node *map)
{
    struct config_node *tail = NULL;
    for (struct config_node *child = map->first; child != NULL; child = child->next)
        tail = child;
    yaml_event_t event;
    while (next_event(b, &event)) {
        bool end = event.type == YAML_MAPPING_END_EVENT;
        if (end)
            end_group(b, &event, map);
        struct config_node *key = end ? NULL : read_node(b, &event);
        yaml_event_delete(&event);
        if (end)
            return;
        if (!next_event(b, &event))
            break;
        struct config_node *value = read_node(b, &event);
        yaml_event_delete(&event);
        if (key != NULL && value != NULL)
            add_pair(b, map, &tail, key, value);
    }
    doubt_last(b, tail);
}

static struct config_node *read_group(struct builder *b, yaml_event_t *event)
{
    bool list = event->type == YAML_SEQUENCE_START_EVENT;
    struct config_node *node = new_node(b, list ? NODE_LIST : NODE_MAP, event->start_mark);
    if (node == NULL)
        return NULL;
    refuse_anchor(b, list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor,
                  event->start_mark);
    refuse_tag(b, list ? event->data.sequence_start.tag : event->data.mapping_start.tag,
               event->start_mark);
    if (b->depth == CONFIG_DEPTH_MAX) {
        config_error(b->errors, node->pos, "nested deeper, expected at most %d levels",
                     CONFIG_DEPTH_MAX);
        b->broken = true;
        b->resume_line = (uint32_t)event->start_mark.line;
        return node;
    }
    b->depth++;
    if (list)
        read_items(b, node);
    else
        read_pairs(b, node);
    node->cut = node->cut || b->broken;
    b->depth--;
    return node;
}

/* The node that starts with this event; NULL when memory ran out. */
static struct config_node *read_node(struct builder *b, yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return read_group(b, event);
    default: /* an alias: the grammar lets nothing else stand here */
        config_error(b->errors, pos_of(b, event->start_mark),
                     "a YAML alias, expected a plain value; if it is text: quote it");
        return new_node(b, NODE_WRONG, event->start_mark);
    }
}

static void refuse_directives(struct builder *b, const yaml_event_t *event)
{
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end)
        config_error(b->errors, pos_of(b, event->start_mark),
                     "a YAML directive, expected keys and values only");
}

/* Reads the documents of one part; pairs go to root when it is given. Returns the other root. */
static struct config_node *read_part(struct builder *b, struct config_node *root)
{
    struct config_node *top = NULL;
    unsigned int documents = 0;
    yaml_event_t event;
    while (next_event(b, &event)) {
        yaml_event_type_t type = event.type;
        if (type == YAML_DOCUMENT_START_EVENT) {
            refuse_directives(b, &event);
            if (documents++ > 0) {
                config_error(b->errors, pos_of(b, event.start_mark),
                             "a second document, expected one a file");
                type = YAML_STREAM_END_EVENT;
            }
        } else if (type == YAML_MAPPING_START_EVENT && root != NULL) {
            refuse_anchor(b, event.data.mapping_start.anchor, event.start_mark);
            refuse_tag(b, event.data.mapping_start.tag, event.start_mark);
            read_pairs(b, root);
        } else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT &&
                   type != YAML_DOCUMENT_END_EVENT) {
            top = read_node(b, &event);
        }
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
    return top;
}

static struct config_node *parse_part(struct builder *b, struct config_node *root)
{
    b->broken = false;
    b->depth = 1;
    if (yaml_parser_initialize(&b->parser) == 0) {
        (void)arena_take(b->arena, SIZE_MAX);
        return NULL;
    }
    yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)b->at, b->len);
    struct config_node *top = read_part(b, root);
    yaml_parser_delete(&b->parser);
    return top;
}

/* Moves to the first line from resume_line on, but not the first of all, that starts a key. */
static bool resume(struct builder *b)
{
    char *at = b->at, *end = b->at + b->len;
    for (uint32_t line = 0; at < end; line++) {
        if (line > 0 && line >= b->resume_line && isalpha((unsigned char)*at)) {
            b->line_offset += line;
            b->len = (size_t)(end - at);
            b->at = at;
            return true;
        }
        char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline + 1;
    }
    return false;
}

enum status tree_parse(struct config_tree *ret_tree, struct config_arena *arena, const char *bytes,
                       size_t len, struct config_errors *errors)
{
    struct config_tree tree = {.root = arena_take(arena, sizeof(*tree.root))};
    if (tree.root == NULL)
        return STATUS_NO_MEMORY;
    tree.root->kind = NODE_MAP;
    tree.root->pos = (struct config_pos){1, 1};
    tree.root->text = "";
    struct source_faults faults;
    char *source = source_check(arena, bytes, len, errors, &faults);
    tree.partial = source == NULL || faults.count > 0;
    if (source != NULL) {
        struct builder b = {.arena = arena,
                            .errors = errors,
                            .at = source,
                            .len = strlen(source),
                            .faults = &faults};
        for (unsigned int turn = 0; turn < RESUME_MAX; turn++) {
            repair_words(&b.repairs, arena, errors, b.at, b.len, b.line_offset);
            const struct config_node *other = parse_part(&b, tree.root);
            bool empty = other != NULL && other->kind == NODE_SCALAR && other->text[0] == '\0';
            if (other != NULL && other->kind != NODE_WRONG && !empty) {
                config_error(errors, other->pos, "not a group of keys, expected \"key: value\"");
                tree.partial = true;
            }
            if (!b.broken)
                break;
            tree.partial = true;
            if (arena_failed(arena) || !resume(&b))
                break;
        }
    }
    tree.partial = tree.partial || tree.root->cut;
    *ret_tree = tree;
    return arena_failed(arena) ? STATUS_NO_MEMORY : STATUS_OK;
}

const struct config_node *tree_of_default(struct config_arena *arena, const char *text,
                                          struct config_node *scratch)
{
    if (text[0] == '[' || text[0] == '{') {
        struct builder b = {.arena = arena, .len = strlen(text), .at_default = true};
        b.at = arena_copy(arena, text, b.len);
        return b.at == NULL ? NULL : parse_part(&b, NULL);
    }
    *scratch = (struct config_node){.kind = NODE_SCALAR, .text = text};
    return scratch;
}

const struct config_node *node_child(const struct config_node *map, const char *key)
{
    if (map == NULL || map->kind != NODE_MAP)
        return NULL;
    for (const struct config_node *child = map->first; child != NULL; child = child->next)
        if (strcmp(child->key->text, key) == 0)
            return child;
    return NULL;
}

const struct config_node *node_item(const struct config_node *list, size_t index)
{
    if (list == NULL || list->kind != NODE_LIST)
        return NULL;
    const struct config_node *item = list->first;
    while (item != NULL && index-- > 0)
        item = item->next;
    return item;
}
