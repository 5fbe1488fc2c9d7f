#include "speaker/callers.h"

#include <string.h>

bool caller_may_reach(const struct peer_settings *settings, const struct ip_addr *local)
{
    return settings->local_address.family == ADDR_NONE ||
           addr_equal(&settings->local_address, local);
}

static bool calls_from(const struct peer_settings *settings, const struct ip_addr *remote,
                       const char *device)
{
    return addr_equal(&settings->remote.addr, remote) &&
           strcmp(settings->socket.device, device) == 0;
}

/* How well a peer fits, of those that may be reached there; more is better. */
static unsigned int fit_of(const struct peer *peer)
{
    return (peer->came ? 0U : 4U) + (peer->settings.accepts ? 2U : 0U) +
           (peer->settings.local_address.family != ADDR_NONE ? 1U : 0U);
}

struct caller caller_of(const struct speaker *speaker, const struct ip_addr *remote,
                        const struct ip_addr *local, const char *device)
{
    struct caller caller = {.kind = CALLER_STRANGER};
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        struct peer *peer = speaker->peers[i];
        if (peer == NULL || !calls_from(&peer->settings, remote, device))
            continue;
        if (caller_may_reach(&peer->settings, local)) {
            if (caller.peer == NULL || fit_of(peer) > fit_of(caller.peer))
                caller = (struct caller){CALLER_PEER, &peer->settings, peer, NULL};
        } else if (caller.kind == CALLER_STRANGER && !peer->came) {
            caller = (struct caller){CALLER_ELSEWHERE, &peer->settings, NULL, NULL};
        }
    }
    if (caller.kind != CALLER_STRANGER)
        return caller;
    const struct dynamic_group *group = dynamic_group_of(speaker, remote, local, device);
    if (group != NULL)
        caller = (struct caller){CALLER_OF_GROUP, &group->settings, NULL, group};
    return caller;
}
