#include "common/service/config_tree.h"

#include <string.h>

/* A file with this many broken octets is no text, and more lines would not help. */
enum { BROKEN_MAX = 10 };

struct source {
    const uint8_t *bytes;
    size_t len, at;
    struct config_pos pos;
    struct config_errors *errors;
    unsigned int broken;
    bool line_has_text, in_comment, tab_indents;
    uint8_t quote;    /* the quote that is open on this line, or 0 */
    uint8_t previous; /* octet before, on this line, or 0 */
};

/* YAML takes some characters for line breaks that no editor shows as one. */
static bool is_odd_break(uint32_t point)
{
    return point == 0x85 || point == 0x2028 || point == 0x2029;
}

static void broken(struct source *s, const char *what, uint32_t value)
{
    if (s->broken++ < BROKEN_MAX)
        config_error(s->errors, s->pos, "%s 0x%02x, expected UTF-8 text", what, value);
}

static void judge_tab(struct source *s)
{
    if (s->in_comment)
        return;
    if (!s->line_has_text)
        s->tab_indents = true;
    if (s->previous != '\t')
        config_error(s->errors, s->pos, "a tab, expected spaces");
}

/* Follows quotes and comments as far as is needed to tell a comment's tabs from others. */
static void follow(struct source *s, uint8_t c)
{
    if (s->quote != 0) {
        if (c == s->quote)
            s->quote = 0;
    } else if (c == '#' && (s->previous == 0 || s->previous == ' ' || s->previous == '\t')) {
        s->in_comment = true;
    } else if (c == '"' || c == '\'') {
        s->quote = c;
    }
}

static void judge_character(struct source *s, uint32_t point)
{
    if (point == '\t')
        judge_tab(s);
    else if (point < 0x20 || point == 0x7f)
        broken(s, "control character", point);
    else if ((point >= 0x80 && point < 0xa0) || is_odd_break(point) || point == 0xfeff ||
             point == 0xfffe || point == 0xffff)
        broken(s, "unprintable character", point);
    else if (!s->in_comment)
        follow(s, point < 0x80 ? (uint8_t)point : 0xff);
    if (point != '\t' && point != ' ')
        s->line_has_text = true;
}

static void judge_line_break(struct source *s)
{
    s->pos = (struct config_pos){s->pos.line + 1, 1};
    s->line_has_text = s->in_comment = false;
    s->quote = s->previous = 0;
}

char *source_check(struct config_arena *arena, const char *bytes, size_t len,
                   struct config_errors *errors)
{
    if (len > CONFIG_FILE_MAX) {
        config_error(errors, (struct config_pos){0}, "%zu octets, expected at most %d", len,
                     CONFIG_FILE_MAX);
        return NULL;
    }
    char *copy = arena_copy(arena, bytes, len);
    if (copy == NULL)
        return NULL;
    struct source s = {
        (const uint8_t *)bytes, len, 0, {1, 1}, errors, 0, false, false, false, 0, 0};
    /* Some editors put a byte order mark in front. */
    size_t skipped = len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    s.at = skipped;
    while (s.at < len) {
        uint32_t point = 0;
        size_t n = text_utf8_len(copy + s.at, &point);
        if (n == 0) {
            broken(&s, "octet", s.bytes[s.at]);
            for (n = 1; s.at + n < len && (s.bytes[s.at + n] & 0xc0) == 0x80; n++)
                continue; /* belongs to it, as far as it goes */
        } else if (point == '\n') {
            judge_line_break(&s);
            s.at++;
            continue;
        } else if (point != '\r' || s.at + 1 >= len || s.bytes[s.at + 1] != '\n') {
            judge_character(&s, point);
        }
        if (point == '\t')
            copy[s.at] = ' ';
        s.previous = s.bytes[s.at];
        s.at += n;
        s.pos.column++;
    }
    /* Tabs as indentation leave it open what is inside what, so nothing more can be said. */
    return s.broken > 0 || s.tab_indents ? NULL : copy + skipped;
}
