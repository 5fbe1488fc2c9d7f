#include "ctl/up_notify.h"

#include "common/service/notify.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[32], path[64];
static int fd = -1;

static void setup(void)
{
    strcpy(folder, "/tmp/weir-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/notify", folder);
    cr_assert_eq(up_notify_open(path, &fd), STATUS_OK);
    cr_assert_eq(setenv("NOTIFY_SOCKET", path, 1), 0);
}

static void teardown(void)
{
    (void)close(fd);
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(up_notify, .init = setup, .fini = teardown);

Test(up_notify, says_who_spoke_and_what)
{
    struct up_notice notice;
    cr_assert_not(up_notify_next(fd, &notice));
    notify_send("READY=1\nMAINPID=1");
    notify_send("STATUS=no UDP socket: reason=taken");
    notify_send("WATCHDOG=1\nREADY=10\n\n=\n");
    cr_assert(up_notify_next(fd, &notice));
    cr_assert_eq(notice.from, getpid());
    cr_assert(notice.ready);
    cr_assert_str_eq(notice.status, "");
    cr_assert(up_notify_next(fd, &notice));
    cr_assert_not(notice.ready);
    cr_assert_str_eq(notice.status, "no UDP socket: reason=taken");
    cr_assert(up_notify_next(fd, &notice));
    cr_assert_not(notice.ready);
    cr_assert_str_eq(notice.status, "");
    cr_assert_not(up_notify_next(fd, &notice));
}

Test(up_notify, a_long_notice_is_cut)
{
    static char text[10000];
    struct up_notice notice;
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "STATUS=", 7);
    notify_send(text);
    cr_assert(up_notify_next(fd, &notice));
    cr_assert_eq(strlen(notice.status), NOTICE_STATUS_MAX - 1);
}

Test(up_notify, a_file_that_was_left_is_replaced_and_a_long_path_refused)
{
    char longer[200];
    int again = -1;
    cr_assert_eq(up_notify_open(path, &again), STATUS_OK);
    (void)close(again);
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    cr_assert_eq(up_notify_open(longer, &again), STATUS_LIMIT);
}
