#include "flowspec/rule_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The text is one that jansson has read, so only what can be there is looked for. */
struct walk {
    const char *at;
    const json_t *parent; /* that is looked for */
    size_t index;
    const char *key, *value; /* found; key is NULL for an item */
};

static void skip_space(struct walk *w)
{
    w->at += strspn(w->at, " \t\r\n");
}

static void skip_string(struct walk *w)
{
    for (w->at++; *w->at != '"' && *w->at != '\0'; w->at++)
        if (*w->at == '\\' && w->at[1] != '\0')
            w->at++;
    w->at += *w->at == '"';
}

static bool walk_value(struct walk *w, const json_t *value);

/* Behind a member or an item, past the comma. */
static void skip_comma(struct walk *w)
{
    skip_space(w);
    w->at += *w->at == ',';
}

static bool walk_object(struct walk *w, const json_t *object)
{
    const char *name;
    const json_t *member;
    size_t i = 0;
    w->at++;
    json_object_foreach((json_t *)(uintptr_t)object, name, member)
    {
        skip_space(w);
        const char *key = w->at;
        skip_string(w);
        skip_space(w);
        w->at += *w->at == ':';
        skip_space(w);
        if (object == w->parent && i++ == w->index) {
            w->key = key;
            w->value = w->at;
            return true;
        }
        if (walk_value(w, member))
            return true;
        skip_comma(w);
    }
    skip_space(w);
    w->at += *w->at == '}';
    return false;
}

static bool walk_list(struct walk *w, const json_t *list)
{
    w->at++;
    for (size_t i = 0; i < json_array_size(list); i++) {
        skip_space(w);
        if (list == w->parent && i == w->index) {
            w->value = w->at;
            return true;
        }
        if (walk_value(w, json_array_get(list, i)))
            return true;
        skip_comma(w);
    }
    skip_space(w);
    w->at += *w->at == ']';
    return false;
}

/* As deep as jansson went, which has a limit of its own. */
static bool walk_value(struct walk *w, const json_t *value)
{
    skip_space(w);
    if (json_is_object(value))
        return walk_object(w, value);
    if (json_is_array(value))
        return walk_list(w, value);
    if (*w->at == '"')
        skip_string(w);
    else
        w->at += strcspn(w->at, ",]} \t\r\n");
    return false;
}

static bool find(const struct json_reading *r, struct walk *ret_walk)
{
    *ret_walk = (struct walk){.at = r->text, .parent = r->parent, .index = r->index};
    return r->parent != NULL && walk_value(ret_walk, r->root);
}

void rule_json_at_item(struct json_reading *r, const json_t *list, size_t index)
{
    r->parent = list;
    r->index = index;
}

void rule_json_at(struct json_reading *r, const json_t *object, const char *key)
{
    const char *name;
    const json_t *member;
    r->parent = object;
    r->index = 0;
    json_object_foreach((json_t *)(uintptr_t)object, name, member)
    {
        if (strcmp(name, key) == 0)
            return;
        r->index++;
    }
}

enum status rule_json_fail(const struct json_reading *r, enum status status, const char *format,
                           ...)
{
    struct walk w;
    if (r->error == NULL)
        return status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->error->why, sizeof(r->error->why), format, arguments);
    va_end(arguments);
    r->error->at = 0;
    if (find(r, &w))
        r->error->at = (size_t)((w.key != NULL ? w.key : w.value) - r->text);
    return status;
}

struct cursor rule_json_cursor(const struct json_reading *r, const json_t *string)
{
    const char *value = json_string_value(string);
    return (struct cursor){.start = value, .at = value, .error = r->error};
}

/* Where octet n of the string's value stands: an escape is longer than what it means. */
static const char *place_in_string(const char *quote, size_t n)
{
    const char *at = quote + 1;
    while (n > 0 && *at != '"' && *at != '\0') {
        size_t raw = 1, means = 1;
        unsigned code = 0;
        if (at[0] == '\\' && at[1] == 'u' && sscanf(at + 2, "%4x", &code) == 1) {
            raw = code >= 0xd800 && code < 0xdc00 ? 12 : 6;
            means = raw == 12 ? 4 : code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
        } else if (at[0] == '\\') {
            raw = 2;
        }
        if (means > n)
            break;
        n -= means;
        at += raw;
    }
    return at;
}

enum status rule_json_string_done(const struct json_reading *r, const struct cursor *cursor,
                                  enum status status)
{
    struct walk w;
    if (status == STATUS_OK && *cursor->at != '\0')
        status = cursor_fail(cursor, STATUS_MALFORMED, "unexpected '%.40s'", cursor->at);
    if (status != STATUS_OK && r->error != NULL && find(r, &w))
        r->error->at = (size_t)(place_in_string(w.value, r->error->at) - r->text);
    return status;
}
