#ifndef FLOWSPEC_RULE_JSON_H
#define FLOWSPEC_RULE_JSON_H

#include "flowspec/expression.h"

#include <jansson.h>

/*
 * What the readers of the JSON form share. jansson forgets where a value stood, so an error is
 * placed by walking text and values side by side.
 */
struct json_reading {
    const char *text;
    const json_t *root;
    /* What is being read: member or item `index` of it. NULL: the whole. */
    const json_t *parent;
    size_t index;
    struct rule_error *error;
};

/* The member of that name is being read; the whole object where it has none. */
void rule_json_at(struct json_reading *r, const json_t *object, const char *key);
void rule_json_at_item(struct json_reading *r, const json_t *list, size_t index);

/* Points at the key of a member, and at an item itself. */
enum status rule_json_fail(const struct json_reading *r, enum status status, const char *format,
                           ...) __attribute__((format(printf, 3, 4)));

/* A cursor over the string that is being read. Its error counts inside that string until
 * rule_json_string_done, which also wants the string to be at its end. */
struct cursor rule_json_cursor(const struct json_reading *r, const json_t *string);
enum status rule_json_string_done(const struct json_reading *r, const struct cursor *cursor,
                                  enum status status);

enum status rule_json_read_match(struct json_reading *r, struct flow_rule *rule, json_t *match);
enum status rule_json_read_then(struct json_reading *r, json_t *then, bool in_bytes,
                                struct flow_actions *ret_actions);

#endif
