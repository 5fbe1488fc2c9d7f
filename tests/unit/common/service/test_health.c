#include "common/service/health.h"

#include "common/service/process.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A listener that says what the case wants, in pieces, and a client that asks it. */
enum { LIMIT_MS = 20000, SHORT_MS = 100 };

struct health_case {
    char name[40], address[40], answer[160];
    size_t piece;   /* octets at a time; 0: all at once */
    bool is_silent; /* takes the connection, never answers */
    enum status want;
    char said[60];
};

static int listener = -1;
static struct ip_endpoint at;
static const struct health_case *now;

static void listen_on(const char *address)
{
    struct ip_endpoint any = {0};
    cr_assert_eq(addr_parse(&any.addr, address), STATUS_OK);
    struct sockaddr_storage to;
    socklen_t len = endpoint_to_sockaddr(&any, &to);
    listener = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(listener, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&to, len), 0);
    cr_assert_eq(listen(listener, 4), 0);
    len = sizeof(to);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&to, &len), 0);
    cr_assert_eq(endpoint_from_sockaddr(&at, (struct sockaddr *)&to), STATUS_OK);
}

static void *answer_one(void *unused)
{
    char got[256] = "";
    size_t len = 0;
    (void)unused;
    int fd = accept(listener, NULL, NULL);
    while (strstr(got, "\r\n\r\n") == NULL) {
        ssize_t n = recv(fd, got + len, sizeof(got) - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    bool is_asked = strncmp(got, "GET /healthz HTTP/1.", 20) == 0;
    size_t whole = strlen(now->answer), piece = now->piece ? now->piece : whole;
    for (size_t i = 0; is_asked && i < whole; i += piece)
        (void)send(fd, now->answer + i, piece < whole - i ? piece : whole - i, MSG_NOSIGNAL);
    while (now->is_silent && recv(fd, got, sizeof(got), 0) > 0) {
    }
    (void)close(fd);
    return NULL;
}

#define HEAD(code) "HTTP/1.1 " code "\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
ParameterizedTestParameters(health, what_it_says_is_judged)
{
    static struct health_case cases[] = {
        {"well", "127.0.0.1", HEAD("200 OK") "ok\n", 0, false, STATUS_OK, "ok"},
        {"well, octet by octet", "127.0.0.1", HEAD("200 OK") "ok\n", 1, false, STATUS_OK, "ok"},
        {"listens on every address", "0.0.0.0", HEAD("200 OK") "ok\n", 0, false, STATUS_OK, "ok"},
        {"not well", "127.0.0.1", HEAD("503 Service Unavailable") "state server away\n", 0, false,
         STATUS_REFUSED, "state server away"},
        {"another's page", "127.0.0.1", HEAD("404 Not Found") "no\n", 0, false, STATUS_REFUSED,
         "no"},
        {"no HTTP", "127.0.0.1", "220 mail\r\n\r\n", 0, false, STATUS_MALFORMED,
         "what answers speaks no HTTP"},
        {"half a head", "127.0.0.1", "HTTP/1.1 200 OK\r\n", 0, false, STATUS_MALFORMED,
         "what answers speaks no HTTP"},
        {"hangs up", "127.0.0.1", "", 0, false, STATUS_AWAY, "not connected"},
        {"silent", "127.0.0.1", "", 0, true, STATUS_TIMEOUT, "no answer in time"},
    };
    return cr_make_param_array(struct health_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct health_case *c, health, what_it_says_is_judged, .timeout = 60)
{
    pthread_t thread;
    struct text said;
    text_init(&said, 0);
    now = c;
    listen_on(c->address);
    cr_assert_eq(pthread_create(&thread, NULL, answer_one, NULL), 0);
    enum status got = health_ask(&at, c->is_silent ? SHORT_MS : LIMIT_MS, &said);
    cr_expect_eq(got, c->want, "%s: %s: %s", c->name, status_name(got), text_str(&said));
    cr_expect_not_null(strstr(text_str(&said), c->said), "%s: %s", c->name, text_str(&said));
    cr_assert_eq(pthread_join(thread, NULL), 0);
    (void)close(listener);
    text_done(&said);
}

Test(health, nobody_there_is_said)
{
    struct text said;
    text_init(&said, 0);
    listen_on("127.0.0.1");
    (void)close(listener);
    cr_expect_eq(health_ask(&at, LIMIT_MS, &said), STATUS_AWAY);
    cr_expect_not_null(strstr(text_str(&said), "127.0.0.1:"), "%s", text_str(&said));
    cr_expect_not_null(strstr(text_str(&said), "Connection refused"), "%s", text_str(&said));
    text_done(&said);
}

/* What weir-policy --health with this configuration says, and its exit status. */
static int ask_by_program(const char *yaml, char ret_said[256])
{
    static const struct process_hooks hooks = {.kind = "policy"};
    char folder[] = "/tmp/weir-test-XXXXXX", path[64];
    int fd[2], status = 0;
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/weir.yaml", folder);
    FILE *out = fopen(path, "w");
    cr_assert_not_null(out);
    cr_assert_geq(fputs(yaml, out), 0);
    cr_assert_eq(fclose(out), 0);
    cr_assert_eq(pipe(fd), 0);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        char *argv[] = {"weir-policy", "--health", "--config", path, NULL};
        (void)dup2(fd[1], STDOUT_FILENO);
        int result = process_run(4, argv, &hooks);
        (void)fflush(stdout);
        _exit(result);
    }
    (void)close(fd[1]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    ssize_t n = read(fd[0], ret_said, 255);
    ret_said[n > 0 ? n : 0] = '\0';
    (void)close(fd[0]);
    (void)unlink(path);
    (void)rmdir(folder);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(health, a_program_asks_where_its_configuration_says)
{
    static const struct {
        const char *answer, *said;
        int status;
    } cases[] = {{HEAD("200 OK") "ok\n", "ok\n", 0},
                 {HEAD("503 Service Unavailable") "no lease\n", "no lease\n", 1}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct health_case c = {.name = ""};
        char yaml[100], got[256];
        pthread_t thread;
        (void)snprintf(c.answer, sizeof(c.answer), "%s", cases[i].answer);
        now = &c;
        listen_on("127.0.0.1");
        (void)snprintf(yaml, sizeof(yaml), "policy: {metrics_port: %u}\n", at.port);
        cr_assert_eq(pthread_create(&thread, NULL, answer_one, NULL), 0);
        cr_expect_eq(ask_by_program(yaml, got), cases[i].status);
        cr_expect_str_eq(got, cases[i].said);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        (void)close(listener);
    }
}

Test(health, a_program_without_a_listener_has_no_health)
{
    char got[256];
    cr_expect_eq(ask_by_program("policy: {metrics_port: 0}\n", got), 1);
    cr_expect_str_eq(got, "policy.metrics_port is 0, so it has no /healthz\n");
}
