#include "speaker/out_updates.h"

#include "common/base/log.h"
#include "speaker/out_exabgp.h"
#include "speaker/out_results.h"
#include "speaker/speaker_metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Messages are gathered until they are this long, and then go to the kernel in one call. */
    GATHERED_BYTES = 24 * 1024,
    /* Results that a peer first has room for. */
    SENT_FIRST = 1024,
};
_Static_assert((int)GATHERED_BYTES + (int)BGP_EXTENDED_MAX <= (int)CONN_WRITE_MAX,
               "what was gathered, and one more message, is written at once");

/* Numbers of routes that are in the session's buffer and not yet all with the kernel; they stay
 * held in the rib, so that they still mean the same when they are reported. */
static void remember(struct peer *peer, struct rib_out_batch *batch)
{
    struct peer_sent *sent = &peer->sent;
    if (batch->count == 0)
        return;
    if (sent->count + batch->count > sent->room) {
        size_t room = sent->room == 0 ? SENT_FIRST : sent->room * 2;
        while (room < sent->count + batch->count)
            room *= 2;
        uint32_t *ids = realloc(sent->ids, room * sizeof(*ids));
        if (ids == NULL) {
            log_error("out of memory, results are missing", "peer=%s", peer->settings.name);
            rib_out_batch_done(&peer->rib_out, batch);
            return;
        }
        sent->ids = ids;
        sent->room = room;
    }
    memcpy(sent->ids + sent->count, batch->nlri, batch->count * sizeof(*sent->ids));
    sent->count += batch->count;
}

void out_updates_forget(struct speaker *speaker, struct peer *peer)
{
    for (size_t i = 0; i < peer->sent.count; i++)
        rib_release_nlri(speaker->rib, peer->sent.ids[i]);
    peer->sent.count = 0;
}

static void count(struct peer *peer, const struct rib_out_batch *batch)
{
    if (batch->kind == RIB_OUT_END || batch->kind == RIB_OUT_MARK)
        return;
    bool withdrawal = batch->kind == RIB_OUT_WITHDRAW;
    peer->updates_sent++;
    if (!withdrawal)
        suspects_sent(&peer->suspects, clock_mono_ms(&peer->options.clock));
    if (withdrawal)
        peer->routes_withdrawn += batch->count;
    else
        peer->routes_announced += batch->count;
    speaker_metrics_update(peer->settings.name, withdrawal, batch->count);
}

/* One buffer of messages, each as long as the peer takes one. False: nothing more is due now. */
static bool fill(struct speaker *speaker, struct peer *peer, uint64_t now_us)
{
    struct session *session = peer->established;
    struct rib_out_batch batch;
    uint8_t bytes[GATHERED_BYTES + BGP_EXTENDED_MAX];
    size_t len = 0, messages = 0;
    bool more = true;
    while (more && len < GATHERED_BYTES) {
        rib_out_next(&peer->rib_out, &peer->path, now_us, bytes + len, peer->path.message_max,
                     &batch);
        more = batch.kind != RIB_OUT_NONE && batch.kind != RIB_OUT_WAIT;
        if (batch.kind == RIB_OUT_UNFIT) {
            desired_unfit(speaker->desired, peer->options.number, batch.nlri[0]);
            rib_out_batch_done(&peer->rib_out, &batch);
        }
        if (batch.len == 0)
            continue;
        count(peer, &batch);
        remember(peer, &batch);
        len += batch.len;
        messages++;
    }
    if (len > 0)
        (void)session_write(session, bytes, len, messages);
    return more;
}

bool out_updates_send(struct speaker *speaker, struct peer *peer)
{
    if (peer->settings.by_exabgp && !first_reading_waits(&speaker->first_reading))
        out_exabgp_send(speaker);
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
