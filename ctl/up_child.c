#include "ctl/up_child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum status child_init(struct child *child, const char *name, const char *const *args)
{
    memset(child, 0, sizeof(*child));
    child->parent_fd = -1;
    (void)snprintf(child->name, sizeof(child->name), "%s", name);
    for (; args[child->arg_count] != NULL; child->arg_count++) {
        assert(child->arg_count < CHILD_ARGS_MAX);
        child->args[child->arg_count] = strdup(args[child->arg_count]);
        if (child->args[child->arg_count] == NULL)
            return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

void child_done(struct child *child)
{
    for (size_t i = 0; i < child->arg_count; i++)
        free(child->args[i]);
    child->arg_count = 0;
}

/* Runs in the child, between fork and exec: only what is safe there, where the parent has but one
 * thread. A $NOTIFY_SOCKET of the parent is not the child's to write to. */
static void become(const struct child *child, pid_t parent, int error_pipe)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int s = 1; s < NSIG; s++)
        (void)signal(s, SIG_DFL);
    (void)setsid();
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1); /* the parent died before the line above took hold */
    if (child->parent_fd >= 0)
        (void)fcntl(child->parent_fd, F_SETFD, 0);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        (void)dup2(null, STDIN_FILENO);
    if (child->notify != NULL)
        (void)setenv("NOTIFY_SOCKET", child->notify, 1);
    else
        (void)unsetenv("NOTIFY_SOCKET");
    (void)execv(child->args[0], child->args);
    int why = errno;
    ssize_t ignored = write(error_pipe, &why, sizeof(why));
    (void)ignored;
    _exit(127);
}

enum status child_start(struct child *child, uint64_t now_ms)
{
    assert(child->pid == 0);
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return STATUS_IO;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(child, parent, ends[1]);
    (void)close(ends[1]);
    int why = 0;
    ssize_t got = pid < 0 ? 0 : read(ends[0], &why, sizeof(why));
    (void)close(ends[0]);
    if (pid < 0)
        return STATUS_IO;
    child->pid = pid;
    child->started_ms = now_ms;
    child->restart_at_ms = 0;
    child->ready = child->explained = false;
    if (got == (ssize_t)sizeof(why)) {
        errno = why;
        return STATUS_IO; /* its end is reaped like any other */
    }
    return STATUS_OK;
}

uint64_t child_exited(struct child *child, uint64_t now_ms)
{
    child->pid = 0;
    child->ready = false;
    child->restart_at_ms = 0;
    if (child->stopping)
        return 0;
    if (now_ms - child->started_ms >= CHILD_STEADY_MS)
        child->failures = 0;
    uint64_t delay_ms = CHILD_BACKOFF_MIN_MS;
    for (uint32_t i = 0; i < child->failures && delay_ms < CHILD_BACKOFF_MAX_MS; i++)
        delay_ms *= 2;
    if (delay_ms > CHILD_BACKOFF_MAX_MS)
        delay_ms = CHILD_BACKOFF_MAX_MS;
    child->failures++;
    child->restart_at_ms = now_ms + delay_ms;
    return delay_ms;
}

void child_told(struct child *child, bool ready, const char *status)
{
    if (ready) {
        child->ready = true;
        child->why[0] = '\0';
    }
    if (status[0] == '\0')
        return;
    child->explained = true;
    (void)snprintf(child->why, sizeof(child->why), "%s", status);
}

void child_ended_so(struct child *child, int how)
{
    if (child->explained)
        return;
    if (WIFSIGNALED(how))
        (void)snprintf(child->why, sizeof(child->why), "it died of signal %d (%s)", WTERMSIG(how),
                       strsignal(WTERMSIG(how)));
    else
        (void)snprintf(child->why, sizeof(child->why), "it ended with exit status %d",
                       WEXITSTATUS(how));
}

void child_stop(struct child *child, int signal_number)
{
    child->stopping = true;
    child->restart_at_ms = 0;
    if (child->pid > 0)
        (void)kill(child->pid, signal_number);
}
