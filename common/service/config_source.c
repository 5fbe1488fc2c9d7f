#include "common/service/config_tree.h"

#include <string.h>

/* A file with this many broken octets is no text, and more lines would not help. */
enum { BROKEN_MAX = 10 };

struct source {
    const uint8_t *bytes;
    size_t len, at;
    struct config_pos pos;
    struct config_errors *errors;
    struct source_faults *faults;
    unsigned int broken;
    bool line_has_text, in_comment;
    bool hopeless;    /* where lines and values end cannot be told */
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

/* Past the last there is no room, and so many say that nothing more can be read. */
static void add_fault(struct source *s, bool is_tab)
{
    struct source_faults *faults = s->faults;
    struct source_fault *last = faults->count > 0 ? &faults->items[faults->count - 1] : NULL;
    if (last != NULL && last->is_tab == is_tab && last->to + 1 >= s->pos.line)
        last->to = s->pos.line;
    else if (faults->count == SOURCE_FAULTS_MAX)
        s->hopeless = true;
    else
        faults->items[faults->count++] = (struct source_fault){s->pos.line, s->pos.line, is_tab};
}

static void judge_tab(struct source *s)
{
    if (s->in_comment)
        return;
    if (!s->line_has_text)
        add_fault(s, true);
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

/* True when the character stays in the text; one that was refused goes. */
static bool judge_character(struct source *s, uint32_t point)
{
    bool refused = true;
    if (point == '\t') {
        judge_tab(s);
        refused = false;
    } else if (point < 0x20 || point == 0x7f) {
        broken(s, "control character", point);
        s->hopeless = s->hopeless || point == '\r';
    } else if ((point >= 0x80 && point < 0xa0) || is_odd_break(point) || point == 0xfeff ||
               point == 0xfffe || point == 0xffff) {
        broken(s, "unprintable character", point);
        s->hopeless = s->hopeless || is_odd_break(point);
    } else {
        if (!s->in_comment)
            follow(s, point < 0x80 ? (uint8_t)point : 0xff);
        refused = false;
    }
    if (point != '\t' && point != ' ')
        s->line_has_text = true;
    if (refused && !s->in_comment)
        add_fault(s, false);
    return !refused;
}

static void judge_line_break(struct source *s)
{
    s->pos = (struct config_pos){s->pos.line + 1, 1};
    s->line_has_text = s->in_comment = false;
    s->quote = s->previous = 0;
}

/* Reads all; what stays is written to text, tabs as spaces. Returns its length. */
static size_t judge_text(struct source *s, char *text)
{
    size_t written = 0;
    while (s->at < s->len) {
        uint32_t point = 0;
        const char *at = (const char *)s->bytes + s->at;
        size_t n = text_utf8_len(at, &point);
        bool stays = true;
        if (n == 0) {
            broken(s, "octet", s->bytes[s->at]);
            if (!s->in_comment)
                add_fault(s, false);
            stays = false;
            for (n = 1; s->at + n < s->len && (s->bytes[s->at + n] & 0xc0) == 0x80; n++)
                continue; /* belongs to it, as far as it goes */
        } else if (point == '\n') {
            text[written++] = '\n';
            judge_line_break(s);
            s->at++;
            continue;
        } else if (point != '\r' || s->at + 1 >= s->len || s->bytes[s->at + 1] != '\n') {
            stays = judge_character(s, point);
        }
        if (stays && point == '\t')
            text[written++] = ' ';
        else if (stays)
            for (size_t i = 0; i < n; i++)
                text[written++] = at[i];
        s->previous = s->bytes[s->at];
        s->at += n;
        s->pos.column++;
    }
    return written;
}

/* --- tabs as indentation ------------------------------------------------------------------------
 */

/* One walk over the lines of the text. */
struct line_walk {
    char *at, *end;       /* of the line, without its break */
    size_t indent;        /* of the line; SIZE_MAX: it is blank or a comment */
    uint32_t number;      /* 1-based */
    uint32_t text_number; /* the last line with text before it */
    size_t text_indent;
};

static void measure_line(struct line_walk *w, char *text_end)
{
    char *c = w->at;
    w->end = memchr(w->at, '\n', (size_t)(text_end - w->at));
    if (w->end == NULL)
        w->end = text_end;
    while (c < w->end && *c == ' ')
        c++;
    w->indent = c == w->end || *c == '#' || *c == '\r' ? SIZE_MAX : (size_t)(c - w->at);
}

/*
 * What is inside what is open where a tab indents a line: the line goes, and what follows it as far
 * as it is indented deeper than the line before. The fault is made to reach over all of them.
 */
static void blank_tabs(struct source_faults *faults, char *text, size_t len)
{
    struct line_walk w = {.at = text, .number = 1, .text_number = 1};
    struct source_fault *blanking = NULL;
    size_t next = 0;
    for (; w.at < text + len; w.at = w.end + 1, w.number++) {
        measure_line(&w, text + len);
        while (next < faults->count &&
               (!faults->items[next].is_tab || faults->items[next].to < w.number))
            next++;
        struct source_fault *here = next < faults->count && faults->items[next].from <= w.number
                                        ? &faults->items[next]
                                        : NULL;
        if (w.indent == SIZE_MAX)
            continue;
        if (here != NULL && blanking != here) {
            here->from = w.text_number;
            blanking = here;
        } else if (here == NULL && blanking != NULL && w.indent <= w.text_indent) {
            blanking = NULL;
        }
        if (blanking == NULL) {
            w.text_number = w.number;
            w.text_indent = w.indent;
            continue;
        }
        memset(w.at, ' ', (size_t)(w.end - w.at));
        if (blanking->to < w.number)
            blanking->to = w.number;
    }
}

char *source_check(struct config_arena *arena, const char *bytes, size_t len,
                   struct config_errors *errors, struct source_faults *ret_faults)
{
    *ret_faults = (struct source_faults){.count = 0};
    if (len > CONFIG_FILE_MAX) {
        config_error(errors, (struct config_pos){0},
                     "the file goes on past octet %d, expected less", CONFIG_FILE_MAX);
        return NULL;
    }
    char *text = arena_copy(arena, bytes, len); /* ends in a NUL, as text_utf8_len() wants it */
    char *read = arena_copy(arena, bytes, len);
    if (text == NULL || read == NULL)
        return NULL;
    struct source s = {.bytes = (const uint8_t *)read,
                       .len = len,
                       .pos = {1, 1},
                       .errors = errors,
                       .faults = ret_faults};
    /* Some editors put a byte order mark in front. */
    s.at = len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    size_t written = judge_text(&s, text);
    text[written] = '\0';
    if (s.hopeless || s.broken > BROKEN_MAX)
        return NULL;
    blank_tabs(ret_faults, text, written);
    return text;
}
