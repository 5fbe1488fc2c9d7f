#include "common/service/parent.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void *owner)
{
    ++*(int *)owner;
}

/* A loop with a watch on what the variable says. */
struct watched {
    uv_loop_t loop;
    struct parent_watch watch;
    int gone;
};

static void start(struct watched *w, const char *variable)
{
    cr_assert_eq(setenv(PARENT_FD_VARIABLE, variable, 1), 0);
    w->gone = 0;
    cr_assert_eq(uv_loop_init(&w->loop), 0);
    parent_watch_start(&w->watch, &w->loop, count, &w->gone);
    cr_assert_null(getenv(PARENT_FD_VARIABLE), "children of ours must not take it for theirs");
    (void)uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void end(struct watched *w)
{
    parent_watch_close(&w->watch);
    parent_watch_close(&w->watch);
    (void)uv_run(&w->loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&w->loop), 0);
}

Test(parent, the_end_of_its_writer_is_told_once)
{
    int ends[2];
    char text[16];
    struct watched w;
    cr_assert_eq(pipe(ends), 0);
    snprintf(text, sizeof(text), "%d", ends[0]);
    start(&w, text);
    cr_assert_eq(w.gone, 0);
    cr_assert_eq(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    close(ends[1]);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    cr_assert_eq(w.gone, 1);
    end(&w);
    close(ends[0]);
}

Test(parent, what_is_no_pipe_is_not_watched)
{
    static const char *const wrong[] = {"", "x", "-1", "99999", "4294967296"};
    struct watched w;
    char text[16];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        start(&w, wrong[i]);
        cr_assert_not(w.watch.open, "%s", wrong[i]);
        end(&w);
    }
    int null = open("/dev/null", O_RDONLY);
    snprintf(text, sizeof(text), "%d", null);
    start(&w, text);
    cr_assert_not(w.watch.open);
    end(&w);
    close(null);
}
