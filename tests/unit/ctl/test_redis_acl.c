#include "ctl/passwords.h"
#include "ctl/redis_acl.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char folder[] = "/tmp/weir-test-XXXXXX";
static struct config config;
static struct text acl, why;

static void make(void)
{
    cr_assert_not_null(mkdtemp(folder));
    config.redis.prefix = "weir:";
    config.redis.password_dir = folder;
    text_init(&acl, 0);
    text_init(&why, 0);
}

static void clean(void)
{
    char command[128];
    text_done(&acl);
    text_done(&why);
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static void write_password(const char *user, const char *password)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s.pw", folder, user);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    (void)fprintf(f, "%s\n", password);
    (void)fclose(f);
}

static const char *rendered(void)
{
    text_clear(&acl);
    cr_assert_eq(redis_acl_add(&acl, &config, true, &why), STATUS_OK, "%s", text_str(&why));
    return text_str(&acl);
}

/* The server takes neither comments nor lines that go on, and says so only when it starts. */
Test(redis_acl, is_one_line_a_user_and_nothing_else, .init = make, .fini = clean)
{
    char *copy = strdup(rendered());
    size_t users = 0;
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"), users++)
        cr_assert_eq(strncmp(line, "user ", 5), 0, "%s", line);
    free(copy);
    cr_assert_eq(users, 7);
    cr_assert_null(strstr(text_str(&acl), "@password@"));
}

Test(redis_acl, who_has_no_password_is_off, .init = make, .fini = clean)
{
    write_password("policy", "s3cret");
    cr_assert_not_null(strstr(rendered(), "user policy on >s3cret "));
    cr_assert_not_null(strstr(text_str(&acl), "user speaker off "));
}

Test(redis_acl, who_says_no_name_is_nobody, .init = make, .fini = clean)
{
    cr_assert_not_null(strstr(rendered(), "user default off "));
    text_clear(&acl);
    cr_assert_eq(redis_acl_add(&acl, &config, false, &why), STATUS_OK);
    cr_assert_not_null(strstr(text_str(&acl), "user default off\n"));
}

Test(redis_acl, keys_begin_with_the_prefix_of_the_configuration, .init = make, .fini = clean)
{
    config.redis.prefix = "net7:";
    cr_assert_not_null(strstr(rendered(), " %W~net7:results)"));
    cr_assert_null(strstr(text_str(&acl), "weir:"));
}

/* Only then may a speaker ask policy for anything. */
Test(redis_acl, an_adapter_socket_has_its_rights_where_it_is_switched_on, .init = make,
     .fini = clean)
{
    cr_assert_null(strstr(rendered(), "adapter"));
    const char *speaker = strstr(text_str(&acl), "user speaker");
    cr_assert_null(strstr(speaker, "%W~weir:requests %W~weir:audit)\n"));
    size_t len = acl.len;
    config.speaker.adapter.enabled = true;
    speaker = strstr(rendered(), "user speaker");
    const char *right = strstr(speaker, "(+xadd %W~weir:requests %W~weir:audit)");
    cr_assert_not_null(right);
    cr_assert_lt(right, strchr(speaker, '\n'), "it is the speaker's line");
    cr_assert_null(strstr(text_str(&acl), "adapter"));
    cr_assert_gt(acl.len, len);
}

Test(redis_acl, a_password_that_would_end_its_word_is_refused, .init = make, .fini = clean)
{
    static const char *const wrong[] = {"two words", "a\tb", "x +@all", "\"q\""};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_password("speaker", wrong[i]);
        text_clear(&acl);
        text_clear(&why);
        cr_assert_eq(redis_acl_add(&acl, &config, true, &why), STATUS_MALFORMED, "%s", wrong[i]);
        cr_assert_not_null(strstr(text_str(&why), "speaker.pw"));
        cr_assert_null(strstr(text_str(&why), wrong[i]), "a password is never shown");
    }
}

Test(passwords, are_made_once_for_their_owner_only, .init = make, .fini = clean)
{
    static const char *const others[] = {"collector", "aggregator", "policy", "speaker", "admin"};
    char path[128], first[64] = "", second[64] = "", made[64] = "";
    struct stat is;
    write_password("policy", "chosen");
    cr_assert_eq(passwords_make(&config, &why), STATUS_OK, "%s", text_str(&why));
    cr_assert_not_null(strstr(rendered(), "user policy on >chosen "), "what is there stays");
    cr_assert_null(strstr(strstr(text_str(&acl), "user admin"), " off"), "all have one now");
    cr_assert_eq(sscanf(strstr(text_str(&acl), "user speaker"), "user speaker on >%63s", first), 1);
    cr_assert_eq(sscanf(strstr(text_str(&acl), "user admin"), "user admin on >%63s", made), 1);
    cr_assert_eq(strlen(first), 48);
    cr_assert_str_neq(first, made);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s.pw", folder, others[i]);
        cr_assert_eq(stat(path, &is), 0);
        if (strcmp(others[i], "policy") != 0)
            cr_assert_eq(is.st_mode & 0777, 0600, "%s", others[i]);
    }
    cr_assert_eq(passwords_make(&config, &why), STATUS_OK);
    cr_assert_eq(sscanf(strstr(rendered(), "user speaker"), "user speaker on >%63s", second), 1);
    cr_assert_str_eq(first, second);
}

Test(passwords, say_where_they_cannot_be_made, .init = make, .fini = clean)
{
    char path[128];
    write_password("policy", "x");
    (void)snprintf(path, sizeof(path), "%s/policy.pw/below", folder);
    config.redis.password_dir = path;
    cr_assert_neq(passwords_make(&config, &why), STATUS_OK);
    cr_assert_not_null(strstr(text_str(&why), path));
}
