#include "speaker/control.h"

#include "common/base/log.h"
#include "speaker/control_commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLIENTS_MAX = 8, LINE_MAX_BYTES = 8192, BACKLOG = 8 };
/* One that has said and read nothing for so long makes room for one that waits: this is the way
 * out, and clients that hang must not be in it. */
enum { IDLE_MS = 1000 };

struct client {
    struct control *control;
    uv_pipe_t pipe;
    uv_write_t write;
    struct text answer;
    char line[LINE_MAX_BYTES];
    size_t len;
    uint64_t active_ms; /* monotonic: when it said or took something last */
    bool open, writing;
};

struct control {
    struct speaker *speaker;
    uv_pipe_t pipe;
    uv_timer_t room; /* runs while one waits */
    size_t handles_open;
    bool closing, waiting; /* waiting: a connection that found no room */
    void (*on_closed)(void *owner);
    struct client clients[CLIENTS_MAX];
};

static void on_handle_gone(struct control *control)
{
    if (--control->handles_open > 0 || !control->closing)
        return;
    struct speaker *speaker = control->speaker;
    void (*on_closed)(void *) = control->on_closed;
    (void)unlink(speaker->config->speaker.socket);
    free(control);
    speaker->control = NULL;
    on_closed(speaker);
}

static void on_connection(uv_stream_t *stream, int error);

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct control *control = client->control;
    text_done(&client->answer);
    client->open = false;
    if (control->waiting && !control->closing)
        on_connection((uv_stream_t *)&control->pipe, 0);
    on_handle_gone(control);
}

static void close_client(struct client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->pipe))
        uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

static void take_lines(struct client *client);

static void on_answered(uv_write_t *write, int error)
{
    struct client *client = write->data;
    client->writing = false;
    client->active_ms = speaker_now_ms(client->control->speaker);
    if (error != 0)
        close_client(client);
    else
        take_lines(client);
}

static void answer(struct client *client)
{
    text_add(&client->answer, "\n");
    uv_buf_t bytes = uv_buf_init(client->answer.at, (unsigned int)client->answer.len);
    client->write.data = client;
    client->writing =
        !client->answer.failed &&
        uv_write(&client->write, (uv_stream_t *)&client->pipe, &bytes, 1, on_answered) == 0;
    if (!client->writing)
        close_client(client);
}

/* One command at a time: the next waits until the answer has gone. */
static void take_lines(struct client *client)
{
    char *end = memchr(client->line, '\n', client->len);
    if (client->writing || uv_is_closing((uv_handle_t *)&client->pipe))
        return;
    if (end == NULL) {
        if (client->len == sizeof(client->line))
            close_client(client); /* longer than any command */
        return;
    }
    size_t line_len = (size_t)(end - client->line);
    text_clear(&client->answer);
    control_command(client->control->speaker, client->line, line_len, &client->answer);
    client->len -= line_len + 1;
    memmove(client->line, end + 1, client->len);
    answer(client);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
    struct client *client = handle->data;
    (void)suggested;
    *ret_room =
        uv_buf_init(client->line + client->len, (unsigned int)(sizeof(client->line) - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct client *client = stream->data;
    (void)room;
    if (n < 0) {
        close_client(client);
        return;
    }
    client->len += (size_t)n;
    client->active_ms = speaker_now_ms(client->control->speaker);
    take_lines(client);
}

/* The socket's mode keeps others out; root may always come. */
static bool is_ours(uv_pipe_t *pipe)
{
    uv_os_fd_t fd;
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return uv_fileno((uv_handle_t *)pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void make_room(uv_timer_t *timer)
{
    struct control *control = timer->data;
    struct client *idlest = &control->clients[0];
    uint64_t now_ms = speaker_now_ms(control->speaker);
    if (!control->waiting)
        return;
    for (size_t i = 1; i < CLIENTS_MAX; i++)
        if (control->clients[i].active_ms < idlest->active_ms)
            idlest = &control->clients[i];
    uint64_t idle_ms = now_ms - idlest->active_ms;
    if (idle_ms < IDLE_MS) {
        (void)uv_timer_start(&control->room, make_room, IDLE_MS - idle_ms, 0);
        return;
    }
    log_warn("the local socket has no room: the client that was idle longest is closed",
             "idle_ms=%" PRIu64 " clients=%d", idle_ms, CLIENTS_MAX);
    close_client(idlest);
}

static void on_connection(uv_stream_t *stream, int error)
{
    struct control *control = stream->data;
    struct client *client = NULL;
    if (error != 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX && client == NULL; i++)
        client = control->clients[i].open ? NULL : &control->clients[i];
    control->waiting = client == NULL;
    if (client == NULL) { /* until one leaves */
        make_room(&control->room);
        return;
    }
    *client = (struct client){
        .control = control, .open = true, .active_ms = speaker_now_ms(control->speaker)};
    text_init(&client->answer, 0);
    (void)uv_pipe_init(control->speaker->loop, &client->pipe, 0);
    client->pipe.data = client;
    control->handles_open++;
    if (uv_accept(stream, (uv_stream_t *)&client->pipe) != 0 || !is_ours(&client->pipe) ||
        uv_read_start((uv_stream_t *)&client->pipe, on_room, on_read) != 0)
        close_client(client);
}

/* The journal's lock has shown that no other speaker lives here, so what lies there is a leftover.
 */
static int listen_at(struct control *control, const char *path)
{
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode))
        (void)unlink(path);
    mode_t before = umask(0177);
    int error = uv_pipe_bind(&control->pipe, path);
    (void)umask(before);
    return error != 0 ? error : uv_listen((uv_stream_t *)&control->pipe, BACKLOG, on_connection);
}

enum status control_open(struct speaker *speaker)
{
    const char *path = speaker->config->speaker.socket;
    struct control *control = calloc(1, sizeof(*control));
    if (control == NULL)
        return STATUS_NO_MEMORY;
    control->speaker = speaker;
    (void)uv_pipe_init(speaker->loop, &control->pipe, 0);
    control->pipe.data = control;
    (void)uv_timer_init(speaker->loop, &control->room);
    control->room.data = control;
    control->handles_open = 2;
    speaker->control = control;
    int error = listen_at(control, path);
    if (error != 0) {
        log_error("cannot open the local socket", "path=%s error=\"%s\"", path, uv_strerror(error));
        return STATUS_IO;
    }
    return STATUS_OK;
}

static void on_part_closed(uv_handle_t *handle)
{
    on_handle_gone(handle->data);
}

void control_close(struct speaker *speaker, void (*on_closed)(void *owner))
{
    struct control *control = speaker->control;
    if (control == NULL) {
        on_closed(speaker);
        return;
    }
    control->closing = true;
    control->on_closed = on_closed;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (control->clients[i].open)
            close_client(&control->clients[i]);
    uv_close((uv_handle_t *)&control->room, on_part_closed);
    uv_close((uv_handle_t *)&control->pipe, on_part_closed);
}
