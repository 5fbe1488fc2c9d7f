#include "common/base/log.h"

#include "common/base/text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TIME_LEN = 25 }; /* "2026-01-02T03:04:05.678Z " */

struct caught {
    char line[LOG_LINE_MAX + 64];
    enum log_level level;
    int count;
};

static void catch_line(void *owner, enum log_level level, const char *line)
{
    struct caught *caught = owner;

    snprintf(caught->line, sizeof(caught->line), "%s", line);
    caught->level = level;
    caught->count++;
}

static struct caught caught;

static void setup(void)
{
    log_init("speaker", LOG_INFO);
    log_set_sink(catch_line, &caught);
}

TestSuite(log, .init = setup);

Test(log, a_line_is_time_level_process_message_and_pairs)
{
    log_warn("peer down", "peer=%s code=%d", "mx1", 6);
    cr_assert_str_eq(caught.line + TIME_LEN, "warn speaker \"peer down\" peer=mx1 code=6");
    cr_assert_eq(caught.line[TIME_LEN - 2], 'Z');
    cr_assert_eq(caught.level, LOG_WARN);
    log_info("started");
    cr_assert_str_eq(caught.line + TIME_LEN, "info speaker \"started\"");
}

Test(log, lines_below_the_level_are_not_made)
{
    log_debug("detail", "n=%d", 1);
    cr_assert_eq(caught.count, 0);
    log_set_level(LOG_DEBUG);
    log_debug("detail", "n=%d", 1);
    cr_assert_eq(caught.count, 1);
    log_set_level(LOG_ERROR);
    log_warn("nothing");
    cr_assert_eq(caught.count, 1);
    log_error("something");
    cr_assert_eq(caught.count, 2);
}

struct value_case {
    char text[40];
    char want[80];
};

ParameterizedTestParameters(log, a_value_from_outside_cannot_look_like_another)
{
    static struct value_case cases[] = {
        {"mx1", "mx1"},
        {"2001:db8::1", "2001:db8::1"},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"a=b", "\"a=b\""},
        {"say \"hi\"", "\"say \\\"hi\\\"\""},
        {"back\\slash", "\"back\\\\slash\""},
        {"x\n2026-01-01 error fake", "\"x\\n2026-01-01 error fake\""},
        {"tab\there\r", "\"tab\\there\\x0d\""},
        {"\x1b[31mred", "\"\\x1b[31mred\""},
        {"\x7f", "\"\\x7f\""},
        {"\xc2\x9b", "\"\\xc2\\x9b\""}, /* C1: CSI in one character */
        {"\xe2\x80\xae"
         "a",
         "\"\\xe2\\x80\\xaea\""},                /* turns the direction of writing */
        {"\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\""}, /* line separator */
        {"\xff\xfe", "\"\\xff\\xfe\""},
        {"\xc3", "\"\\xc3\""},
    };
    return cr_make_param_array(struct value_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct value_case *c, log, a_value_from_outside_cannot_look_like_another)
{
    char buf[128];
    struct text line;

    log_init("speaker", LOG_INFO);
    log_set_sink(catch_line, &caught);
    cr_assert_str_eq(log_value(buf, sizeof(buf), c->text), c->want);
    log_warn("m", "v=%s", buf);
    text_init(&line, 0);
    text_addf(&line, "warn speaker \"m\" v=%s", c->want);
    cr_assert_str_eq(caught.line + TIME_LEN, text_str(&line), "a value is not escaped twice");
    text_done(&line);
}

Test(log, no_value_is_a_dash)
{
    char buf[16];

    cr_assert_str_eq(log_value(buf, sizeof(buf), NULL), "-");
}

Test(log, a_value_that_does_not_fit_is_cut_with_a_mark)
{
    char buf[12];

    cr_assert_str_eq(log_value(buf, sizeof(buf), "abcdefghijk"), "abcdefghijk");
    cr_assert_str_eq(log_value(buf, sizeof(buf), "abcdefghijkl"), "\"abcdef...\"");
    cr_assert_str_eq(log_value(buf, sizeof(buf), "\n\n\n\n\n\n\n"), "\"\\n\\n\\n...\"");
}

/* Whatever its size and text, it ends in a NUL inside, has balanced quotes and no control octet. */
Test(log, values_of_any_bytes_and_size_are_whole)
{
    srand(4);
    for (int i = 0; i < 20000; i++) {
        char bytes[24], buf[32];
        size_t size = 8 + (size_t)rand() % (sizeof(buf) - 8);
        size_t len = (size_t)rand() % sizeof(bytes);
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)(rand() % 4 == 0 ? 1 + rand() % 255 : ' ' + rand() % 95);
        bytes[len < sizeof(bytes) ? len : len - 1] = '\0';

        memset(buf, 'Z', sizeof(buf));
        log_value(buf, size, bytes);
        cr_assert(strlen(buf) < size);
        cr_assert_eq(buf[size], 'Z');
        for (const char *s = buf; *s != '\0'; s++)
            cr_assert((unsigned char)*s >= 0x20);
        if (buf[0] == '"')
            cr_assert_eq(buf[strlen(buf) - 1], '"');
        else
            cr_assert_str_eq(buf, bytes);
    }
}

/* Even a caller that forgets log_value() cannot be made to write two lines. */
Test(log, a_raw_value_cannot_break_the_line)
{
    log_warn("m", "v=%s", "a\nb\x1b\xff");
    cr_assert_str_eq(caught.line + TIME_LEN, "warn speaker \"m\" v=a\\nb\\x1b\\xff");
}

Test(log, a_long_line_is_cut_with_a_mark)
{
    static char text[3 * LOG_LINE_MAX];

    memset(text, 'x', sizeof(text) - 1);
    log_warn("m", "v=%s", text);
    cr_assert(strlen(caught.line) < LOG_LINE_MAX);
    cr_assert_str_eq(caught.line + strlen(caught.line) - 6, "xxx...");
    memset(text, '\n', sizeof(text) - 1);
    log_warn("m", "v=%s", text);
    cr_assert(strlen(caught.line) < LOG_LINE_MAX);
    cr_assert_str_eq(caught.line + strlen(caught.line) - 5, "\\n...");
    log_warn(text, "v=%d", 1);
    cr_assert_str_eq(caught.line + strlen(caught.line) - 8, "...\" v=1");
}

Test(log, a_line_is_one_write_to_stderr)
{
    int pipe_ends[2], saved = dup(STDERR_FILENO);
    char got[256] = "";

    /* In packet mode a read gives what one write put in. */
    cr_assert_eq(pipe2(pipe_ends, O_DIRECT), 0);
    log_set_sink(NULL, NULL);
    dup2(pipe_ends[1], STDERR_FILENO);
    errno = EPIPE;
    log_warn("peer down", "peer=%s", "mx1");
    int errno_after = errno;
    log_warn("next");
    dup2(saved, STDERR_FILENO);

    ssize_t len = read(pipe_ends[0], got, sizeof(got) - 1);
    cr_assert_eq(len, (ssize_t)strlen(got));
    cr_assert_str_eq(got + TIME_LEN, "warn speaker \"peer down\" peer=mx1\n");
    cr_assert_eq(errno_after, EPIPE, "errno is left as it was");
}

Test(log, the_last_error_is_kept)
{
    char text[600], small[12];
    log_last_error(text, sizeof(text));
    cr_assert_str_eq(text, "");
    log_error("cannot listen", "address=%s reason=\"taken\"", "[::]:2055");
    log_warn("peer down");
    log_last_error(text, sizeof(text));
    cr_assert_str_eq(text, "cannot listen: address=[::]:2055 reason=\"taken\"");
    log_last_error(small, sizeof(small));
    cr_assert_str_eq(small, "cannot list");
    log_error("two\nlines");
    log_last_error(text, sizeof(text));
    cr_assert_str_eq(text, "two\\nlines");
}

Test(log_limiter, one_line_per_source_and_interval)
{
    struct log_limiter limiter;
    uint64_t held = 99;

    log_limiter_init(&limiter, 60000);
    cr_assert(log_limiter_allow(&limiter, 7, 0, &held));
    cr_assert_eq(held, 0);
    for (uint64_t now = 1; now < 60000; now += 6000)
        cr_assert_not(log_limiter_allow(&limiter, 7, now, &held));
    cr_assert(log_limiter_allow(&limiter, 8, 10, &held), "another source is not held back");
    cr_assert(log_limiter_allow(&limiter, 7, 60001, &held));
    cr_assert_eq(held, 10);
    cr_assert_not(log_limiter_allow(&limiter, 7, 60002, &held));
    cr_assert(log_limiter_allow(&limiter, 7, 130000, &held));
    cr_assert_eq(held, 1);
}

Test(log_limiter, invented_sources_get_no_more_lines_than_there_are_slots)
{
    struct log_limiter limiter;
    uint64_t held;
    int lines = 0;

    log_limiter_init(&limiter, 60000);
    for (uint64_t source = 0; source < 100000; source++)
        lines += log_limiter_allow(&limiter, source * 0x9e3779b97f4a7c15, 1000, &held);
    cr_assert_eq(lines, 64);
}
