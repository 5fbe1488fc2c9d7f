#include "speaker/exabgp_channel.h"

#include "speaker/exabgp/command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert((int)COMMAND_MAX <= (int)PIPE_BUF, "a pipe takes a command as a whole");

enum {
    HANDLES = 2,
    /* Of what is there to read, a turn takes so much: others have theirs. */
    READS_A_TURN = 4,
};

struct channel_ends {
    struct channel *channel;
    uv_poll_t reading, writing;
    int in_fd, out_fd;
    bool owned; /* the descriptors are closed with it */
    bool closing;
    size_t handles_open;
    char in[CHANNEL_LINE_MAX];
    size_t in_len;
    bool passing; /* over the rest of a line that is too long */
    char out[CHANNEL_WRITE_ROOM];
    size_t out_len;
};

void channel_init(struct channel *channel, uv_loop_t *loop, const struct channel_events *events)
{
    *channel = (struct channel){.loop = loop, .events = *events};
}

/* --- closing ---------------------------------------------------------------------------------- */

static void free_ends(struct channel_ends *ends)
{
    if (ends->owned) {
        (void)close(ends->in_fd);
        (void)close(ends->out_fd);
    }
    free(ends);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct channel_ends *ends = handle->data;
    struct channel *channel = ends->channel;
    channel->handles_open--;
    if (--ends->handles_open == 0)
        free_ends(ends);
    if (channel->handles_open == 0 && channel->on_gone != NULL)
        channel->on_gone(channel->events.owner);
}

void channel_close(struct channel *channel)
{
    struct channel_ends *ends = channel->ends;
    if (ends == NULL)
        return;
    channel->ends = NULL;
    ends->closing = true;
    uv_close((uv_handle_t *)&ends->reading, on_handle_closed);
    uv_close((uv_handle_t *)&ends->writing, on_handle_closed);
}

void channel_done(struct channel *channel, void (*on_gone)(void *owner))
{
    channel_close(channel);
    channel->on_gone = on_gone;
    if (channel->handles_open == 0)
        on_gone(channel->events.owner);
}

static void lose(struct channel_ends *ends, const char *why)
{
    struct channel *channel = ends->channel;
    channel_close(channel);
    channel->events.on_lost(channel->events.owner, why);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Every whole line; the rest stays. False: the owner has closed the channel. */
static bool take_lines(struct channel_ends *ends)
{
    const struct channel_events *events = &ends->channel->events;
    size_t taken = 0;
    for (const char *end; (end = memchr(ends->in + taken, '\n', ends->in_len - taken)) != NULL;) {
        size_t len = (size_t)(end - ends->in) - taken;
        const char *line = ends->in + taken;
        taken += len + 1;
        if (!ends->passing)
            events->on_line(events->owner, line, len);
        ends->passing = false;
        if (ends->closing)
            return false;
    }
    ends->in_len -= taken;
    memmove(ends->in, ends->in + taken, ends->in_len);
    if (ends->in_len == sizeof(ends->in)) {
        ends->passing = true;
        ends->in_len = 0;
    }
    return true;
}

static void on_readable(uv_poll_t *poll, int status, int poll_events)
{
    struct channel_ends *ends = poll->data;
    (void)poll_events;
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = read(ends->in_fd, ends->in + ends->in_len, sizeof(ends->in) - ends->in_len);
        if (n < 0 && (errno == EAGAIN || errno == EINTR) && status == 0)
            return;
        if (n <= 0) {
            lose(ends, n == 0 ? "it has closed its side" : strerror(errno));
            return;
        }
        ends->in_len += (size_t)n;
        if (!take_lines(ends))
            return;
    }
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Of what waits, whole lines of no more than a pipe takes at once. */
static size_t next_lines(const struct channel_ends *ends, size_t from)
{
    size_t len = 0, most = ends->out_len - from;
    if (most <= PIPE_BUF)
        return most;
    for (len = PIPE_BUF; len > 0 && ends->out[from + len - 1] != '\n';)
        len--;
    return len;
}

static void on_writable(uv_poll_t *poll, int status, int poll_events);

/* Disconnection is waited for all the time. False: lost. */
static bool flush(struct channel_ends *ends)
{
    size_t done = 0;
    while (done < ends->out_len) {
        ssize_t n = write(ends->out_fd, ends->out + done, next_lines(ends, done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            lose(ends, strerror(errno));
            return false;
        }
        if (n < 0)
            break;
        done += (size_t)n;
    }
    ends->out_len -= done;
    memmove(ends->out, ends->out + done, ends->out_len);
    int events = UV_DISCONNECT | (ends->out_len > 0 ? UV_WRITABLE : 0);
    (void)uv_poll_start(&ends->writing, events, on_writable);
    return true;
}

static void on_writable(uv_poll_t *poll, int status, int poll_events)
{
    struct channel_ends *ends = poll->data;
    const struct channel_events *events = &ends->channel->events;
    if (status != 0 || (poll_events & UV_DISCONNECT) != 0) {
        lose(ends, "nobody reads what is written to it");
        return;
    }
    if (flush(ends) && ends->out_len == 0)
        events->on_room(events->owner);
}

enum status channel_write(struct channel *channel, const char *line, size_t len)
{
    struct channel_ends *ends = channel->ends;
    if (ends == NULL)
        return STATUS_AWAY;
    if (len + 1 > COMMAND_MAX || len + 1 > sizeof(ends->out) - ends->out_len)
        return STATUS_LIMIT;
    bool begins = ends->out_len == 0;
    memcpy(ends->out + ends->out_len, line, len);
    ends->out[ends->out_len + len] = '\n';
    ends->out_len += len + 1;
    /* Written at the turn's end with all that comes until then. */
    if (begins)
        (void)uv_poll_start(&ends->writing, UV_DISCONNECT | UV_WRITABLE, on_writable);
    return STATUS_OK;
}

bool channel_has_room(const struct channel *channel)
{
    const struct channel_ends *ends = channel->ends;
    return ends != NULL && sizeof(ends->out) - ends->out_len >= 2 * (size_t)COMMAND_MAX;
}

bool channel_is_idle(const struct channel *channel)
{
    return channel->ends == NULL || channel->ends->out_len == 0;
}

bool channel_is_open(const struct channel *channel)
{
    return channel->ends != NULL;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int open_pipe(const char *stem, const char *end, int flags, char ret_why[CHANNEL_WHY_MAX])
{
    char path[PATH_MAX];
    struct stat is;
    (void)snprintf(path, sizeof(path), "%s%s", stem, end);
    int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0 && fstat(fd, &is) == 0 && S_ISFIFO(is.st_mode))
        return fd;
    (void)snprintf(ret_why, CHANNEL_WHY_MAX, "%.120s: %s", path,
                   fd >= 0          ? "this is no named pipe"
                   : errno == ENXIO ? "ExaBGP does not read it"
                                    : strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

/* ExaBGP opens the pipe of answers for each of them anew: without a writer of our own, each would
 * end it. */
static enum status open_pipes(struct channel_ends *ends, const char *stem,
                              char ret_why[CHANNEL_WHY_MAX])
{
    ends->out_fd = open_pipe(stem, ".in", O_WRONLY, ret_why);
    if (ends->out_fd < 0)
        return STATUS_AWAY;
    ends->in_fd = open_pipe(stem, ".out", O_RDWR, ret_why);
    if (ends->in_fd < 0) {
        (void)close(ends->out_fd);
        return STATUS_AWAY;
    }
    ends->owned = true;
    return STATUS_OK;
}

static enum status use_standard(struct channel_ends *ends, char ret_why[CHANNEL_WHY_MAX])
{
    ends->in_fd = STDIN_FILENO;
    ends->out_fd = STDOUT_FILENO;
    for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            (void)snprintf(ret_why, CHANNEL_WHY_MAX, "standard input and output: %s",
                           strerror(errno));
            return STATUS_IO;
        }
    }
    return STATUS_OK;
}

/* Of its handles one may have been made. */
static void close_half(struct channel_ends *ends)
{
    if (ends->handles_open > 0)
        uv_close((uv_handle_t *)&ends->reading, on_handle_closed);
    else
        free_ends(ends);
}

enum status channel_open(struct channel *channel, const char *stem, char ret_why[CHANNEL_WHY_MAX])
{
    struct channel_ends *ends = calloc(1, sizeof(*ends));
    if (ends == NULL)
        return STATUS_NO_MEMORY;
    ends->channel = channel;
    enum status status =
        stem != NULL ? open_pipes(ends, stem, ret_why) : use_standard(ends, ret_why);
    if (status != STATUS_OK) {
        free(ends);
        return status;
    }
    ends->reading.data = ends->writing.data = ends;
    int error = uv_poll_init(channel->loop, &ends->reading, ends->in_fd);
    if (error == 0) {
        channel->handles_open++;
        ends->handles_open++;
        error = uv_poll_init(channel->loop, &ends->writing, ends->out_fd);
    }
    if (error != 0) {
        /* What is no pipe and no socket cannot be waited for. */
        (void)snprintf(ret_why, CHANNEL_WHY_MAX, "%s", uv_strerror(error));
        close_half(ends);
        return STATUS_IO;
    }
    channel->handles_open++;
    ends->handles_open = HANDLES;
    (void)uv_poll_start(&ends->reading, UV_READABLE, on_readable);
    (void)uv_poll_start(&ends->writing, UV_DISCONNECT, on_writable);
    channel->ends = ends;
    return STATUS_OK;
}
