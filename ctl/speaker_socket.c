#include "ctl/speaker_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 1 << 20, ANSWER_WAIT_S = 5 };

json_t *speaker_ask(const char *path, const char *line, struct text *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = ANSWER_WAIT_S};
    struct text answer;
    json_t *object = NULL;
    text_init(&answer, ANSWER_MAX);
    if (strlen(path) >= sizeof address.sun_path) {
        text_addf(why, "the path is longer than %zu octets", sizeof address.sun_path - 1);
        return NULL;
    }
    (void)strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
                connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line);
    while (good && memchr(text_str(&answer), '\n', answer.len) == NULL) {
        char part[4096];
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n == 0)
            errno = ECONNRESET;
        good = n > 0;
        text_add_bytes(&answer, part, n > 0 ? (size_t)n : 0);
        if (good && answer.failed) {
            errno = EMSGSIZE;
            good = false;
        }
    }
    if (!good)
        text_addf(why, "%s", errno == EAGAIN ? "no answer within 5 s" : strerror(errno));
    else if ((object = json_loads(text_str(&answer), 0, NULL)) == NULL || !json_is_object(object))
        text_add(why, "an answer that is no JSON object");
    if (fd >= 0)
        (void)close(fd);
    text_done(&answer);
    if (why->len > 0) {
        json_decref(object);
        object = NULL;
    }
    return object;
}
