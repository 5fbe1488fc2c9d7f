#include "speaker/dump.h"

#include "common/base/text.h"
#include "speaker/bgp/mrt.h"

#include <stdlib.h>

enum {
    /* Less than a tenth of what an answer at the socket may be (ctl/speaker_socket.c), and written
     * in less than a millisecond. */
    SLICE_BYTES = 48 * 1024,
    /* So that a peer with few of many routes keeps the loop no longer than one with all. */
    SLICE_NLRI = 16384,
    /* The longest rule with all attributes; messages that hold several are no longer either. */
    LONG_MESSAGE = 2 * BGP_MESSAGE_MAX,
};

struct slice {
    struct wire_writer w;
    uint32_t at_s;
    size_t looks, routes, messages;
};

static struct mrt_session session_of(const struct peer *peer)
{
    const struct peer_settings *s = &peer->settings;
    return (struct mrt_session){.local_as = s->local_as,
                                .remote_as = s->remote_as,
                                .local = s->local_address,
                                .remote = s->remote.addr};
}

/* One message of routes with equal attributes, from the number on that it is given and those right
 * behind it. */
static void put_message(struct slice *slice, const struct peer *peer, uint32_t *at)
{
    const struct rib_out *out = &peer->rib_out;
    uint32_t attributes = rib_out_announced(out, *at), bound = rib_nlri_bound(out->rib);
    enum bgp_family family = rib_nlri(out->rib, *at).family;
    struct communities communities = rib_attributes(out->rib, attributes);
    struct update_path path = peer->path;
    struct mrt_session session = session_of(peer);
    struct update_builder u;
    uint8_t bytes[LONG_MESSAGE];
    size_t room = path.message_max < sizeof(bytes) ? path.message_max : sizeof(bytes);
    path.as4 = true; /* RFC 6396, 4.4.3, whatever the peer was sent */
    enum status status = update_begin_reach(&u, bytes, room, family, &path, &communities);
    size_t count = 0;
    while (status == STATUS_OK && *at < bound && slice->looks > 0 &&
           rib_out_announced(out, *at) == attributes) {
        struct rib_nlri nlri = rib_nlri(out->rib, *at);
        if (nlri.family != family || update_add(&u, nlri.bytes, nlri.len) != STATUS_OK)
            break;
        (*at)++;
        count++;
        slice->looks--;
    }
    if (count == 0) { /* it was sent, so it has room: never to stop at it is all that matters */
        (*at)++;
        return;
    }
    mrt_put_message(&slice->w, slice->at_s, &session, bytes, update_end(&u));
    slice->messages++;
    slice->routes += count;
}

/* False: the slice is full before the peer's end. */
static bool put_peer(struct slice *slice, const struct peer *peer, uint32_t *at)
{
    uint32_t bound = rib_nlri_bound(peer->rib_out.rib);
    while (*at < bound) {
        if (slice->looks == 0 || slice->w.room - slice->w.len < MRT_RECORD_HEAD_MAX + LONG_MESSAGE)
            return false;
        if (rib_out_announced(&peer->rib_out, *at) != 0) {
            put_message(slice, peer, at);
            continue;
        }
        (*at)++;
        slice->looks--;
    }
    return true;
}

static bool read_number(const json_t *command, const char *name, uint64_t most, uint32_t *ret)
{
    const json_t *value = json_object_get(command, name);
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > most)
        return false;
    *ret = (uint32_t)number;
    return true;
}

json_t *dump_slice(const struct speaker *speaker, const json_t *command)
{
    uint32_t peer_at, nlri_at;
    bool full = false;
    struct slice slice = {.at_s = (uint32_t)(clock_wall_ms(&speaker->clock) / 1000),
                          .looks = SLICE_NLRI};
    if (!read_number(command, "peer", DESIRED_PEERS_MAX, &peer_at) ||
        !read_number(command, "nlri", UINT32_MAX, &nlri_at))
        return json_pack("{s:b, s:s}", "ok", 0, "error",
                         "peer, nlri: expected where the slice begins, as `next` said");
    uint8_t *bytes = malloc(SLICE_BYTES);
    if (bytes == NULL)
        return NULL;
    slice.w = wire_writer_of(bytes, SLICE_BYTES);
    for (; peer_at < DESIRED_PEERS_MAX; peer_at++, nlri_at = 0) {
        const struct peer *peer = speaker->peers[peer_at];
        full = peer != NULL && peer_is_up(peer) && !put_peer(&slice, peer, &nlri_at);
        if (full)
            break;
    }
    struct text hex;
    text_init(&hex, 0);
    text_add_hex(&hex, bytes, slice.w.len);
    free(bytes);
    json_t *next = full ? json_pack("{s:i, s:I}", "peer", (int)peer_at, "nlri", (json_int_t)nlri_at)
                        : json_null();
    json_t *answer =
        json_pack("{s:b, s:s, s:I, s:I, s:o}", "ok", 1, "mrt", text_str(&hex), "messages",
                  (json_int_t)slice.messages, "routes", (json_int_t)slice.routes, "next", next);
    text_done(&hex);
    return answer;
}
