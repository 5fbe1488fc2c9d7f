#include "ctl/up_child.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct child child_of(const char *const *args)
{
    struct child child;
    cr_assert_eq(child_init(&child, "c", args), STATUS_OK);
    return child;
}

Test(up_child, restarts_wait_longer_after_each_early_end_up_to_a_limit)
{
    static const uint64_t want_ms[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    struct child child = child_of((const char *const[]){"/bin/true", NULL});
    uint64_t now_ms = 5000;
    for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++) {
        child.pid = 1;
        child.started_ms = now_ms;
        cr_assert_eq(child_exited(&child, now_ms + 10), want_ms[i]);
        cr_assert_eq(child.restart_at_ms, now_ms + 10 + want_ms[i]);
        now_ms = child.restart_at_ms;
    }
    child.started_ms = now_ms;
    cr_assert_eq(child_exited(&child, now_ms + CHILD_STEADY_MS), 100, "it ran for long enough");
    child_done(&child);
}

Test(up_child, one_that_is_ended_every_few_seconds_is_started_again_at_once)
{
    struct child child = child_of((const char *const[]){"/bin/true", NULL});
    uint64_t now_ms = 5000;
    for (size_t i = 0; i < 20; i++) {
        child.pid = 1;
        child.started_ms = now_ms;
        cr_assert_eq(child_exited(&child, now_ms + 7000), 100);
        now_ms = child.restart_at_ms;
    }
    child_done(&child);
}

Test(up_child, one_that_was_told_to_stop_is_not_started_again)
{
    struct child child = child_of((const char *const[]){"/bin/true", NULL});
    child_stop(&child, SIGTERM);
    cr_assert_eq(child_exited(&child, 10), 0);
    cr_assert_eq(child.restart_at_ms, 0);
    child_done(&child);
}

Test(up_child, it_gets_a_session_and_default_signals)
{
    struct child child = child_of((const char *const[]){"/bin/sleep", "60", NULL});
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_BLOCK, &all, NULL); /* as a library might leave it */
    cr_assert_eq(child_start(&child, 0), STATUS_OK);
    cr_assert_eq(getsid(child.pid), child.pid);
    child_stop(&child, SIGTERM);
    int how = 0;
    cr_assert_eq(waitpid(child.pid, &how, 0), child.pid);
    cr_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGTERM, "the signal is not blocked in it");
    child_done(&child);
}

Test(up_child, a_program_that_cannot_be_executed_says_so)
{
    struct child child = child_of((const char *const[]){"/nonexistent/program", NULL});
    cr_assert_eq(child_start(&child, 0), STATUS_IO);
    cr_assert_gt(child.pid, 0, "its end is reaped like any other");
    cr_assert_eq(waitpid(child.pid, NULL, 0), child.pid);
    cr_assert_eq(child_exited(&child, 5), 100);
    child_done(&child);
}

static int run_to_end(struct child *child)
{
    int how = 0;
    cr_assert_eq(child_start(child, 0), STATUS_OK);
    cr_assert_eq(waitpid(child->pid, &how, 0), child->pid);
    return how;
}

Test(up_child, its_own_word_of_why_counts_more_than_how_it_ended)
{
    struct child child = child_of((const char *const[]){"/bin/sh", "-c", "exit 3", NULL});
    child_ended_so(&child, run_to_end(&child));
    (void)child_exited(&child, 1);
    cr_assert_str_eq(child.why, "it ended with exit status 3");
    int how = run_to_end(&child);
    child_told(&child, false, "no UDP socket");
    child_ended_so(&child, how);
    (void)child_exited(&child, 2);
    cr_assert_str_eq(child.why, "no UDP socket");
    child_ended_so(&child, run_to_end(&child));
    cr_assert_str_eq(child.why, "it ended with exit status 3", "the word was of an earlier life");
    child_done(&child);
}

Test(up_child, it_is_ready_by_its_word_until_it_ends)
{
    struct child child = child_of((const char *const[]){"/bin/true", NULL});
    (void)run_to_end(&child);
    cr_assert_not(child.ready);
    child_told(&child, true, "");
    cr_assert(child.ready);
    (void)child_exited(&child, 1);
    cr_assert_not(child.ready);
    child_done(&child);
}

Test(up_child, notices_go_to_the_parent_and_not_to_whom_the_parent_notifies)
{
    static const char *const sh[] = {"/bin/sh", "-c", "test \"$NOTIFY_SOCKET\" = \"$WANT\"", NULL};
    struct child child = child_of(sh);
    cr_assert_eq(setenv("NOTIFY_SOCKET", "/of/systemd", 1), 0);
    cr_assert_eq(setenv("WANT", "/of/up", 1), 0);
    child.notify = "/of/up";
    cr_assert_eq(run_to_end(&child), 0);
    (void)child_exited(&child, 1);
    cr_assert_eq(setenv("WANT", "", 1), 0);
    child.notify = NULL;
    cr_assert_eq(run_to_end(&child), 0);
    (void)child_exited(&child, 1);
    child_done(&child);
}
