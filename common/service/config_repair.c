#include "common/service/config_repair.h"

#include <ctype.h>
#include <string.h>

/* Words mended a file, and octets parsed for it: a file of nothing but faults is given up. */
enum { REPAIRS_MAX = 200, PARSED_MAX = 8 << 20 };

struct word {
    char *at;
    size_t len;
    struct config_pos pos;
};

/* The line of the source, 0-based, and its length. */
static char *line_of(char *source, size_t len, size_t line, size_t *ret_len)
{
    char *at = source, *end = source + len;
    for (; line > 0 && at < end; line--) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        at = newline == NULL ? end : newline + 1;
    }
    char *newline = memchr(at, '\n', (size_t)(end - at));
    *ret_len = (size_t)((newline == NULL ? end : newline) - at);
    return at;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static uint32_t column_of(const char *line, const char *at)
{
    uint32_t column = 1;
    for (const char *c = line; c < at; c++)
        column += !is_continuation(*c);
    return column;
}

static bool is_address_character(char c)
{
    return isxdigit((unsigned char)c) || c == ':' || c == '.' || c == '/';
}

static size_t run_len(const char *at, const char *end)
{
    const char *c = at;
    while (c < end && is_address_character(*c))
        c++;
    return (size_t)(c - at);
}

/* Octets of "2001:db8::" or "[::]:2055" at this place, or 0. Other brackets are YAML's own. */
static size_t address_len(const char *at, const char *end)
{
    size_t len = run_len(at, end);
    if (at < end && *at == '[') {
        len = run_len(at + 1, end);
        const char *behind = at + 1 + len;
        if (end - behind < 3 || behind[0] != ']' || behind[1] != ':' ||
            !isdigit((unsigned char)behind[2]))
            return 0;
        len += 2 + run_len(behind + 1, end);
    }
    return len >= 2 && memmem(at, len, "::", 2) != NULL ? len : 0;
}

/* An unquoted address with "::" on this line: YAML takes some of its colons for its own. */
static bool find_ipv6(char *line, size_t len, struct word *ret_word)
{
    char quote = 0;
    for (size_t i = 0; i < len;) {
        if (quote != 0 || line[i] == '"' || line[i] == '\'') {
            quote = quote == 0 ? line[i] : line[i] == quote ? (char)0 : quote;
            i++;
            continue;
        }
        if (line[i] == '#')
            return false;
        size_t word_len = address_len(line + i, line + len);
        if (word_len > 0) {
            *ret_word = (struct word){line + i, word_len, {0, column_of(line, line + i)}};
            return true;
        }
        size_t step = run_len(line + i, line + len);
        i += step > 0 ? step : 1;
    }
    return false;
}

/* The word at a mark, when it starts with a character that means something to YAML. */
static bool find_indicator(char *line, size_t len, size_t column, struct word *ret_word)
{
    size_t at = 0;
    for (; at < len && (column > 0 || is_continuation(line[at])); at++)
        column -= column > 0 && !is_continuation(line[at]) ? 1 : 0;
    while (at < len && is_continuation(line[at]))
        at++;
    size_t end = at;
    while (end < len && line[end] != '\0' && strchr(" ,]}\r", line[end]) == NULL)
        end++;
    if (at >= len || end == at || line[at] == '\0' || strchr("!&*>|%@`", line[at]) == NULL)
        return false;
    *ret_word = (struct word){line + at, end - at, {0, column_of(line, line + at)}};
    return true;
}

/* Runs the parser to its end or its first error; true when that was a word's fault. */
static bool find_fault(char *source, size_t len, struct word *ret_word, bool *ret_is_address)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool at_end = false, failed = false;
    unsigned int depth = 0;
    if (yaml_parser_initialize(&parser) == 0)
        return false;
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)source, len);
    while (!at_end && !failed) {
        failed = yaml_parser_parse(&parser, &event) == 0;
        if (failed)
            break;
        depth += event.type == YAML_SEQUENCE_START_EVENT || event.type == YAML_MAPPING_START_EVENT;
        depth -= event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT;
        /* The tree refuses deeper nesting, and libyaml's time grows with its square. */
        at_end = event.type == YAML_STREAM_END_EVENT || depth > CONFIG_DEPTH_MAX;
        yaml_event_delete(&event);
    }
    bool found = false;
    if (failed && parser.error != YAML_MEMORY_ERROR) {
        bool in_word = parser.context != NULL && strstr(parser.context, "while scanning a") != NULL;
        yaml_mark_t mark = in_word ? parser.context_mark : parser.problem_mark;
        size_t line_len = 0;
        char *line = line_of(source, len, mark.line, &line_len);
        found = find_indicator(line, line_len, mark.column, ret_word);
        *ret_is_address = !found && find_ipv6(line, line_len, ret_word);
        found = found || *ret_is_address;
        ret_word->pos.line = (uint32_t)mark.line;
    }
    yaml_parser_delete(&parser);
    return found;
}

void repair_words(struct config_repairs *repairs, struct config_arena *arena,
                  struct config_errors *errors, char *source, size_t len, uint32_t line_offset)
{
    struct word word = {0};
    bool is_address = false;
    if (repairs->items == NULL)
        repairs->items = arena_take_many(arena, REPAIRS_MAX, sizeof(*repairs->items));
    while (repairs->items != NULL && repairs->count < REPAIRS_MAX &&
           repairs->parsed_bytes <= PARSED_MAX - len) {
        repairs->parsed_bytes += len;
        if (!find_fault(source, len, &word, &is_address))
            return;
        word.pos.line += line_offset + 1;
        int shown = word.len > 60 ? 60 : (int)word.len;
        config_error(errors, word.pos,
                     is_address
                         ? "YAML takes the colons of %.*s for its own, expected \"%.*s\": quote it"
                         : "YAML takes %.*s for a sign of its own, expected \"%.*s\": quote it",
                     shown, word.at, shown, word.at);
        memset(word.at, 'x', word.len);
        repairs->items[repairs->count++] = word.pos;
    }
}

bool repair_was_at(const struct config_repairs *repairs, struct config_pos pos)
{
    for (size_t i = 0; i < repairs->count; i++)
        if (repairs->items[i].line == pos.line && repairs->items[i].column == pos.column)
            return true;
    return false;
}
