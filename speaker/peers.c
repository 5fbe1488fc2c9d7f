#include "common/base/log.h"
#include "common/service/secret_file.h"
#include "speaker/dynamic.h"
#include "speaker/isolate.h"
#include "speaker/out_exabgp.h"
#include "speaker/out_results.h"
#include "speaker/out_updates.h"
#include "speaker/speaker.h"
#include "speaker/speaker_metrics.h"
#include "speaker/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)CONFIG_PEERS_MAX == (int)DESIRED_PEERS_MAX, "the check knows how many");
_Static_assert((int)CONFIG_PEER_PREFIXES_MAX == (int)DYNAMIC_GROUPS_MAX, "likewise");

static void tell_desired(struct speaker *speaker)
{
    const char *names[DESIRED_PEERS_MAX] = {NULL};
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        struct peer *peer = speaker->peers[i];
        if (peer == NULL || (peer->came && !peer->told))
            continue;
        peer->told = true;
        names[i] = peer->settings.name;
    }
    desired_set_peers(speaker->desired, names);
}

/* --- what happens to a peer ---------------------------------------------------------------------
 */

static void on_up(void *owner, struct peer *peer)
{
    struct speaker *speaker = owner;
    char families[64] = "";
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
        size_t len = strlen(families);
        if ((peer_families(peer) >> f & 1) != 0)
            (void)snprintf(families + len, sizeof(families) - len, "%s%s", len > 0 ? "," : "",
                           message_family_name(f));
    }
    log_info("peer up", "peer=%s families=%s", peer->settings.name,
             families[0] != '\0' ? families : "none");
    if (!peer->told) {
        peer->told = true;
        speaker_metrics_peer_new(peer->settings.name);
        tell_desired(speaker);
    }
    if ((peer->settings.families & ~peer_families(peer)) != 0)
        log_warn("the peer did not agree to every family", "peer=%s agreed=%s", peer->settings.name,
                 families[0] != '\0' ? families : "none");
    if (speaker->complete)
        rib_out_complete(&peer->rib_out);
    /* Of a family that it did not agree to nothing goes out, whatever is judged; and to judge all
     * that there can be takes a second. */
    desired_rejudge_later(speaker->desired, peer->options.number);
    turns_due(speaker, peer->options.number);
}

static void on_down(void *owner, struct peer *peer, const char *why)
{
    struct speaker *speaker = owner;
    char text[SESSION_WHY_MAX + 8];
    if (!speaker->stopping)
        log_warn("peer down", "peer=%s reason=%s", peer->settings.name,
                 log_value(text, sizeof(text), why));
    speaker_metrics_session_lost(peer->settings.name);
    out_updates_forget(speaker, peer);
    desired_peer_down(speaker->desired, peer->options.number, why);
    isolate_take(speaker, peer, why);
}

static void on_changed(void *owner, struct peer *peer)
{
    struct speaker *speaker = owner;
    log_debug("peer", "peer=%s state=%s out=%s in=%s error=\"%s\"", peer->settings.name,
              fsm_state_name(peer_state(peer)), fsm_state_name(peer->out.state),
              fsm_state_name(peer->in.state), peer->last_error);
    speaker_metrics_peer(peer);
    if (speaker->out_results != NULL)
        out_results_peer_changed(speaker->out_results, peer);
}

static void on_writable(void *owner, struct peer *peer)
{
    turns_due(owner, peer->options.number);
}

static void on_tolerated(void *owner, struct peer *peer, unsigned int mistakes)
{
    (void)owner;
    speaker_metrics_tolerated(peer->settings.name, mistakes);
}

static void on_notification(void *owner, struct peer *peer, const struct bgp_error *error,
                            bool sent)
{
    const struct speaker *speaker = owner;
    char words[NOTIFICATION_WORDS_MAX];
    speaker_metrics_notification(peer->settings.name, error, sent);
    notification_format(error, words);
    if (!speaker->stopping)
        log_warn(sent ? "notification sent" : "notification received",
                 "peer=%s code=%u subcode=%u text=\"%s\"", peer->settings.name, error->code,
                 error->subcode, words);
}

/* --- the peers of a configuration ---------------------------------------------------------------
 */

static unsigned int families_of(unsigned int configured)
{
    static const unsigned int bits[BGP_FAMILIES] = {[BGP_FLOW4] = FAMILY_FLOW4,
                                                    [BGP_FLOW6] = FAMILY_FLOW6,
                                                    [BGP_UNICAST4] = FAMILY_UNICAST4,
                                                    [BGP_UNICAST6] = FAMILY_UNICAST6};
    unsigned int families = 0;
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
        families |= (configured & bits[f]) != 0 ? 1U << f : 0;
    return families;
}

/* What a peer keeps while this speaker is away must not outlive the shortest lease: nobody is there
 * to end it. */
static uint16_t restart_s(const struct config *config, const struct config_peer *peer)
{
    uint64_t ms = peer->graceful_restart_ms;
    for (size_t i = 0; i < config->method_count; i++)
        if (config->methods[i].lease_ms < ms)
            ms = config->methods[i].lease_ms;
    return (uint16_t)(ms / 1000);
}

enum {
    /* A directly connected neighbour is one hop away (RFC 4271, 5.1.3 and 8.2.1). */
    EBGP_TTL = 1,
    TTL_MOST = 255,
};

static struct socket_options socket_of(const struct speaker *speaker,
                                       const struct config_peer *config)
{
    struct socket_options options = {0};
    bool ibgp = config->remote_as == speaker->config->speaker.local_as;
    if (config->gtsm_hops != 0) {
        options.ttl = TTL_MOST;
        options.ttl_least = (uint8_t)(TTL_MOST + 1 - config->gtsm_hops);
    } else if (!ibgp) {
        options.ttl = config->multihop != 0 ? (uint8_t)config->multihop : EBGP_TTL;
    }
    if (config->device != NULL)
        (void)snprintf(options.device, sizeof(options.device), "%s", config->device);
    return options;
}

/*
 * A session without the password that was asked for must not be: a new peer waits for its file. One
 * that has a password keeps it, so that a slip of the hand while keys are changed ends no session.
 */
static void use_password(const struct config_peer *config, const struct peer_settings *had,
                         struct peer_settings *s)
{
    char secret[SOCKET_PASSWORD_MAX + 1];
    struct text why;
    struct socket_password *password = &s->socket.password;
    if (config->password_file == NULL)
        return;
    text_init(&why, 0);
    if (secret_file_read(config->password_file, secret, sizeof(secret), &why) == STATUS_OK) {
        password->len = (uint8_t)strlen(secret);
        memcpy(password->bytes, secret, password->len);
    } else if (had != NULL && had->socket.password.len > 0) {
        *password = had->socket.password;
        log_error("password_file cannot be used: the password that the peer had stays",
                  "peer=%s reason=\"%s\"", s->name, text_str(&why));
    } else {
        (void)snprintf(s->unusable, sizeof(s->unusable), "password_file: %s", text_str(&why));
        s->connects = s->accepts = false;
        log_error("password_file cannot be used: no session without it", "peer=%s reason=\"%s\"",
                  s->name, text_str(&why));
    }
    explicit_bzero(secret, sizeof(secret));
    text_done(&why);
}

static struct peer_settings settings_of(const struct speaker *speaker,
                                        const struct config_peer *config)
{
    const struct config_speaker *own = &speaker->config->speaker;
    struct wire_reader id = wire_reader_of(own->router_id.octets, 4);
    struct peer_settings s = {
        .remote = {.addr = config->address.addr, .port = config->port},
        .local_address = config->local_address,
        .socket = socket_of(speaker, config),
        .local_as = own->local_as,
        .remote_as = config->remote_as,
        .router_id = wire_u32(&id),
        .families = families_of(config->families),
        .connects = config->connect != CONNECT_PASSIVE,
        .accepts = config->connect != CONNECT_ACTIVE,
        .no_export = config->no_export,
        .hold_s = (uint32_t)(config->hold_ms / 1000),
        .restart_s = restart_s(speaker->config, config),
        .local_preference = config->local_preference,
        .connect_retry_ms = config->connect_retry_ms,
        .profile = model_profile(speaker->model, config->profile.value),
        .updates_per_second = config->updates_per_second,
        .max_routes = config->max_routes,
    };
    const struct config_exabgp *exabgp = &speaker->config->speaker.exabgp;
    s.by_exabgp = exabgp->enabled && config == &speaker->config->peers[exabgp->peer];
    if (s.by_exabgp)
        s.connects = s.accepts = false;
    (void)snprintf(s.name, sizeof(s.name), "%s", config->name);
    (void)snprintf(s.configured, sizeof(s.configured), "%s", config->name);
    if (s.profile == NULL)
        s.profile = profile_at(0); /* the model's check has refused such a name */
    if (s.profile->rules_max != 0 && s.profile->rules_max < s.max_routes)
        s.max_routes = s.profile->rules_max;
    return s;
}

static struct peer *by_name(const struct speaker *speaker, const char *name)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL && strcmp(speaker->peers[i]->settings.name, name) == 0)
            return speaker->peers[i];
    return NULL;
}

/* The address of one that came from a prefix has a peer of its own now. */
static const struct config_peer *own_peer_of(const struct speaker *speaker, const struct peer *peer)
{
    const struct config *config = speaker->config;
    for (size_t i = 0; i < config->peer_count; i++) {
        const struct config_peer *own = &config->peers[i];
        const char *device = own->device != NULL ? own->device : "";
        if (!config_peer_is_dynamic(own) &&
            addr_equal(&own->address.addr, &peer->settings.remote.addr) &&
            strcmp(device, peer->settings.socket.device) == 0)
            return own;
    }
    return NULL;
}

static bool is_configured(const struct speaker *speaker, const struct peer *peer)
{
    const char *name = peer->settings.configured;
    if (peer->came) {
        const struct dynamic_group *group =
            dynamic_group_of(speaker, &peer->settings.remote.addr, &peer->settings.local_address,
                             peer->settings.socket.device);
        return group != NULL && strcmp(group->settings.configured, name) == 0 &&
               own_peer_of(speaker, peer) == NULL;
    }
    for (size_t i = 0; i < speaker->config->peer_count; i++)
        if (strcmp(speaker->config->peers[i].name, name) == 0)
            return !config_peer_is_dynamic(&speaker->config->peers[i]);
    return false;
}

static void free_peer(struct speaker *speaker, size_t number)
{
    struct peer *peer = speaker->peers[number];
    out_updates_forget(speaker, peer);
    out_exabgp_forget(speaker, peer);
    peer_done(peer);
    speaker->peers[number] = NULL;
    free(peer);
}

/* What the router keeps is of use to the peer that has its address from now on. */
static bool is_succeeded(const struct speaker *speaker, const struct peer *peer)
{
    const struct config_peer *own = peer->came ? own_peer_of(speaker, peer) : NULL;
    return own != NULL && own->remote_as == peer->settings.remote_as &&
           own->graceful_restart_ms != 0;
}

static void remove_peer(struct speaker *speaker, size_t number)
{
    struct peer *peer = speaker->peers[number];
    log_info("peer removed", "peer=%s", peer->settings.name);
    if (is_succeeded(speaker, peer))
        peer_pause(peer, BGP_CEASE_CONFIGURATION, NULL);
    else
        peer_stop(peer, BGP_CEASE_DECONFIGURED, NULL);
    speaker_metrics_peer_gone(peer->settings.name);
    out_results_peer_gone(speaker->out_results, peer->settings.name);
    free_peer(speaker, number);
}

struct peer *peers_add(struct speaker *speaker, const struct peer_settings *settings)
{
    size_t number = 0;
    while (number < DESIRED_PEERS_MAX && speaker->peers[number] != NULL)
        number++;
    struct peer *peer = number < DESIRED_PEERS_MAX ? calloc(1, sizeof(*peer)) : NULL;
    if (peer == NULL)
        return NULL;
    struct peer_options options = {.conns = &speaker->conns,
                                   .rib = speaker->rib,
                                   .clock = speaker->clock,
                                   .number = number,
                                   .restarted = speaker->restarted,
                                   .events = {.on_up = on_up,
                                              .on_down = on_down,
                                              .on_changed = on_changed,
                                              .on_writable = on_writable,
                                              .on_tolerated = on_tolerated,
                                              .on_notification = on_notification,
                                              .owner = speaker}};
    peer_init(peer, settings, &options);
    speaker->peers[number] = peer;
    peer->quarantined = quarantine_count(speaker->quarantine, settings->name);
    return peer;
}

/* One that came from a prefix gives way to one that is configured: first one without a session. */
static void make_room(struct speaker *speaker)
{
    size_t leaves = DESIRED_PEERS_MAX;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = speaker->peers[i];
        if (peer == NULL)
            return;
        if (peer->came && (leaves == DESIRED_PEERS_MAX || peer->established == NULL))
            leaves = i;
    }
    if (leaves < DESIRED_PEERS_MAX)
        peers_remove(speaker, leaves);
}

static void add_configured(struct speaker *speaker, const struct peer_settings *settings)
{
    make_room(speaker);
    if (peers_add(speaker, settings) != NULL)
        speaker_metrics_peer_new(settings->name);
    else
        log_error("too many peers, this one is left out", "peer=%s most=%d", settings->name,
                  DESIRED_PEERS_MAX);
}

void peers_remove(struct speaker *speaker, size_t number)
{
    bool told = speaker->peers[number]->told;
    remove_peer(speaker, number);
    if (told)
        tell_desired(speaker);
}

static void free_groups(struct speaker *speaker)
{
    if (speaker->groups != NULL)
        explicit_bzero(speaker->groups, DYNAMIC_GROUPS_MAX * sizeof(*speaker->groups));
    free(speaker->groups);
    speaker->groups = NULL;
    speaker->group_count = 0;
}

/* The neighbours of prefixes: those that the configuration had before lend their passwords. */
static void apply_groups(struct speaker *speaker)
{
    const struct config *config = speaker->config;
    struct dynamic_group *groups = calloc(DYNAMIC_GROUPS_MAX, sizeof(*groups));
    size_t count = 0;
    for (size_t i = 0; groups != NULL && i < config->peer_count; i++) {
        const struct config_peer *peer = &config->peers[i];
        if (!config_peer_is_dynamic(peer))
            continue;
        if (count == DYNAMIC_GROUPS_MAX) {
            log_error("too many prefixes of neighbours, this one is left out", "peer=%s most=%d",
                      peer->name, DYNAMIC_GROUPS_MAX);
            continue;
        }
        const struct dynamic_group *had = dynamic_group_named(speaker, peer->name);
        groups[count].from = peer->address;
        groups[count].max_sessions = peer->max_sessions;
        groups[count].settings = settings_of(speaker, peer);
        use_password(peer, had != NULL ? &had->settings : NULL, &groups[count].settings);
        count++;
    }
    free_groups(speaker);
    speaker->groups = groups;
    speaker->group_count = count;
}

/* Those that came keep their place, with the settings that their prefix has now. */
static void apply_to_those_that_came(struct speaker *speaker)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        struct peer *peer = speaker->peers[i];
        if (peer == NULL || !peer->came)
            continue;
        struct peer_settings settings = dynamic_settings(
            dynamic_group_named(speaker, peer->settings.configured), &peer->settings.remote.addr);
        peer_set(peer, &settings);
    }
}

void peers_apply(struct speaker *speaker)
{
    bool removed = false;
    apply_groups(speaker);
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        if (speaker->peers[i] == NULL || is_configured(speaker, speaker->peers[i]))
            continue;
        remove_peer(speaker, i);
        removed = true;
    }
    /* Numbers of the removed must be free of their names before others get them. */
    if (removed)
        tell_desired(speaker);
    apply_to_those_that_came(speaker);
    for (size_t i = 0; i < speaker->config->peer_count; i++) {
        if (config_peer_is_dynamic(&speaker->config->peers[i]))
            continue;
        struct peer_settings settings = settings_of(speaker, &speaker->config->peers[i]);
        struct peer *peer = by_name(speaker, settings.name);
        use_password(&speaker->config->peers[i], peer != NULL ? &peer->settings : NULL, &settings);
        if (peer != NULL)
            peer_set(peer, &settings);
        else
            add_configured(speaker, &settings);
    }
    tell_desired(speaker);
    desired_rejudge_all(speaker->desired); /* by the new configuration, and the new limits */
}

void peers_start(struct speaker *speaker)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        struct peer *peer = speaker->peers[i];
        if (peer != NULL && !peer->running)
            peer_start(peer);
        if (peer != NULL && speaker->complete)
            rib_out_complete(&peer->rib_out);
    }
}

void peers_stop(struct speaker *speaker, bool keep)
{
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        if (speaker->peers[i] != NULL && keep)
            peer_pause(speaker->peers[i], BGP_CEASE_RESET, "weir restarts");
        else if (speaker->peers[i] != NULL)
            peer_stop(speaker->peers[i], BGP_CEASE_SHUTDOWN, "weir ends, its routes are withdrawn");
    }
}

void peers_free(struct speaker *speaker)
{
    free_groups(speaker);
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL)
            free_peer(speaker, i);
}

size_t peers_platforms(const struct speaker *speaker, const struct peer *peer,
                       const char **ret_names, size_t room)
{
    const struct config *config = speaker->config;
    size_t count = 0;
    for (size_t i = 0; i < config->platform_count; i++) {
        const struct config_platform *platform = &config->platforms[i];
        for (size_t j = 0; j < platform->peer_count && count < room; j++)
            if (strcmp(config->peers[platform->peers[j]].name, peer->settings.configured) == 0)
                ret_names[count++] = platform->name;
    }
    return count;
}
