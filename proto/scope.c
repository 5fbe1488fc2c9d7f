#include "proto/scope.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[SCOPE_KIND_COUNT] = {
    [SCOPE_ALL] = "all",       [SCOPE_PLATFORM] = "platform", [SCOPE_PEER] = "peer",
    [SCOPE_METHOD] = "method", [SCOPE_ALARM] = "alarm",       [SCOPE_FAMILY] = "family"};

const char *scope_kind_name(enum scope_kind kind)
{
    return kind_names[kind];
}

/* Values are names and ids: nothing that would blur the text form or a log line. */
static bool is_value(const char *value)
{
    size_t len = strlen(value);
    if (len == 0 || len > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] <= ' ' || value[i] == 0x7f)
            return false;
    return true;
}

enum status scope_make(struct scope *ret_scope, enum scope_kind kind, const char *value)
{
    struct scope scope = {.kind = (uint8_t)kind};
    if (kind == SCOPE_ALL) {
        if (value != NULL && value[0] != '\0')
            return STATUS_MALFORMED;
        *ret_scope = scope;
        return STATUS_OK;
    }
    if (value == NULL || !is_value(value))
        return STATUS_MALFORMED;
    if (kind == SCOPE_FAMILY && strcmp(value, "ipv4") != 0 && strcmp(value, "ipv6") != 0)
        return STATUS_MALFORMED;
    memcpy(scope.value, value, strlen(value) + 1);
    *ret_scope = scope;
    return STATUS_OK;
}

enum status scope_parse(struct scope *ret_scope, const char *text)
{
    if (strcmp(text, kind_names[SCOPE_ALL]) == 0)
        return scope_make(ret_scope, SCOPE_ALL, NULL);
    for (int kind = SCOPE_ALL + 1; kind < SCOPE_KIND_COUNT; kind++) {
        size_t len = strlen(kind_names[kind]);
        if (strncmp(text, kind_names[kind], len) == 0 && text[len] == ':')
            return scope_make(ret_scope, (enum scope_kind)kind, text + len + 1);
    }
    return STATUS_MALFORMED;
}

const char *scope_format(const struct scope *scope, char ret_text[SCOPE_TEXT_MAX])
{
    if (scope->kind == SCOPE_ALL)
        snprintf(ret_text, SCOPE_TEXT_MAX, "%s", kind_names[SCOPE_ALL]);
    else
        snprintf(ret_text, SCOPE_TEXT_MAX, "%s:%s", kind_names[scope->kind], scope->value);
    return ret_text;
}

bool scope_equal(const struct scope *a, const struct scope *b)
{
    return a->kind == b->kind && strcmp(a->value, b->value) == 0;
}

static const char *const verb_names[STOP_VERB_COUNT] = {"withdraw-all", "resume"};

const char *stop_verb_name(enum stop_verb verb)
{
    return verb_names[verb];
}

enum status stop_verb_parse(enum stop_verb *ret_verb, const char *text)
{
    for (int verb = 0; verb < STOP_VERB_COUNT; verb++) {
        if (strcmp(text, verb_names[verb]) == 0) {
            *ret_verb = (enum stop_verb)verb;
            return STATUS_OK;
        }
    }
    return STATUS_MALFORMED;
}
