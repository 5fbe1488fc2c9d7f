#include "speaker/exabgp/answer.h"

#include "common/base/text.h"

#include <jansson.h>
#include <string.h>

/* The words of a line that are looked at, and the longest of them that means anything. */
enum { WORDS_MAX = 8, WORD_MAX = 64 };

struct words {
    size_t count;
    char at[WORDS_MAX][WORD_MAX];
    const char *rest; /* behind the third: the reason, where there is one */
    size_t rest_len;
};

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\r';
}

static struct words split(const char *line, size_t len)
{
    struct words w = {.rest = ""};
    for (size_t i = 0; i < len && w.count < WORDS_MAX;) {
        while (i < len && is_space(line[i]))
            i++;
        size_t start = i;
        while (i < len && !is_space(line[i]))
            i++;
        size_t n = i - start < WORD_MAX ? i - start : WORD_MAX - 1;
        if (n == 0)
            break;
        memcpy(w.at[w.count], line + start, n);
        w.at[w.count++][n] = '\0';
        if (w.count == 3 && i < len) {
            w.rest = line + i;
            w.rest_len = len - i;
        }
    }
    return w;
}

static bool word_is(const struct words *w, size_t i, const char *word)
{
    return i < w->count && strcmp(w->at[i], word) == 0;
}

static void keep_why(struct answer *a, const char *why, size_t len)
{
    char text[ANSWER_WHY_MAX * 2];
    size_t from = 0;
    while (from < len && (is_space(why[from]) || why[from] == '-'))
        from++;
    len -= from;
    if (len >= sizeof(text))
        len = sizeof(text) - 1;
    memcpy(text, why + from, len);
    text[len] = '\0';
    text_copy(a->why, sizeof(a->why), text);
}

/* "neighbor 192.0.2.1 up", "neighbor 192.0.2.1 down - reason". */
static struct answer read_event(const struct words *w)
{
    struct answer a = {.kind = ANSWER_OTHER};
    bool up = word_is(w, 2, "up"), down = word_is(w, 2, "down");
    if ((!up && !down) || addr_parse(&a.neighbor, w->at[1]) != STATUS_OK)
        return a;
    a.kind = up ? ANSWER_UP : ANSWER_DOWN;
    if (down)
        keep_why(&a, w->rest, w->rest_len);
    return a;
}

static struct answer read_words(const char *line, size_t len)
{
    struct answer a = {.kind = ANSWER_OTHER};
    struct words w = split(line, len);
    if (w.count == 1 && word_is(&w, 0, "done")) {
        a.kind = ANSWER_DONE;
    } else if (word_is(&w, 0, "error") && w.count == 1) {
        a.kind = ANSWER_ERROR;
    } else if (word_is(&w, 0, "shutdown")) {
        a.kind = ANSWER_SHUTDOWN;
    } else if (word_is(&w, 0, "neighbor")) {
        a = read_event(&w);
    } else if (word_is(&w, 0, "Peer") && word_is(&w, 1, "AS")) {
        a.kind = ANSWER_TABLE;
    } else if (word_is(&w, 3, "established") && addr_parse(&a.neighbor, w.at[0]) == STATUS_OK) {
        a.kind = ANSWER_NEIGHBOR;
    }
    return a;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* {"type": "state", "neighbor": {"address": {"peer": "192.0.2.1"}, "state": "up"}} */
static struct answer read_state(const json_t *said)
{
    struct answer a = {.kind = ANSWER_OTHER};
    const json_t *neighbor = json_object_get(said, "neighbor");
    const char *state = text_of(neighbor, "state");
    bool up = strcmp(state, "up") == 0, down = strcmp(state, "down") == 0;
    if ((!up && !down) ||
        addr_parse(&a.neighbor, text_of(json_object_get(neighbor, "address"), "peer")) != STATUS_OK)
        return a;
    a.kind = up ? ANSWER_UP : ANSWER_DOWN;
    const char *why = text_of(neighbor, "reason");
    if (down)
        keep_why(&a, why, strlen(why));
    return a;
}

static struct answer read_json(const json_t *said)
{
    struct answer a = {.kind = ANSWER_OTHER};
    const char *answer = text_of(said, "answer"), *why = text_of(said, "message");
    if (strcmp(answer, "done") == 0)
        a.kind = ANSWER_DONE;
    else if (strcmp(answer, "error") == 0)
        a.kind = ANSWER_ERROR;
    else if (strcmp(answer, "shutdown") == 0 ||
             strcmp(text_of(said, "notification"), "shutdown") == 0)
        a.kind = ANSWER_SHUTDOWN;
    else if (strcmp(text_of(said, "type"), "state") == 0)
        a = read_state(said);
    if (a.kind == ANSWER_ERROR)
        keep_why(&a, why, strlen(why));
    return a;
}

struct answer answer_parse(const char *line, size_t len)
{
    if (len == 0 || line[0] != '{')
        return read_words(line, len);
    json_t *said = json_loadb(line, len, 0, NULL);
    struct answer a = read_json(said); /* of nothing, nothing is read */
    json_decref(said);
    return a;
}
