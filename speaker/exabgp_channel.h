#ifndef SPEAKER_EXABGP_CHANNEL_H
#define SPEAKER_EXABGP_CHANNEL_H

#include "common/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

/*
 * The lines between weir and ExaBGP: over standard input and output as its API process, or over its
 * named pipes. Both ways are bounded: what waits to be written has the room of one buffer, and a
 * line that is longer than the other is passed over.
 *
 * A line leaves as a whole or not at all, whatever ends this process, so that ExaBGP never takes
 * half of one for another command.
 *
 *   channel_init() → channel_open() → on_line …, channel_write() … → channel_close() → again
 *   … → channel_done() → on_gone
 */
enum {
    CHANNEL_LINE_MAX = 65536, /* a longer line says nothing that is of use here */
    CHANNEL_WRITE_ROOM = 65536,
    CHANNEL_WHY_MAX = 200,
};

struct channel_events {
    /* Without its end. The owner may close the channel. */
    void (*on_line)(void *owner, const char *line, size_t len);
    void (*on_room)(void *owner); /* all that was written is with the kernel */
    /* The other side is gone; the channel has closed. */
    void (*on_lost)(void *owner, const char *why);
    void *owner;
};

struct channel_ends;
struct channel {
    uv_loop_t *loop;
    struct channel_events events;
    struct channel_ends *ends; /* NULL: closed */
    size_t handles_open;
    void (*on_gone)(void *owner);
};

void channel_init(struct channel *channel, uv_loop_t *loop, const struct channel_events *events);
/* stem: of the named pipes, STEM.in and STEM.out; NULL: standard input and output. AWAY: nobody
 * reads the pipe. */
enum status channel_open(struct channel *channel, const char *stem, char ret_why[CHANNEL_WHY_MAX]);
bool channel_is_open(const struct channel *channel);
/* A line of at most COMMAND_MAX octets with its end, which it gets here. LIMIT: no room now. */
enum status channel_write(struct channel *channel, const char *line, size_t len);
bool channel_has_room(const struct channel *channel); /* for two more of the longest */
bool channel_is_idle(const struct channel *channel);  /* nothing waits to be written */
/* What was not written is dropped. */
void channel_close(struct channel *channel);
/* Closes; on_gone, with the owner of the events, once nothing of it is left. */
void channel_done(struct channel *channel, void (*on_gone)(void *owner));

#endif
