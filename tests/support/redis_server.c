#include "tests/support/redis_server.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_MS = 10000, LOOK_EVERY_MS = 2, ANSWER_MAX = 4096 };

static void fail(const char *what)
{
    fprintf(stderr, "redis_server: %s: %s\n", what, strerror(errno));
    abort();
}

static void look_again_soon(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000L}, NULL);
}

static redisContext *connect_to(struct redis_server *server)
{
    struct timeval limit = {.tv_sec = LIMIT_MS / 1000};
    redisContext *context = redisConnectUnixWithTimeout(server->socket, limit);
    if (context == NULL)
        fail("memory");
    if (context->err == 0)
        redisSetTimeout(context, limit);
    if (context->err == 0 && server->password != NULL)
        freeReplyObject(redisCommand(context, "AUTH %s", server->password));
    return context;
}

static bool is_ready(struct redis_server *server)
{
    redisContext *context = connect_to(server);
    redisReply *reply = context->err == 0 ? redisCommand(context, "PING") : NULL;
    bool ready = reply != NULL &&
                 (reply->type == REDIS_REPLY_STATUS || strncmp(reply->str, "NOAUTH", 6) == 0);
    if (reply != NULL)
        freeReplyObject(reply);
    redisFree(context);
    return ready;
}

static void run(struct redis_server *server, pid_t parent)
{
    const char *argv[32] = {"redis-server",
                            "--port",
                            "0",
                            "--unixsocket",
                            server->socket,
                            "--dir",
                            server->folder,
                            "--save",
                            "",
                            "--daemonize",
                            "no"};
    size_t count = 11;
    for (size_t i = 0; i < REDIS_SERVER_ARGS_MAX && server->args[i] != NULL; i++)
        argv[count++] = server->args[i];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    char log[sizeof server->folder + 16];
    snprintf(log, sizeof log, "%s/log", server->folder);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    char *args[32];
    memcpy(args, argv, sizeof args);
    execvp("redis-server", args);
    _exit(127);
}

void redis_server_start_again(struct redis_server *server)
{
    pid_t parent = getpid();
    server->pid = fork();
    if (server->pid < 0)
        fail("fork");
    if (server->pid == 0)
        run(server, parent);
    for (int waited_ms = 0; !is_ready(server); waited_ms += LOOK_EVERY_MS) {
        if (waited_ms >= LIMIT_MS || waitpid(server->pid, NULL, WNOHANG) != 0)
            fail("redis-server does not start; is it installed?");
        look_again_soon();
    }
}

void redis_server_start(struct redis_server *server, const char *const *args)
{
    *server = (struct redis_server){.pid = 0};
    for (size_t i = 0; args != NULL && args[i] != NULL; i++) {
        if (i + 1 >= REDIS_SERVER_ARGS_MAX)
            fail("too many arguments");
        server->args[i] = args[i];
        if (i > 0 && strcmp(args[i - 1], "--requirepass") == 0)
            server->password = args[i];
    }
    snprintf(server->folder, sizeof server->folder, "/tmp/weir-redis-XXXXXX");
    if (mkdtemp(server->folder) == NULL)
        fail("mkdtemp");
    snprintf(server->socket, sizeof server->socket, "%s/socket", server->folder);
    snprintf(server->address, sizeof server->address, "unix:%s", server->socket);
    redis_server_start_again(server);
}

static void end(struct redis_server *server, int signal_number)
{
    if (server->pid == 0)
        return;
    kill(server->pid, signal_number);
    if (waitpid(server->pid, NULL, 0) != server->pid)
        fail("waitpid");
    server->pid = 0;
}

void redis_server_stop(struct redis_server *server)
{
    end(server, SIGTERM);
}

void redis_server_kill(struct redis_server *server)
{
    end(server, SIGKILL);
}

void redis_server_freeze(struct redis_server *server)
{
    int status;
    kill(server->pid, SIGSTOP);
    if (waitpid(server->pid, &status, WUNTRACED) != server->pid || !WIFSTOPPED(status))
        fail("SIGSTOP");
}

void redis_server_thaw(struct redis_server *server)
{
    kill(server->pid, SIGCONT);
}

void redis_server_done(struct redis_server *server)
{
    redis_server_kill(server);
    char command[sizeof server->folder + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", server->folder);
    if (server->folder[0] != '\0' && system(command) != 0)
        fail(command);
    server->folder[0] = '\0';
}

/* Arrays as their items between spaces, nested ones in brackets. */
static void show(const redisReply *reply, char *text, size_t *len)
{
    char *at = text + *len;
    size_t room = ANSWER_MAX - *len;
    int written = 0;
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        written = snprintf(at, room, "%lld", reply->integer);
        break;
    case REDIS_REPLY_NIL:
        written = snprintf(at, room, "(nil)");
        break;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            bool nested = reply->element[i]->type == REDIS_REPLY_ARRAY;
            *len += (size_t)snprintf(text + *len, ANSWER_MAX - *len, "%s%s", i > 0 ? " " : "",
                                     nested ? "[" : "");
            if (*len >= ANSWER_MAX)
                fail("answer too long");
            show(reply->element[i], text, len);
            if (nested)
                *len += (size_t)snprintf(text + *len, ANSWER_MAX - *len, "]");
        }
        return;
    default:
        written = snprintf(at, room, "%s", reply->str);
    }
    *len += (size_t)written;
    if (*len >= ANSWER_MAX)
        fail("answer too long");
}

const char *redis_server_cli(struct redis_server *server, const char *command)
{
    static char text[ANSWER_MAX];
    size_t len = 0;
    text[0] = '\0';
    redisContext *context = connect_to(server);
    redisReply *reply = context->err == 0 ? redisCommand(context, command) : NULL;
    if (reply == NULL)
        fail(command);
    show(reply, text, &len);
    freeReplyObject(reply);
    redisFree(context);
    return text;
}

void redis_server_eval(struct redis_server *server, const char *script)
{
    redisContext *context = connect_to(server);
    redisReply *reply = context->err == 0 ? redisCommand(context, "EVAL %s 0", script) : NULL;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        fail(reply == NULL ? script : reply->str);
    freeReplyObject(reply);
    redisFree(context);
}

void redis_server_fill(struct redis_server *server, const char *stream, int entries, int bytes)
{
    static const char script[] =
        "for i = 1, ARGV[1] do "
        "redis.call('XADD', KEYS[1], '*', 'junk', string.rep('x', ARGV[2])) "
        "end";
    redisContext *context = connect_to(server);
    redisReply *reply = context->err == 0 ? redisCommand(context, "EVAL %s 1 %s %d %d", script,
                                                         stream, entries, bytes)
                                          : NULL;
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
        fail(reply == NULL ? stream : reply->str);
    freeReplyObject(reply);
    redisFree(context);
}
