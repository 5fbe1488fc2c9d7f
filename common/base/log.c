#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROCESS_NAME_MAX = 32, LAST_ERROR_MAX = 512, WAYS = 4 };

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static char process_name[PROCESS_NAME_MAX] = "weir";
static atomic_int level_now = LOG_INFO;
static void (*sink_now)(void *owner, enum log_level level, const char *line);
static void *sink_owner;
static pthread_mutex_t last_error_lock = PTHREAD_MUTEX_INITIALIZER;
static char last_error[LAST_ERROR_MAX];

void log_init(const char *process, enum log_level level)
{
    snprintf(process_name, sizeof(process_name), "%s", process);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_set_sink(void (*sink)(void *owner, enum log_level level, const char *line), void *owner)
{
    sink_now = sink;
    sink_owner = owner;
}

/* Text into a fixed buffer: it stops at the end, and says so. */
struct fixed {
    char *at;
    size_t len, room; /* the NUL fits behind room */
    bool cut;
};

static void fixed_add(struct fixed *f, const char *bytes, size_t len)
{
    if (f->cut || len > f->room - f->len) {
        f->cut = true;
        return;
    }
    memcpy(f->at + f->len, bytes, len);
    f->len += len;
    f->at[f->len] = '\0';
}

/*
 * Octets of the character at s if a terminal shows it and stays as it is, else 0: control
 * characters (C0, DEL, C1), line and paragraph separators and those that turn the direction of
 * writing could all make a line look like another one.
 */
static size_t harmless_len(const char *s)
{
    uint32_t c;
    size_t len = text_utf8_len(s, &c);
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool separator = c == 0x2028 || c == 0x2029;
    bool direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);

    return len == 0 || control || separator || direction ? 0 : len;
}

static void add_escaped_octet(struct fixed *f, char octet)
{
    char escape[5];

    if (octet == '\n')
        fixed_add(f, "\\n", 2);
    else if (octet == '\t')
        fixed_add(f, "\\t", 2);
    else {
        snprintf(escape, sizeof(escape), "\\x%02x", (unsigned int)(unsigned char)octet);
        fixed_add(f, escape, 4);
    }
}

/* Quotes, backslashes and spaces stay: a value that log_value() made is not escaped again. */
static void add_line_text(struct fixed *f, const char *s)
{
    while (*s != '\0' && !f->cut) {
        size_t len = harmless_len(s);
        if (len > 0)
            fixed_add(f, s, len);
        else
            add_escaped_octet(f, *s);
        s += len == 0 ? 1 : len;
    }
}

static void add_quoted(struct fixed *f, const char *s)
{
    fixed_add(f, "\"", 1);
    while (*s != '\0' && !f->cut) {
        size_t len = harmless_len(s);
        if (*s == '"' || *s == '\\')
            fixed_add(f, (char[]){'\\', *s}, 2);
        else if (len > 0)
            fixed_add(f, s, len);
        else
            add_escaped_octet(f, *s);
        s += len == 0 ? 1 : len;
    }
    if (f->cut) { /* the caller keeps room for this */
        f->cut = false;
        f->room += 3;
        fixed_add(f, "...", 3);
    }
    f->room += 1;
    fixed_add(f, "\"", 1);
}

static bool needs_quotes(const char *s)
{
    if (*s == '\0')
        return true;
    for (size_t len; *s != '\0'; s += len) {
        len = harmless_len(s);
        if (len == 0 || strchr(" \"\\=", *s) != NULL)
            return true;
    }
    return false;
}

const char *log_value(char *buf, unsigned long size, const char *text)
{
    enum { QUOTED_LEAST = 8 }; /* quotes, dots and the NUL, and something between them */

    assert(size >= QUOTED_LEAST);
    if (text == NULL)
        text = "-";
    if (strlen(text) < size && !needs_quotes(text)) {
        memcpy(buf, text, strlen(text) + 1);
        return buf;
    }
    struct fixed f = {.at = buf, .room = size - 5}; /* without the end: ..." and NUL */
    add_quoted(&f, text);
    return buf;
}

static void line_write(const char *line, size_t len)
{
    ssize_t written;

    /* One call a line, so that lines of several processes on one pipe do not mix. */
    do
        written = write(STDERR_FILENO, line, len);
    while (written < 0 && errno == EINTR);
}

static void keep_error(const char *message, const char *pairs)
{
    struct fixed f = {.room = LAST_ERROR_MAX - 1};
    (void)pthread_mutex_lock(&last_error_lock);
    f.at = last_error;
    last_error[0] = '\0';
    add_line_text(&f, message);
    if (*pairs != '\0') {
        fixed_add(&f, ": ", 2);
        add_line_text(&f, pairs);
    }
    (void)pthread_mutex_unlock(&last_error_lock);
}

void log_last_error(char *buf, unsigned long size)
{
    (void)pthread_mutex_lock(&last_error_lock);
    (void)snprintf(buf, size, "%s", last_error);
    (void)pthread_mutex_unlock(&last_error_lock);
}

void log_line(enum log_level level, const char *message, const char *format, ...)
{
    char values[LOG_LINE_MAX], quoted[LOG_LINE_MAX / 4], line[LOG_LINE_MAX + 8];
    char time_text[CLOCK_TEXT_MAX];
    int errno_before = errno;

    if (!log_enabled(level))
        return;

    va_list args;
    va_start(args, format);
    int values_len = vsnprintf(values, sizeof(values), format, args);
    va_end(args);
    if (values_len < 0)
        values[0] = '\0';

    struct fixed message_quoted = {.at = quoted, .room = sizeof(quoted) - 5};
    add_quoted(&message_quoted, message);

    struct clock clock = clock_system();
    struct fixed f = {.at = line, .room = LOG_LINE_MAX - 5}; /* without the end: ... \n and NUL */
    add_line_text(&f, clock_format_wall(clock_wall_ms(&clock), time_text));
    add_line_text(&f, " ");
    add_line_text(&f, level_names[level]);
    add_line_text(&f, " ");
    add_line_text(&f, process_name);
    add_line_text(&f, " ");
    add_line_text(&f, quoted);

    const char *pairs = values + strspn(values, " ");
    if (level == LOG_ERROR)
        keep_error(message, pairs);
    if (*pairs != '\0') {
        add_line_text(&f, " ");
        add_line_text(&f, pairs);
    }
    if (f.cut || values_len >= (int)sizeof(values)) {
        f.cut = false;
        f.room += 3;
        fixed_add(&f, "...", 3);
    }
    if (sink_now != NULL) {
        sink_now(sink_owner, level, line);
    } else {
        line[f.len] = '\n';
        line_write(line, f.len + 1);
    }
    errno = errno_before;
}

void log_limiter_init(struct log_limiter *limiter, uint64_t interval_ms)
{
    *limiter = (struct log_limiter){.interval_ms = interval_ms};
}

bool log_limiter_allow(struct log_limiter *limiter, uint64_t source_hash, uint64_t now_ms,
                       uint64_t *ret_suppressed)
{
    enum { SLOTS = sizeof(limiter->slots) / sizeof(limiter->slots[0]) };
    struct log_limiter_slot *ways = &limiter->slots[source_hash % (SLOTS / WAYS) * WAYS];
    struct log_limiter_slot *slot = NULL, *oldest = &ways[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].last_ms != 0 && ways[i].source_hash == source_hash)
            slot = &ways[i];
        if (ways[i].last_ms < oldest->last_ms)
            oldest = &ways[i];
    }
    /* A new source takes the place of the one that has been quiet longest. */
    if (slot == NULL)
        slot = oldest;
    if (slot->last_ms != 0 && now_ms - slot->last_ms < limiter->interval_ms) {
        slot->suppressed++;
        return false;
    }
    *ret_suppressed = slot->suppressed;
    *slot =
        (struct log_limiter_slot){.source_hash = source_hash, .last_ms = now_ms == 0 ? 1 : now_ms};
    return true;
}
