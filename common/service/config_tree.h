#ifndef COMMON_SERVICE_CONFIG_TREE_H
#define COMMON_SERVICE_CONFIG_TREE_H

#include "common/service/config.h"
#include "common/service/config_arena.h"

/*
 * A YAML file as a tree of nodes with their positions: the part of YAML that a configuration needs
 * (one document of maps, lists and single-line values) and nothing else. Tags, anchors, aliases,
 * tabs, control characters and a second document are errors here.
 */
enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
    NODE_WRONG /* an error was said already, readers keep quiet */
};

struct config_node {
    enum node_kind kind;
    bool quoted; /* a scalar in quotes */
    bool cut;    /* some of what is inside could not be read and is missing, which was said */
    struct config_pos pos;
    const char *text; /* of a scalar, never NULL there; UTF-8 without control characters */
    const struct config_node *key;    /* in a map: the scalar before this value */
    struct config_node *first, *next; /* what is inside; the sibling */
    size_t count;                     /* how many are inside */
};

struct config_tree {
    struct config_node *root; /* a map; never NULL unless memory ran out */
    bool partial;             /* syntax errors left parts out, so nothing can be called missing */
};

enum {
    CONFIG_FILE_MAX = 4 << 20,     /* octets; a configuration that people keep is far below */
    CONFIG_DEPTH_MAX = 16,         /* nested maps and lists */
    CONFIG_NODES_MAX = 500 * 1000, /* bounds memory to about 50 MiB */
    CONFIG_ERRORS_MAX = 1000       /* more lines than any person reads */
};

/* Reads bytes; every error goes to errors, and the tree holds what could be read. */
enum status tree_parse(struct config_tree *ret_tree, struct config_arena *arena, const char *bytes,
                       size_t len, struct config_errors *errors);
/* A default as the tables have it ("60s", "[a, b]"); its nodes stand at line 0. A scalar's node is
 * *scratch. NULL: out of memory. */
const struct config_node *tree_of_default(struct config_arena *arena, const char *text,
                                          struct config_node *scratch);
/* The value under a key of a map, or NULL. */
const struct config_node *node_child(const struct config_node *map, const char *key);
const struct config_node *node_item(const struct config_node *list, size_t index);

/* Lines, 1-based, in which something was refused that no longer stands in the text. */
enum { SOURCE_FAULTS_MAX = 20 };
struct source_fault {
    uint32_t from, to;
    bool is_tab; /* they are indented by tabs, and all of them are gone */
};
struct source_faults {
    struct source_fault items[SOURCE_FAULTS_MAX];
    size_t count;
};

/*
 * Judges the bytes before YAML does: size, UTF-8, control characters, line breaks, tabs. Returns a
 * copy without what was refused and with spaces for tabs, or NULL when the file cannot be read as
 * YAML.
 */
char *source_check(struct config_arena *arena, const char *bytes, size_t len,
                   struct config_errors *errors, struct source_faults *ret_faults);

/* An error about another file, sorted under `where` of this one. */
void config_error_in(struct config_errors *errors, struct config_pos where, const char *file,
                     struct config_pos pos, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
