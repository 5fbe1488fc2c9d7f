#include "ctl/up_files.h"
#include "tests/unit/skip.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-test-XXXXXX";

static void make(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void clean(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

Test(up_files, folders_are_made_for_their_owner_only, .init = make, .fini = clean)
{
    char path[UP_PATH_MAX];
    struct stat is;
    (void)snprintf(path, sizeof(path), "%s/a/b/c", folder);
    cr_assert_eq(up_make_folder(path), STATUS_OK);
    cr_assert_eq(up_make_folder(path), STATUS_OK, "it may be there already");
    cr_assert_eq(stat(path, &is), 0);
    cr_assert_eq(is.st_mode & 0777, 0700);
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    fclose(fopen(path, "w"));
    cr_assert_neq(up_make_folder(path), STATUS_OK);
}

Test(up_files, somebody_elses_folder_is_refused, .init = make, .fini = clean)
{
    char path[UP_PATH_MAX];
    if (getuid() != 0) {
        skip_case("a folder is given away by root only");
    }
    (void)snprintf(path, sizeof(path), "%s/theirs", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(chown(path, 12345, 12345), 0);
    cr_assert_eq(up_make_folder(path), STATUS_REFUSED);
}

Test(up_files, a_child_keeps_the_lock_of_a_parent_that_was_killed, .init = make, .fini = clean)
{
    int parents = -1, second = -1, hold[2];
    long holder = 0;
    char end;
    cr_assert_eq(up_lock(folder, &parents, &holder), STATUS_OK);
    cr_assert_eq(pipe(hold), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(hold[1]);
        _exit(read(hold[0], &end, 1) == 0 ? 0 : 1);
    }
    (void)close(hold[0]);
    (void)close(parents);
    cr_assert_eq(up_lock(folder, &second, &holder), STATUS_REFUSED);
    (void)close(hold[1]);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_assert_eq(up_lock(folder, &second, &holder), STATUS_OK);
    (void)close(second);
}

Test(up_files, who_was_killed_and_not_waited_for_does_not_live)
{
    siginfo_t ended;
    cr_expect(up_holder_lives((long)getpid()));
    pid_t child = fork();
    if (child == 0) {
        (void)pause();
        _exit(1);
    }
    cr_expect(up_holder_lives((long)child));
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    cr_expect_eq(kill(child, 0), 0, "the pid is still there");
    cr_expect_not(up_holder_lives((long)child));
    cr_assert_eq(waitpid(child, NULL, 0), child);
    cr_expect_not(up_holder_lives((long)child));
}

Test(up_files, a_second_holder_of_the_lock_is_refused_and_told_the_first, .init = make,
     .fini = clean)
{
    int first = -1, second = -1;
    long holder = 0;
    cr_assert_eq(up_lock(folder, &first, &holder), STATUS_OK);
    cr_assert_eq(up_lock(folder, &second, &holder), STATUS_REFUSED);
    cr_assert_eq(holder, (long)getpid());
    (void)close(first);
    cr_assert_eq(up_lock(folder, &second, &holder), STATUS_OK);
    (void)close(second);
}

Test(up_files, socket_paths_stay_short_wherever_the_state_is)
{
    char deep[400] = "/", run_dir[UP_PATH_MAX], other[UP_PATH_MAX];
    memset(deep + 1, 'x', 300);
    up_run_dir("/var/lib/weir", run_dir);
    cr_assert_str_eq(run_dir, "/var/lib/weir/run");
    up_run_dir(deep, run_dir);
    cr_assert_lt(strlen(run_dir) + strlen("/telemetry.sock"), 107);
    deep[300] = 'y';
    up_run_dir(deep, other);
    cr_assert_str_neq(run_dir, other, "two state folders never share one");
}

Test(up_files, a_folder_for_sockets_under_tmp_goes_at_the_end, .init = make, .fini = clean)
{
    char deep[400], near[64], run_dir[UP_PATH_MAX];
    (void)snprintf(deep, sizeof(deep), "%s/%0300d", folder, 1);
    up_run_dir(deep, run_dir);
    struct config far = {.state_dir = deep, .run_dir = run_dir};
    cr_assert_eq(up_make_folder(run_dir), STATUS_OK);
    up_run_dir_remove(&far);
    cr_expect_neq(access(run_dir, F_OK), 0);
    (void)snprintf(near, sizeof(near), "%s/run", folder);
    struct config usual = {.state_dir = folder, .run_dir = near};
    cr_assert_eq(up_make_folder(near), STATUS_OK);
    up_run_dir_remove(&usual);
    cr_expect_eq(access(near, F_OK), 0, "the state folder keeps its own");
}

Test(up_files, the_sample_loads_and_is_not_written_twice, .init = make, .fini = clean)
{
    char path[UP_PATH_MAX];
    bool is_new = false;
    struct config *config = NULL;
    struct config_errors errors;
    cr_assert_eq(up_sample(folder, path, &is_new), STATUS_OK);
    cr_assert(is_new);
    config_errors_init(&errors, path);
    cr_assert_eq(config_load(&config, path, &errors), STATUS_OK, "%s", text_str(&errors.lines));
    cr_assert(config->dry_run);
    cr_assert_str_eq(config->state_dir, folder);
    char conf[UP_PATH_MAX], content[4096] = "";
    struct text why;
    text_init(&why, 0);
    cr_assert_eq(up_redis_conf(config, &config->redis.state, true, conf, &why), STATUS_OK);
    cr_assert_eq(why.len, 0);
    FILE *f = fopen(conf, "r");
    cr_assert_not_null(f);
    cr_assert_gt(fread(content, 1, sizeof(content) - 1, f), 0);
    fclose(f);
    cr_assert_not_null(strstr(content, "appendfsync always"));
    cr_assert_not_null(strstr(content, "redis-state/users.acl"));
    config_free(config);
    config_errors_done(&errors);
    cr_assert_eq(up_sample(folder, path, &is_new), STATUS_OK);
    cr_assert(!is_new, "what a person changed stays");
}
