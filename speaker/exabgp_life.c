#include "common/base/log.h"
#include "speaker/exabgp_internal.h"
#include "speaker/in_jobs.h"
#include "speaker/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPEN_EVERY_MS = 1000,
    /* Who is there, and whether it answers, where nothing else was to be said. */
    ASK_EVERY_MS = 2000,
};

/* --- the peer ----------------------------------------------------------------------------------
 */

static void show(struct exabgp *e, const char *why)
{
    struct peer *peer = e->peer;
    if (why != NULL)
        text_copy(peer->last_error, sizeof(peer->last_error), why);
    if (peer->shown != peer_state(peer))
        peer->since_ms = clock_wall_ms(&e->speaker->clock);
    peer->shown = peer_state(peer);
    peer->options.events.on_changed(peer->options.events.owner, peer);
}

static void set_up(struct exabgp *e, bool up, const char *why)
{
    struct peer *peer = e->peer;
    bool was = peer->exabgp_up;
    peer->exabgp_up = up;
    if (up && !was) {
        show(e, "");
        peer->options.events.on_up(peer->options.events.owner, peer);
    } else if (!up && was) {
        peer->flaps++;
        show(e, why);
        peer->options.events.on_down(peer->options.events.owner, peer, why);
    } else if (!up && strcmp(peer->last_error, why) != 0) {
        show(e, why);
    }
}

/* --- neighbours ---------------------------------------------------------------------------------
 */

static void judge_neighbors(struct exabgp *e, const char *why)
{
    char text[PEER_ERROR_MAX];
    if (e->state != EXABGP_READY)
        return;
    (void)snprintf(text, sizeof(text), "ExaBGP has no neighbour that is up%s%s",
                   why[0] != '\0' ? ": " : "", why);
    if (e->up_count == 0 && why[0] == '\0' && !e->peer->exabgp_up && e->peer->last_error[0] != '\0')
        (void)snprintf(text, sizeof(text), "%s", e->peer->last_error); /* which may say more */
    set_up(e, e->up_count > 0, text);
}

void exabgp_set_neighbors(struct exabgp *e)
{
    memcpy(e->up, e->seen, e->seen_count * sizeof(e->up[0]));
    e->up_count = e->seen_count;
    judge_neighbors(e, "");
}

void exabgp_note_neighbor(struct exabgp *e, const struct ip_addr *addr, bool up, const char *why)
{
    char text[ADDR_TEXT_MAX], said[ADDR_TEXT_MAX + 160];
    size_t i = 0;
    while (i < e->up_count && !addr_equal(&e->up[i], addr))
        i++;
    if (up && i == e->up_count && i < EXABGP_NEIGHBORS_MAX)
        e->up[e->up_count++] = *addr;
    else if (!up && i < e->up_count)
        e->up[i] = e->up[--e->up_count];
    (void)addr_format(addr, text);
    log_info(up ? "ExaBGP's neighbour is up" : "ExaBGP's neighbour is down", "peer=%s neighbor=%s",
             e->peer->settings.name, text);
    (void)snprintf(said, sizeof(said), "%s: %s", text, why);
    judge_neighbors(e, up ? "" : said);
}

/* --- beginning and end --------------------------------------------------------------------------
 */

void exabgp_ready(struct exabgp *e)
{
    struct speaker *speaker = e->speaker;
    struct peer *peer = e->peer;
    e->state = EXABGP_READY;
    peer->exabgp_open = true;
    log_info("ExaBGP answers", "peer=%s told=%zu", peer->settings.name, e->told.nlri.count);
    rib_out_up(&peer->rib_out, peer->settings.families, clock_mono_us(&speaker->clock));
    told_adopt(&e->told, &peer->rib_out);
    if (speaker->complete)
        rib_out_complete(&peer->rib_out);
    show(e, "");
}

static void forget_routes(struct exabgp *e)
{
    struct rib *rib = e->speaker->rib;
    for (; e->again_count > 0; e->again_count--)
        rib_release_nlri(rib, e->again[e->again_count - 1]);
    rib_out_batch_done(&e->peer->rib_out, &e->batch);
    e->batch_at = 0;
    exabgp_forget_refused(e);
    rib_out_down(&e->peer->rib_out);
}

static void forget_asked(struct exabgp *e)
{
    while (e->asked.count > 0) {
        struct asked_item item = asked_take(&e->asked);
        exabgp_release(e, &item);
    }
}

/* What it was told may stand there all the same: told_adopt() finds it when it is back. */
static void fall(struct exabgp *e, enum exabgp_state state, const char *why)
{
    e->state = state;
    e->up_count = e->seen_count = 0;
    e->peer->exabgp_open = false;
    forget_routes(e);
    forget_asked(e);
    set_up(e, false, why);
}

/* Nobody is told. */
static void leave(struct exabgp *e)
{
    e->state = EXABGP_AWAY;
    e->up_count = e->seen_count = 0;
    e->peer->exabgp_open = e->peer->exabgp_up = false;
    forget_routes(e);
    forget_asked(e);
    if (!e->begun)
        channel_close(&e->channel);
    e->peer = NULL;
}

static void on_line(void *owner, const char *line, size_t len)
{
    exabgp_take_line(owner, line, len);
}

static void on_room(void *owner)
{
    struct exabgp *e = owner;
    if (e->peer != NULL)
        turns_due(e->speaker, e->peer->options.number);
}

static void on_lost(void *owner, const char *why)
{
    struct exabgp *e = owner;
    char text[CHANNEL_WHY_MAX + 16], shown[CHANNEL_WHY_MAX + 24];
    (void)snprintf(text, sizeof(text), "ExaBGP: %s", why);
    log_warn("ExaBGP is gone", "reason=%s", log_value(shown, sizeof(shown), why));
    e->open_at_ms = speaker_now_ms(e->speaker) + OPEN_EVERY_MS;
    if (e->peer != NULL)
        fall(e, EXABGP_AWAY, text);
    if (e->begun && !e->speaker->stopping)
        process_fail(e->speaker->process, "ExaBGP, whose process this is, has ended");
}

static void open_channel(struct exabgp *e, uint64_t now_ms)
{
    char why[CHANNEL_WHY_MAX] = "no memory", text[CHANNEL_WHY_MAX + 16];
    e->open_at_ms = now_ms + OPEN_EVERY_MS;
    if (!e->begun && e->pipes[0] == '\0') {
        set_up(e, false, "this process is not ExaBGP's, and there is no speaker.exabgp.pipes");
        return;
    }
    if (!channel_is_open(&e->channel) &&
        channel_open(&e->channel, e->begun ? NULL : e->pipes, why) != STATUS_OK) {
        (void)snprintf(text, sizeof(text), "ExaBGP: %s", why);
        set_up(e, false, text);
        return;
    }
    e->state = EXABGP_ASKING;
    e->heard_ms = now_ms;
    exabgp_begin(e);
    set_up(e, false, "ExaBGP has not answered yet");
}

static void look_for_answers(struct exabgp *e, uint64_t now_ms)
{
    uint64_t last_ms = e->heard_ms > e->asked_ms ? e->heard_ms : e->asked_ms;
    bool silent =
        (e->asked.count > 0 || e->asked.beginning) && now_ms >= last_ms + EXABGP_ANSWER_LIMIT_MS;
    if (silent && e->state == EXABGP_READY) {
        char text[64];
        (void)snprintf(text, sizeof(text), "ExaBGP has not answered for %d s",
                       EXABGP_ANSWER_LIMIT_MS / 1000);
        log_warn("ExaBGP does not answer", "peer=%s unanswered=%zu", e->peer->settings.name,
                 e->asked.count);
        fall(e, EXABGP_ASKING, text);
    }
    if (silent)
        exabgp_begin(e);
    else if (e->state == EXABGP_READY && e->asked.count == 0 && !e->asked.beginning &&
             now_ms >= last_ms + ASK_EVERY_MS)
        exabgp_ask(e);
}

void out_exabgp_tick(struct speaker *speaker, uint64_t now_ms)
{
    struct exabgp *e = speaker->exabgp;
    if (e->peer == NULL)
        return;
    if (e->state == EXABGP_AWAY && now_ms >= e->open_at_ms)
        open_channel(e, now_ms);
    else if (e->state != EXABGP_AWAY)
        look_for_answers(e, now_ms);
}

bool out_exabgp_is_idle(const struct speaker *speaker)
{
    const struct exabgp *e = speaker->exabgp;
    if (e->state != EXABGP_READY)
        return e->peer == NULL || e->told.nlri.count == 0;
    return e->asked.count == 0 && e->again_count == 0 && e->batch_at == e->batch.count;
}

/* --- the process --------------------------------------------------------------------------------
 */

enum status out_exabgp_new(struct speaker *speaker)
{
    struct exabgp *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return STATUS_NO_MEMORY;
    const struct channel_events events = {
        .on_line = on_line, .on_room = on_room, .on_lost = on_lost, .owner = e};
    e->speaker = speaker;
    e->begun = speaker->by_exabgp;
    text_init(&e->line, 4 * (size_t)COMMAND_MAX);
    channel_init(&e->channel, speaker->loop, &events);
    speaker->exabgp = e;
    return told_init(&e->told, speaker->rib);
}

void out_exabgp_free(struct speaker *speaker)
{
    struct exabgp *e = speaker->exabgp;
    if (e == NULL)
        return;
    told_done(&e->told, speaker->rib);
    text_done(&e->line);
    free(e);
    speaker->exabgp = NULL;
}

enum status out_exabgp_load(struct speaker *speaker, const uint8_t *value, size_t len)
{
    if (speaker->exabgp == NULL)
        return STATUS_UNSUPPORTED;
    return told_load(&speaker->exabgp->told, speaker->rib, value, len);
}

void out_exabgp_store_again(struct speaker *speaker)
{
    if (speaker->exabgp != NULL)
        told_write_again(speaker, &speaker->exabgp->told);
}

static bool same_path(const struct update_path *a, const struct update_path *b)
{
    return a->ibgp == b->ibgp && a->no_export == b->no_export &&
           a->local_preference == b->local_preference;
}

enum status out_exabgp_apply(struct speaker *speaker)
{
    struct exabgp *e = speaker->exabgp;
    const char *pipes = speaker->config->speaker.exabgp.pipes;
    struct peer *peer = NULL;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL && speaker->peers[i]->settings.by_exabgp)
            peer = speaker->peers[i];
    if (peer == NULL && e->begun) {
        log_error("ExaBGP runs this process, and no peer goes out through it",
                  "expected=\"speaker.exabgp with enabled: true and peer\"");
        return STATUS_REFUSED;
    }
    pipes = pipes != NULL ? pipes : "";
    struct update_path path = peer != NULL ? peer_path(peer) : (struct update_path){0};
    const bool has_families =
        peer == NULL || !peer->exabgp_open || peer->rib_out.families == peer->settings.families;
    if (peer == e->peer && strcmp(pipes, e->pipes) == 0 && has_families &&
        (peer == NULL || same_path(&peer->path, &path)))
        return STATUS_OK;
    if (e->peer != NULL && peer == e->peer)
        set_up(e, false, "the configuration has changed");
    if (e->peer != NULL)
        leave(e);
    (void)snprintf(e->pipes, sizeof(e->pipes), "%s", pipes);
    e->peer = peer;
    e->open_at_ms = 0;
    if (peer != NULL)
        peer->path = path;
    return STATUS_OK;
}

void out_exabgp_forget(struct speaker *speaker, const struct peer *peer)
{
    struct exabgp *e = speaker->exabgp;
    if (e != NULL && e->peer == peer)
        leave(e);
}

static void on_gone(void *owner)
{
    struct exabgp *e = owner;
    speaker_part_closed(e->speaker);
}

void out_exabgp_close(struct speaker *speaker)
{
    channel_done(&speaker->exabgp->channel, on_gone);
}
