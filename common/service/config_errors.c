#include "common/service/config_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ERROR_TEXT_MAX = 600 };

/* Where one line of the report belongs, so that lines stay in the order of the file. */
struct config_mark {
    struct config_pos pos;
    size_t start; /* octet in lines */
};

void config_errors_init(struct config_errors *errors, const char *file)
{
    *errors = (struct config_errors){.file = file};
    text_init(&errors->lines, 0);
}

void config_errors_done(struct config_errors *errors)
{
    text_done(&errors->lines);
    free(errors->marks);
    errors->marks = NULL;
}

static bool is_before(struct config_pos a, struct config_pos b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Puts a line behind those of the same or an earlier position. */
static void insert_line(struct config_errors *errors, struct config_pos pos, const char *line)
{
    if (errors->marks == NULL)
        errors->marks = calloc(CONFIG_ERRORS_MAX + 1, sizeof(*errors->marks));
    struct text *lines = &errors->lines;
    size_t old_len = lines->len, len = strlen(line);
    text_add_bytes(lines, line, len);
    if (errors->marks == NULL || lines->failed)
        return;
    size_t count = errors->count <= CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX;
    size_t at = count;
    while (at > 0 && is_before(pos, errors->marks[at - 1].pos))
        at--;
    size_t start = at < count ? errors->marks[at].start : old_len;
    memmove(lines->at + start + len, lines->at + start, old_len - start);
    memcpy(lines->at + start, line, len);
    for (size_t i = count; i > at; i--) {
        errors->marks[i] = errors->marks[i - 1];
        errors->marks[i].start += len;
    }
    errors->marks[at] = (struct config_mark){pos, start};
}

static void add_error(struct config_errors *errors, struct config_pos sort_pos, const char *file,
                      struct config_pos pos, const char *format, va_list args)
{
    char what[ERROR_TEXT_MAX], line[ERROR_TEXT_MAX + 600];
    (void)vsnprintf(what, sizeof(what), format, args);
    if (errors->count > CONFIG_ERRORS_MAX)
        return; /* said once that the rest is left out */
    if (errors->count == CONFIG_ERRORS_MAX) {
        (void)snprintf(line, sizeof(line), "%.512s: more than %d errors, the rest is left out\n",
                       errors->file, CONFIG_ERRORS_MAX);
        sort_pos = (struct config_pos){UINT32_MAX, UINT32_MAX};
    } else if (pos.line == 0) {
        (void)snprintf(line, sizeof(line), "%.512s: %s\n", file, what);
    } else {
        (void)snprintf(line, sizeof(line), "%.512s:%u:%u: %s\n", file, pos.line, pos.column, what);
    }
    insert_line(errors, sort_pos, line);
    errors->count++;
}

void config_error(struct config_errors *errors, struct config_pos pos, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_error(errors, pos, errors->file, pos, format, args);
    va_end(args);
}

void config_error_in(struct config_errors *errors, struct config_pos where, const char *file,
                     struct config_pos pos, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_error(errors, where, file, pos, format, args);
    va_end(args);
}
