#include "common/service/secret_file.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROOM = 81 };

struct file_case {
    char bytes[120];
    size_t len; /* 0: a text */
    unsigned int mode;
    enum status want;
    char secret[ROOM], why[48];
};

#define EIGHTY "12345678901234567890123456789012345678901234567890123456789012345678901234567890"

ParameterizedTestParameters(secret_file, one_line_that_not_everybody_reads)
{
    static struct file_case cases[] = {
        {"s3cret\n", 0, 0600, STATUS_OK, "s3cret", ""},
        {"s3cret", 0, 0640, STATUS_OK, "s3cret", ""},
        {"two words \r\n", 0, 0400, STATUS_OK, "two words ", ""},
        {EIGHTY "\n", 0, 0600, STATUS_OK, EIGHTY, ""},
        {EIGHTY "1\n", 0, 0600, STATUS_LIMIT, "", "longer"},
        {EIGHTY "1234567890", 0, 0600, STATUS_LIMIT, "", "longer"},
        {"", 0, 0600, STATUS_MALFORMED, "", "no secret"},
        {"\n", 0, 0600, STATUS_MALFORMED, "", "no secret"},
        {"a\0b\n", 4, 0600, STATUS_MALFORMED, "", "no secret"},
        {"one\ntwo\n", 0, 0600, STATUS_MALFORMED, "", "more than one line"},
        {"s3cret\n", 0, 0604, STATUS_REFUSED, "", "everybody"},
        {"s3cret\n", 0, 0602, STATUS_REFUSED, "", "everybody"},
    };
    return cr_make_param_array(struct file_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct file_case *c, secret_file, one_line_that_not_everybody_reads)
{
    char path[] = "/tmp/weir-secret-XXXXXX", secret[ROOM] = "";
    struct text why;
    int fd = mkstemp(path);
    size_t len = c->len != 0 ? c->len : strlen(c->bytes);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, c->bytes, len), (ssize_t)len);
    cr_assert_eq(fchmod(fd, c->mode), 0);
    cr_assert_eq(close(fd), 0);
    text_init(&why, 0);
    enum status status = secret_file_read(path, secret, sizeof(secret), &why);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(status, c->want, "%s: %s", status_text(status), text_str(&why));
    cr_assert_str_eq(secret, c->secret);
    cr_assert_not_null(strstr(text_str(&why), c->why), "%s", text_str(&why));
    if (c->want != STATUS_OK)
        cr_assert_null(strstr(text_str(&why), "s3cret"));
    text_done(&why);
}

Test(secret_file, what_is_no_file_is_said_and_waits_for_nobody)
{
    char folder[] = "/tmp/weir-secret-XXXXXX", path[60], secret[ROOM];
    struct text why;
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/pipe", folder);
    text_init(&why, 0);
    cr_assert_eq(secret_file_read(path, secret, sizeof(secret), &why), STATUS_IO);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(secret_file_read(path, secret, sizeof(secret), &why), STATUS_REFUSED);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
    cr_assert_not_null(strstr(text_str(&why), "is no file"));
    text_done(&why);
}
