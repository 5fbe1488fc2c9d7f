#include "speaker/out_updates.h"

#include "common/base/log.h"
#include "speaker/out_results.h"
#include "speaker/speaker_metrics.h"

#include <stdlib.h>

/* Numbers of routes that are in the session's buffer and not yet all with the kernel; they stay
 * held in the rib, so that they still mean the same when they are reported. */
static void remember(struct peer *peer, struct rib_out_batch *batch)
{
    struct peer_sent *sent = &peer->sent;
    if (sent->count + batch->count > sent->room) {
        size_t room = sent->room == 0 ? RIB_OUT_BATCH_MAX : sent->room * 2;
        uint32_t *ids = realloc(sent->ids, room * sizeof(*ids));
        if (ids == NULL) {
            log_error("out of memory, results are missing", "peer=%s", peer->settings.name);
            rib_out_batch_done(&peer->rib_out, batch);
            return;
        }
        sent->ids = ids;
        sent->room = room;
    }
    for (size_t i = 0; i < batch->count; i++)
        sent->ids[sent->count++] = batch->nlri[i];
}

void out_updates_forget(struct speaker *speaker, struct peer *peer)
{
    for (size_t i = 0; i < peer->sent.count; i++)
        rib_release_nlri(speaker->rib, peer->sent.ids[i]);
    peer->sent.count = 0;
}

static void count(struct peer *peer, const struct rib_out_batch *batch)
{
    if (batch->kind == RIB_OUT_END)
        return;
    bool withdrawal = batch->kind == RIB_OUT_WITHDRAW;
    peer->updates_sent++;
    if (withdrawal)
        peer->routes_withdrawn += batch->count;
    else
        peer->routes_announced += batch->count;
    speaker_metrics_update(peer->settings.name, withdrawal, batch->count);
}

/* One buffer of messages. False: nothing more is due now. */
static bool fill(struct speaker *speaker, struct peer *peer, uint64_t now_us)
{
    struct session *session = peer->established;
    struct rib_out_batch batch;
    uint8_t bytes[BGP_MESSAGE_MAX];
    bool more = true;
    session_cork(session);
    while (more && session_room(session) >= 2 * BGP_MESSAGE_MAX) {
        rib_out_next(&peer->rib_out, &peer->path, now_us, bytes, sizeof(bytes), &batch);
        more = batch.kind != RIB_OUT_NONE && batch.kind != RIB_OUT_WAIT;
        if (batch.kind == RIB_OUT_UNFIT) {
            desired_unfit(speaker->desired, peer->options.number, batch.nlri[0]);
            rib_out_batch_done(&peer->rib_out, &batch);
        }
        if (batch.len == 0)
            continue;
        count(peer, &batch);
        remember(peer, &batch);
        (void)session_write(session, bytes, batch.len);
    }
    session_uncork(session);
    return more;
}

bool out_updates_send(struct speaker *speaker, struct peer *peer)
{
    if (peer->established == NULL || !session_can_write(peer->established) ||
        first_reading_waits(&speaker->first_reading))
        return false;
    /* What went before is with the kernel, and is reported before more is remembered. */
    out_updates_report(speaker, peer);
    bool more = fill(speaker, peer, clock_mono_us(&speaker->clock));
    return more && peer->established != NULL && session_can_write(peer->established);
}

void out_updates_report(struct speaker *speaker, struct peer *peer)
{
    struct peer_sent *sent = &peer->sent;
    if (sent->count == 0 || peer->established == NULL || !session_can_write(peer->established))
        return;
    for (size_t i = 0; i < sent->count; i++) {
        desired_sent(speaker->desired, peer->options.number, sent->ids[i]);
        rib_release_nlri(speaker->rib, sent->ids[i]);
    }
    sent->count = 0;
    speaker_metrics_peer(peer);
    out_results_peer_changed(speaker->out_results, peer);
}
