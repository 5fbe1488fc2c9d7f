#include "ctl/show.h"

#include "common/base/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* What would steer a terminal or turn the text around: C0, DEL, C1, line and bidi controls. */
static bool is_control(uint32_t code_point)
{
    return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) || code_point == 0x061c ||
           code_point == 0x180e || (code_point >= 0x200b && code_point <= 0x200f) ||
           (code_point >= 0x2028 && code_point <= 0x202e) ||
           (code_point >= 0x2060 && code_point <= 0x206f) || code_point == 0xfeff;
}

static void add_safe(struct text *out, const char *s, bool keep_line_ends)
{
    while (*s != '\0') {
        uint32_t code_point = 0;
        size_t len = text_utf8_len(s, &code_point);
        if (len == 0)
            text_addf(out, "\\x%02x", (unsigned int)(unsigned char)*s);
        else if (*s == '\n' && keep_line_ends)
            text_add(out, "\n");
        else if (is_control(code_point) && code_point < 0x100)
            text_addf(out, "\\x%02x", code_point);
        else if (is_control(code_point))
            text_addf(out, "<U+%04X>", code_point);
        else
            text_add_bytes(out, s, len);
        s += len == 0 ? 1 : len;
    }
}

void show_add_safe(struct text *out, const char *s)
{
    add_safe(out, s, false);
}

void show_add_json_safe(struct text *out, const char *s)
{
    struct text json;
    text_init(&json, 0);
    text_add_json_string(&json, s);
    for (size_t at = 0, len; at < json.len; at += len) {
        uint32_t code_point = 0;
        len = text_utf8_len(json.at + at, &code_point);
        if (len == 0) /* never: a JSON string is UTF-8 */
            break;
        if (is_control(code_point))
            text_addf(out, "\\u%04x", code_point);
        else
            text_add_bytes(out, json.at + at, len);
    }
    text_done(&json);
}

void show_add_shell(struct text *out, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:@%+,=";
    bool is_safe = true;
    for (size_t len, at = 0; s[at] != '\0' && is_safe; at += len) {
        uint32_t code_point = 0;
        len = text_utf8_len(s + at, &code_point);
        is_safe = len != 0 && !is_control(code_point);
    }
    if (s[0] != '\0' && strspn(s, plain) == strlen(s)) {
        text_add(out, s);
        return;
    }
    text_add(out, is_safe ? "'" : "$'");
    for (; *s != '\0'; s++) {
        unsigned char octet = (unsigned char)*s;
        if (is_safe && octet == '\'')
            text_add(out, "'\\''");
        else if (is_safe || (octet >= 0x20 && octet < 0x7f && octet != '\'' && octet != '\\'))
            text_add_bytes(out, s, 1);
        else
            text_addf(out, "\\%03o", octet); /* three digits: what follows is not taken along */
    }
    text_add(out, "'");
}

void show_print(FILE *to, const char *format, ...)
{
    char *raw = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&raw, format, args);
    va_end(args);
    if (len < 0)
        return;
    struct text safe;
    text_init(&safe, 0);
    add_safe(&safe, raw, true);
    (void)fputs(text_str(&safe), to);
    text_done(&safe);
    free(raw);
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

int show_json(json_t *value)
{
    enum { DIGITS = 15 }; /* what a double holds for sure, so that 0.95 stays 0.95 */
    bool good = value != NULL &&
                json_dumpf(value, stdout,
                           JSON_INDENT(2) | JSON_ENCODE_ANY | JSON_REAL_PRECISION(DIGITS)) == 0;
    json_decref(value);
    (void)fputc('\n', stdout);
    return good ? EXIT_DONE : EXIT_FAILED;
}

json_t *show_json_text(const char *s)
{
    json_t *value = json_string(s);
    if (value != NULL)
        return value;
    struct text valid;
    text_init(&valid, 0);
    while (*s != '\0') {
        uint32_t code_point;
        size_t len = text_utf8_len(s, &code_point);
        text_add_bytes(&valid, len == 0 ? "\xef\xbf\xbd" : s, len == 0 ? 3 : len);
        s += len == 0 ? 1 : len;
    }
    value = json_string(text_str(&valid));
    text_done(&valid);
    return value;
}

json_t *show_json_hex(const uint8_t *bytes, size_t len)
{
    struct text text;
    text_init(&text, 0);
    text_add_hex(&text, bytes, len);
    json_t *value = json_string(text_str(&text));
    text_done(&text);
    return value;
}

json_t *show_json_u64(uint64_t n)
{
    return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

json_t *show_json_number(double n)
{
    return isfinite(n) ? json_real(n) : json_null();
}

json_t *show_json_time(uint64_t ms)
{
    return ms == 0 ? json_null() : show_json_u64(ms);
}

const json_t *show_member(const json_t *object, const char *path)
{
    char name[64];
    while (object != NULL) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof name)
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        object = json_object_get(object, name);
        if (path[len] == '\0')
            break;
        path += len + 1;
    }
    return object;
}

const char *show_string(const json_t *object, const char *path)
{
    const char *s = json_string_value(show_member(object, path));
    return s != NULL ? s : "";
}

uint64_t show_u64(const json_t *object, const char *path)
{
    json_int_t n = json_integer_value(show_member(object, path));
    return n > 0 ? (uint64_t)n : 0;
}

double show_number(const json_t *object, const char *path)
{
    return json_number_value(show_member(object, path));
}

bool show_truth(const json_t *object, const char *path)
{
    return json_is_true(show_member(object, path));
}

/* --- tables -------------------------------------------------------------------------------------
 */

const char *show_age(uint64_t then_ms, uint64_t now_ms, char ret_text[TEXT_QUANTITY_MAX])
{
    if (then_ms == 0)
        return "-";
    uint64_t age_ms = now_ms > then_ms ? now_ms - then_ms : 0;
    return age_ms < 1000 ? "0s" : text_format_duration_ms(age_ms / 1000 * 1000, ret_text);
}

void show_times(json_t *times, uint64_t now_ms)
{
    char when[CLOCK_TEXT_MAX], age[TEXT_QUANTITY_MAX], label[32];
    const char *name;
    json_t *value;
    json_object_foreach(times, name, value)
    {
        uint64_t ms = show_u64(times, name);
        size_t len = strlen(name) - strlen("_ms");
        if (ms == 0 || len >= sizeof label)
            continue;
        for (size_t i = 0; i < len; i++)
            label[i] = (char)(name[i] == '_' ? ' ' : name[i]);
        label[len] = '\0';
        show_print(stdout, "%-14s %s, %s ago\n", label, clock_format_wall(ms, when),
                   show_age(ms, now_ms, age));
    }
}

void grid_init(struct grid *grid, size_t columns, const char *const *heads)
{
    *grid = (struct grid){.columns = columns < GRID_COLUMNS_MAX ? columns : GRID_COLUMNS_MAX};
    text_init(&grid->text, 1U << 30);
    for (size_t i = 0; i < grid->columns; i++)
        grid->heads[i] = heads[i];
}

void grid_add(struct grid *grid, const char *cell)
{
    show_add_safe(&grid->text, cell[0] != '\0' ? cell : "-");
    text_add_bytes(&grid->text, "", 1);
    grid->cells++;
}

void grid_addf(struct grid *grid, const char *format, ...)
{
    char *cell = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&cell, format, args);
    va_end(args);
    grid_add(grid, len >= 0 ? cell : "?");
    if (len >= 0)
        free(cell);
}

/* Characters, near enough for names and addresses. */
static size_t width_of(const char *s)
{
    size_t width = 0;
    for (; *s != '\0'; s++)
        width += ((unsigned char)*s & 0xc0) != 0x80;
    return width;
}

static void print_cell(FILE *to, const char *cell, size_t width, bool right, bool last)
{
    int pad = (int)(width - width_of(cell));
    if (right)
        (void)fprintf(to, "%*s%s", pad, "", cell);
    else
        (void)fprintf(to, "%s%*s", cell, last ? 0 : pad, "");
    (void)fputs(last ? "\n" : "  ", to);
}

void grid_print(struct grid *grid, FILE *to)
{
    size_t widths[GRID_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < grid->columns; i++)
        widths[i] = width_of(grid->heads[i] + (grid->heads[i][0] == '>'));
    const char *cell = text_str(&grid->text);
    for (size_t i = 0; i < grid->cells && !grid->text.failed; i++, cell += strlen(cell) + 1) {
        size_t width = width_of(cell), *widest = &widths[i % grid->columns];
        *widest = width > *widest ? width : *widest;
    }
    for (size_t i = 0; i < grid->columns; i++) {
        bool right = grid->heads[i][0] == '>';
        print_cell(to, grid->heads[i] + right, widths[i], right, i + 1 == grid->columns);
    }
    cell = text_str(&grid->text);
    for (size_t i = 0; i < grid->cells && !grid->text.failed; i++, cell += strlen(cell) + 1) {
        size_t column = i % grid->columns;
        print_cell(to, cell, widths[column], grid->heads[column][0] == '>',
                   column + 1 == grid->columns);
    }
    text_done(&grid->text);
}
