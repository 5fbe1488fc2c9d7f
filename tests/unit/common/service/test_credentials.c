#include "common/service/credentials.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct config config;
static struct text why;

static void start(void)
{
    (void)strcpy(folder, "/tmp/weir-test.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    config.redis.password_dir = folder;
    text_init(&why, 0);
}

static void put(const char *name, const char *content)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(content, file);
    (void)fclose(file);
}

static void end(void)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/policy.pw", folder);
    if (unlink(path) != 0)
        (void)rmdir(path);
    (void)rmdir(folder);
    text_done(&why);
}

TestSuite(credentials, .init = start, .fini = end);

Test(credentials, the_first_line_of_the_users_file_is_the_password)
{
    struct credentials c;
    put("policy.pw", "se cret\r\nnot this\n");
    cr_assert_eq(credentials_read(&c, &config, "policy", &why), STATUS_OK);
    cr_assert_str_eq(c.user, "policy");
    cr_assert_str_eq(c.password, "se cret");
    credentials_done(&c);
    cr_assert_null(c.password);
    credentials_done(&c);
}

Test(credentials, without_a_file_or_a_folder_nothing_is_sent)
{
    struct credentials c;
    cr_assert_eq(credentials_read(&c, &config, "policy", &why), STATUS_OK);
    cr_assert(c.user == NULL && c.password == NULL);
    config.redis.password_dir = NULL;
    cr_assert_eq(credentials_read(&c, &config, "policy", &why), STATUS_OK);
    cr_assert(c.user == NULL && c.password == NULL);
}

Test(credentials, an_empty_file_is_an_error_with_its_name)
{
    struct credentials c;
    put("policy.pw", "\nsecond line\n");
    cr_assert_eq(credentials_read(&c, &config, "policy", &why), STATUS_MALFORMED);
    cr_assert_not_null(strstr(text_str(&why), "policy.pw: no password"));
    put("policy.pw", "");
    cr_assert_eq(credentials_read(&c, &config, "policy", &why), STATUS_MALFORMED);
}

Test(credentials, what_cannot_be_read_is_an_error_with_its_name)
{
    struct credentials c;
    char path[128];
    (void)snprintf(path, sizeof path, "%s/policy.pw", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(credentials_read(&c, &config, "policy", &why), STATUS_IO);
    cr_assert_not_null(strstr(text_str(&why), "policy.pw: "));
}
