#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Lines of key=value on stderr:
 *   2026-01-02T03:04:05.678Z warn speaker "peer down" peer=mx1 reason="hold timer expired"
 * The format makes the part after the message; values with spaces, quotes or control characters
 * are quoted and escaped when they are given through log_value(). Whatever comes, one call makes
 * one line and one write(2), cut at LOG_LINE_MAX octets.
 */
enum { LOG_LINE_MAX = 4096 };

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_init(const char *process, enum log_level level);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
/* Where lines go; tests catch them. NULL sends them to stderr again. */
void log_set_sink(void (*sink)(void *owner, enum log_level level, const char *line), void *owner);

void log_line(enum log_level level, const char *message, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The space keeps a call without a format from being an empty one, which gcc warns of. */
#define log_error(message, ...) log_line(LOG_ERROR, message, " " __VA_ARGS__)
#define log_warn(message, ...) log_line(LOG_WARN, message, " " __VA_ARGS__)
#define log_info(message, ...) log_line(LOG_INFO, message, " " __VA_ARGS__)
#define log_debug(message, ...)                                                                    \
    (log_enabled(LOG_DEBUG) ? log_line(LOG_DEBUG, message, " " __VA_ARGS__) : (void)0)

/* The latest error of any thread as "message: pairs", cut where it does not fit; "" before the
 * first. For who asks a process why it ended. */
void log_last_error(char *buf, unsigned long size);

/* A string from outside as one safe value: "%s" with log_value(buf, sizeof buf, text). What does
 * not fit is cut, and the cut marked. NULL is "-". */
const char *log_value(char *buf, unsigned long size, const char *text);

/*
 * Lets one line through per source and interval. Sources are hashed into a fixed table, so a
 * stranger who invents sources cannot make it grow, nor get more than 64 lines an interval.
 * *ret_suppressed is what was held back since the last line.
 */
struct log_limiter {
    uint64_t interval_ms;
    struct log_limiter_slot {
        uint64_t source_hash, last_ms, suppressed; /* last_ms 0: unused */
    } slots[64];
};
void log_limiter_init(struct log_limiter *limiter, uint64_t interval_ms);
bool log_limiter_allow(struct log_limiter *limiter, uint64_t source_hash, uint64_t now_ms,
                       uint64_t *ret_suppressed);

#endif
