#include "speaker/adapter.h"

#include "common/base/log.h"
#include "speaker/adapter_audit.h"
#include "speaker/adapter_guard.h"
#include "speaker/adapter_local.h"
#include "speaker/adapter_metrics.h"
#include "speaker/adapter_work.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 64,
    BACKLOG = 64,
    /* A rule has 2047 characters in words; JSON with every value in a list of its own fits. */
    LINE_MAX_BYTES = 16384,
    /* One that has said and taken nothing for so long makes room for one that waits. */
    IDLE_MS = 1000,
    /* Of all clients together; who sends faster is read more slowly, in turns with the others. */
    LINES_A_SECOND = 200,
    LINES_AT_ONCE = 200,
    TICK_MS = 10, /* while anything is waited for */
};

struct client {
    struct adapter *adapter;
    uv_pipe_t pipe;
    uv_write_t write;
    struct text answer;
    struct adapter_work work;
    char *line; /* LINE_MAX_BYTES; NULL: there is no client */
    size_t len;
    uint64_t active_ms; /* monotonic: when it said or took something last */
    bool working, writing, reading;
    bool skipping; /* what is left of a line that is too long */
    bool ended;    /* it says no more, and may still wait for answers */
    bool paced;    /* a line of it waits for its turn */
};

struct adapter {
    struct speaker *speaker;
    struct adapter_routes *routes;
    struct adapter_audit *audit;
    struct adapter_starts starts;
    uv_pipe_t pipe;
    uv_timer_t tick;
    char *path;
    size_t handles_open, next;   /* next: whose turn is first */
    bool open, closing, waiting; /* waiting: a connection that found no room */
    double tokens;               /* lines that may be taken now */
    uint64_t refilled_ms;
    void (*on_closed)(void *owner);
    struct client clients[CLIENTS_MAX];
};

static bool is_there(const struct client *client)
{
    return client->line != NULL;
}

static bool is_closing(struct client *client)
{
    return uv_is_closing((uv_handle_t *)&client->pipe) != 0;
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void on_handle_gone(struct adapter *adapter)
{
    if (--adapter->handles_open > 0 || !adapter->closing)
        return;
    (void)unlink(adapter->path);
    adapter->open = false;
    adapter->on_closed(adapter->speaker);
}

static void on_connection(uv_stream_t *stream, int error);

static void count_clients(const struct adapter *adapter)
{
    size_t count = 0;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        count += is_there(&adapter->clients[i]) ? 1 : 0;
    adapter_metrics_clients(count);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    struct adapter *adapter = client->adapter;
    text_done(&client->answer);
    free(client->line);
    client->line = NULL;
    count_clients(adapter);
    if (adapter->waiting && !adapter->closing)
        on_connection((uv_stream_t *)&adapter->pipe, 0);
    on_handle_gone(adapter);
}

static void close_client(struct client *client)
{
    if (is_closing(client))
        return;
    adapter_work_done(&client->work);
    client->working = client->paced = false;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

/* --- lines and answers --------------------------------------------------------------------------
 */

static void go_on(struct client *client);

static void on_answered(uv_write_t *write, int error)
{
    struct client *client = write->data;
    client->writing = false;
    client->active_ms = speaker_now_ms(client->adapter->speaker);
    if (error != 0)
        close_client(client);
    else
        go_on(client);
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

static void on_tick(uv_timer_t *timer);

static void start_tick(struct adapter *adapter)
{
    if (!uv_is_active((uv_handle_t *)&adapter->tick) && !adapter->closing)
        (void)uv_timer_start(&adapter->tick, on_tick, TICK_MS, TICK_MS);
}

static bool take_token(struct adapter *adapter)
{
    uint64_t now_ms = speaker_now_ms(adapter->speaker);
    adapter->tokens += (double)(now_ms - adapter->refilled_ms) * LINES_A_SECOND / 1000;
    adapter->refilled_ms = now_ms;
    if (adapter->tokens > LINES_AT_ONCE)
        adapter->tokens = LINES_AT_ONCE;
    if (adapter->tokens < 1)
        return false;
    adapter->tokens -= 1;
    return true;
}

static void refuse_long(struct client *client)
{
    client->skipping = true;
    client->len = 0;
    text_clear(&client->answer);
    text_addf(&client->answer, "{\"ok\":false,\"error\":\"the line is longer than %d octets\"}",
              (int)LINE_MAX_BYTES);
    adapter_metrics_line("other", false);
    answer(client);
}

static void drop_front(struct client *client, size_t count)
{
    client->len -= count;
    memmove(client->line, client->line + count, client->len);
}

/* The first line, where one is whole; what has been left of a long one goes. */
static bool find_line(struct client *client, size_t *ret_len)
{
    char *end = memchr(client->line, '\n', client->len);
    while (end != NULL) {
        size_t len = (size_t)(end - client->line);
        bool is_line = !client->skipping && len > 0 && !(len == 1 && client->line[0] == '\r');
        client->skipping = false;
        *ret_len = len;
        if (is_line)
            return true;
        drop_front(client, len + 1);
        end = memchr(client->line, '\n', client->len);
    }
    if (client->skipping)
        client->len = 0;
    return false;
}

static void take_line(struct client *client, size_t len)
{
    text_clear(&client->answer);
    client->working = true;
    bool is_done = adapter_work_begin(&client->work, client->line, len, &client->answer);
    drop_front(client, len + 1);
    client->working = !is_done;
    if (is_done)
        answer(client);
    else
        start_tick(client->adapter);
}

static void read_on(struct client *client);

/* One line at a time: the next waits until the answer has gone. */
static void go_on(struct client *client)
{
    size_t len;
    client->paced = false;
    if (client->working || client->writing || is_closing(client))
        return;
    if (find_line(client, &len)) {
        client->paced = !take_token(client->adapter);
        if (client->paced)
            start_tick(client->adapter);
        else
            take_line(client, len);
    } else if (client->len == LINE_MAX_BYTES) {
        refuse_long(client);
    } else if (client->ended) {
        close_client(client);
        return;
    }
    read_on(client);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_room)
{
    struct client *client = handle->data;
    (void)suggested;
    *ret_room =
        uv_buf_init(client->line + client->len, (unsigned int)(LINE_MAX_BYTES - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct client *client = stream->data;
    (void)room;
    if (n == UV_EOF) {
        (void)uv_read_stop(stream);
        client->ended = true;
        client->reading = false;
        go_on(client);
        return;
    }
    if (n < 0) {
        close_client(client);
        return;
    }
    client->len += (size_t)n;
    client->active_ms = speaker_now_ms(client->adapter->speaker);
    if (client->len == LINE_MAX_BYTES) { /* until there is room again */
        (void)uv_read_stop(stream);
        client->reading = false;
    }
    if (!client->paced)
        go_on(client);
}

static void read_on(struct client *client)
{
    if (client->reading || client->ended || is_closing(client) || client->len == LINE_MAX_BYTES)
        return;
    client->reading = uv_read_start((uv_stream_t *)&client->pipe, on_room, on_read) == 0;
    if (!client->reading)
        close_client(client);
}

/* --- time ---------------------------------------------------------------------------------------
 */

static void make_room(struct adapter *adapter)
{
    struct client *idlest = NULL;
    uint64_t now_ms = speaker_now_ms(adapter->speaker);
    for (size_t i = 0; i < CLIENTS_MAX && adapter->waiting; i++) {
        struct client *client = &adapter->clients[i];
        bool may_go = is_there(client) && !client->working && !client->paced && !is_closing(client);
        if (may_go && (idlest == NULL || client->active_ms < idlest->active_ms))
            idlest = client;
    }
    if (idlest == NULL || now_ms - idlest->active_ms < IDLE_MS)
        return;
    log_warn("the adapter socket has no room: the client that was idle longest is closed",
             "idle_ms=%" PRIu64 " clients=%d", now_ms - idlest->active_ms, CLIENTS_MAX);
    adapter_metrics_turned_away("idle");
    close_client(idlest);
}

static void on_tick(uv_timer_t *timer)
{
    struct adapter *adapter = timer->data;
    bool again = adapter->waiting;
    adapter->next = (adapter->next + 1) % CLIENTS_MAX;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &adapter->clients[(adapter->next + i) % CLIENTS_MAX];
        if (!is_there(client) || is_closing(client))
            continue;
        if (client->working && adapter_work_poll(&client->work, &client->answer)) {
            client->working = false;
            answer(client);
        } else if (client->paced) {
            go_on(client);
        }
        again = again || client->working || client->paced;
    }
    make_room(adapter);
    if (!again)
        (void)uv_timer_stop(timer);
}

/* --- connections --------------------------------------------------------------------------------
 */

/* The socket's mode keeps others out; root may always come. */
static bool is_ours(uv_pipe_t *pipe)
{
    uv_os_fd_t fd;
    struct ucred peer;
    socklen_t len = sizeof(peer);
    bool known = uv_fileno((uv_handle_t *)pipe, &fd) == 0 &&
                 getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0;
    if (known && (peer.uid == geteuid() || peer.uid == 0))
        return true;
    adapter_metrics_turned_away("uid");
    return false;
}

static void on_connection(uv_stream_t *stream, int error)
{
    struct adapter *adapter = stream->data;
    struct client *client = NULL;
    if (error != 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX && client == NULL; i++)
        client = is_there(&adapter->clients[i]) ? NULL : &adapter->clients[i];
    char *line = client != NULL ? malloc(LINE_MAX_BYTES) : NULL;
    adapter->waiting = line == NULL;
    if (line == NULL) { /* until one leaves */
        start_tick(adapter);
        return;
    }
    *client = (struct client){
        .adapter = adapter, .line = line, .active_ms = speaker_now_ms(adapter->speaker)};
    text_init(&client->answer, 0);
    adapter_work_init(&client->work, adapter->speaker);
    (void)uv_pipe_init(adapter->speaker->loop, &client->pipe, 0);
    client->pipe.data = client;
    adapter->handles_open++;
    count_clients(adapter);
    if (uv_accept(stream, (uv_stream_t *)&client->pipe) != 0 || !is_ours(&client->pipe))
        close_client(client);
    else
        read_on(client);
}

/* The journal's lock has shown that no other speaker lives here, so what lies there is a leftover.
 */
static int listen_at(struct adapter *adapter)
{
    struct stat info;
    if (lstat(adapter->path, &info) == 0 && S_ISSOCK(info.st_mode))
        (void)unlink(adapter->path);
    mode_t before = umask(0177);
    int error = uv_pipe_bind(&adapter->pipe, adapter->path);
    (void)umask(before);
    return error != 0 ? error : uv_listen((uv_stream_t *)&adapter->pipe, BACKLOG, on_connection);
}

/* --- its life -----------------------------------------------------------------------------------
 */

enum status adapter_new(struct speaker *speaker)
{
    if (!speaker->config->speaker.adapter.enabled)
        return STATUS_OK;
    speaker->adapter = calloc(1, sizeof(*speaker->adapter));
    if (speaker->adapter == NULL)
        return STATUS_NO_MEMORY;
    speaker->adapter->speaker = speaker;
    speaker->adapter->routes = adapter_routes_new();
    speaker->adapter->audit = adapter_audit_new(speaker);
    speaker->adapter->path = strdup(speaker->config->speaker.adapter.path);
    bool is_whole = speaker->adapter->routes != NULL && speaker->adapter->audit != NULL &&
                    speaker->adapter->path != NULL;
    return is_whole ? STATUS_OK : STATUS_NO_MEMORY;
}

void adapter_free(struct speaker *speaker)
{
    if (speaker->adapter == NULL)
        return;
    adapter_routes_free(speaker->adapter->routes);
    adapter_audit_free(speaker->adapter->audit);
    free(speaker->adapter->path);
    free(speaker->adapter);
    speaker->adapter = NULL;
}

enum status adapter_open(struct speaker *speaker)
{
    struct adapter *adapter = speaker->adapter;
    if (adapter == NULL)
        return STATUS_OK;
    (void)uv_pipe_init(speaker->loop, &adapter->pipe, 0);
    adapter->pipe.data = adapter;
    (void)uv_timer_init(speaker->loop, &adapter->tick);
    adapter->tick.data = adapter;
    adapter->handles_open = 2;
    adapter->open = true;
    adapter->refilled_ms = speaker_now_ms(speaker);
    adapter->tokens = LINES_AT_ONCE;
    int error = listen_at(adapter);
    if (error == 0)
        return STATUS_OK;
    log_error("cannot open the adapter socket", "path=%s error=\"%s\"", adapter->path,
              uv_strerror(error));
    return STATUS_IO;
}

static void on_part_closed(uv_handle_t *handle)
{
    on_handle_gone(handle->data);
}

void adapter_close(struct speaker *speaker, void (*on_closed)(void *owner))
{
    struct adapter *adapter = speaker->adapter;
    if (adapter == NULL || !adapter->open) {
        on_closed(speaker);
        return;
    }
    adapter->closing = true;
    adapter->on_closed = on_closed;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (is_there(&adapter->clients[i]))
            close_client(&adapter->clients[i]);
    uv_close((uv_handle_t *)&adapter->tick, on_part_closed);
    uv_close((uv_handle_t *)&adapter->pipe, on_part_closed);
}

struct adapter_routes *adapter_routes(const struct speaker *speaker)
{
    return speaker->adapter != NULL ? speaker->adapter->routes : NULL;
}

void adapter_who(const struct speaker *speaker, char ret_who[NAME_MAX_LEN + 1])
{
    (void)snprintf(ret_who, NAME_MAX_LEN + 1, ADAPTER_WHO "%.*s",
                   (int)(NAME_MAX_LEN - sizeof(ADAPTER_WHO) + 1), speaker->config->speaker.name);
}

struct adapter_audit *adapter_audit_of(const struct speaker *speaker)
{
    return speaker->adapter != NULL ? speaker->adapter->audit : NULL;
}

struct adapter_starts *adapter_starts(const struct speaker *speaker)
{
    return speaker->adapter != NULL ? &speaker->adapter->starts : NULL;
}

void adapter_tick(struct speaker *speaker)
{
    adapter_audit_tick(speaker);
}

void adapter_ended(struct speaker *speaker, const struct standing *s, const char *why)
{
    if (adapter_is_local(speaker, s))
        adapter_audit(speaker, "expired", s->id, why, "");
}
