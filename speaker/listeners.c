#include "speaker/listeners.h"

#include "common/base/hash.h"
#include "common/base/log.h"
#include "speaker/callers.h"
#include "speaker/speaker_metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A burst of strangers must not leave a peer outside: what finds no place here is tried again by
 * the other side, seconds later. */
enum { BACKLOG = 1024, SAY_EVERY_MS = 60000 };

/* Each peer and each prefix of peers may have one. */
enum { EXPECTED_MAX = DESIRED_PEERS_MAX + DYNAMIC_GROUPS_MAX };

/* Who connects from there must sign with this. */
struct expected {
    struct ip_prefix from;
    struct socket_password password;
};

struct listener {
    uv_tcp_t tcp;
    struct listeners *all;
    struct ip_endpoint at;
    char device[SOCKET_DEVICE_MAX]; /* "": all that no other listener has */
    unsigned int device_index;      /* which of that name it is bound to */
    struct expected expected[EXPECTED_MAX];
    size_t expected_count;
    bool listens, closing;
    struct listener *next;
};

struct listeners {
    struct speaker *speaker;
    struct log_limiter strangers, failures;
    struct listener *first;
    size_t open; /* handles */
    bool ended;
    void (*on_closed)(void *owner);
};

/* --- who comes ----------------------------------------------------------------------------------
 */

static void turn_away(struct listeners *listeners, const struct ip_endpoint *remote,
                      const char *peer, const char *why)
{
    uint64_t suppressed, source = hash_seeded(&remote->addr, sizeof(remote->addr), 0);
    char text[ENDPOINT_TEXT_MAX];
    if (!log_limiter_allow(&listeners->strangers, source, speaker_now_ms(listeners->speaker),
                           &suppressed))
        return;
    endpoint_format(remote, text);
    if (peer == NULL)
        log_warn("connection from no peer", "from=%s suppressed=%" PRIu64, text, suppressed);
    else
        log_warn("connection of a peer refused",
                 "peer=%s from=%s reason=\"%s\" suppressed=%" PRIu64, peer, text, why, suppressed);
}

/* The narrowest that the kernel goes by; none: no password. */
static bool expects(const struct listener *listener, const struct ip_addr *addr,
                    const struct socket_password *password)
{
    const struct expected *best = NULL;
    for (size_t i = 0; i < listener->expected_count; i++) {
        const struct expected *e = &listener->expected[i];
        if (prefix_contains(&e->from, addr) && (best == NULL || e->from.len > best->from.len))
            best = e;
    }
    return best != NULL ? socket_password_equal(&best->password, password) : password->len == 0;
}

/* It is told why (RFC 4486), but where what comes from too far is to be dropped (RFC 5082). */
static void refuse(struct listener *listener, struct conn *conn, const struct ip_endpoint *remote,
                   const char *name, enum connection_refusal kind, const char *why)
{
    speaker_metrics_connection_refused(kind);
    turn_away(listener->all, remote, name, why);
    if (kind != CONNECTION_TOO_FAR && kind != CONNECTION_BROKEN)
        session_dismiss(conn, kind == CONNECTION_LIMIT ? BGP_CEASE_RESOURCES : BGP_CEASE_REJECTED);
}

/* What is known of who comes there lets it in; else it is turned away, and counted. */
static bool is_let_in(struct listener *listener, struct conn *conn,
                      const struct ip_endpoint *remote, const struct caller *caller)
{
    const struct peer_settings *settings = caller->settings;
    char why[SOCKET_WHY_MAX];
    if (caller->kind == CALLER_STRANGER) {
        speaker_metrics_stranger();
        turn_away(listener->all, remote, NULL, "");
        return false;
    }
    if (caller->kind == CALLER_ELSEWHERE) {
        refuse(listener, conn, remote, settings->name, CONNECTION_ELSEWHERE,
               "it comes to another address than local_address");
        return false;
    }
    if (settings->unusable[0] != '\0') {
        refuse(listener, conn, remote, settings->name, CONNECTION_UNSIGNED, settings->unusable);
        return false;
    }
    if (!expects(listener, &remote->addr, &settings->socket.password)) {
        refuse(listener, conn, remote, settings->name, CONNECTION_UNSIGNED,
               "its password is not set at the listening socket");
        return false;
    }
    enum status status = conn_prepare(conn, &settings->socket, why);
    if (status != STATUS_OK)
        refuse(listener, conn, remote, settings->name,
               status == STATUS_REFUSED ? CONNECTION_TOO_FAR : CONNECTION_BROKEN, why);
    return status == STATUS_OK;
}

/* Who it is for; NULL: for nobody. */
static struct peer *peer_of(struct listener *listener, struct conn *conn,
                            const struct ip_endpoint *remote, const struct ip_endpoint *local)
{
    struct speaker *speaker = listener->all->speaker;
    struct caller caller = caller_of(speaker, &remote->addr, &local->addr, listener->device);
    if (!is_let_in(listener, conn, remote, &caller))
        return NULL;
    if (caller.kind == CALLER_PEER)
        return caller.peer;
    struct peer *peer = dynamic_take(speaker, caller.group, &remote->addr);
    if (peer == NULL)
        refuse(listener, conn, remote, caller.settings->name, CONNECTION_LIMIT,
               "max_sessions neighbours are there, or all places are taken");
    return peer;
}

/* --- passwords ----------------------------------------------------------------------------------
 */

static int fd_of(const struct listener *listener)
{
    uv_os_fd_t fd = -1;
    (void)uv_fileno((const uv_handle_t *)&listener->tcp, &fd);
    return fd;
}

static bool comes_to(const struct peer_settings *settings, const struct ip_endpoint *at)
{
    const struct ip_addr any = {.family = at->addr.family};
    return settings->accepts && settings->remote.addr.family == at->addr.family &&
           (addr_equal(&at->addr, &any) || caller_may_reach(settings, &at->addr));
}

static bool comes_by(const struct peer_settings *settings, const struct listener *listener)
{
    return comes_to(settings, &listener->at) &&
           strcmp(settings->socket.device, listener->device) == 0;
}

static struct expected *find(struct expected *at, size_t count, const struct ip_prefix *from)
{
    for (size_t i = 0; i < count; i++)
        if (prefix_equal(&at[i].from, from))
            return &at[i];
    return NULL;
}

static void add_expected(struct expected *at, size_t *count, const struct ip_prefix *from,
                         const struct socket_password *password)
{
    if (password->len > 0 && *count < EXPECTED_MAX && find(at, *count, from) == NULL)
        at[(*count)++] = (struct expected){.from = *from, .password = *password};
}

/* The first peer of an address has it, as it has the connections. */
static size_t collect_expected(const struct listener *listener, struct expected *ret_expected)
{
    const struct speaker *speaker = listener->all->speaker;
    size_t count = 0;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++) {
        const struct peer *peer = speaker->peers[i];
        if (peer == NULL || peer->came || !comes_by(&peer->settings, listener))
            continue;
        struct ip_prefix from = prefix_of_host(&peer->settings.remote.addr);
        add_expected(ret_expected, &count, &from, &peer->settings.socket.password);
    }
    for (size_t i = 0; i < speaker->group_count; i++)
        if (comes_by(&speaker->groups[i].settings, listener))
            add_expected(ret_expected, &count, &speaker->groups[i].from,
                         &speaker->groups[i].settings.socket.password);
    return count;
}

static bool tell(const struct listener *listener, const struct expected *expected)
{
    struct listeners *all = listener->all;
    char why[SOCKET_WHY_MAX], text[PREFIX_TEXT_MAX];
    uint64_t suppressed, source = hash_seeded(&expected->from, sizeof(expected->from), 0);
    if (socket_options_expect(fd_of(listener), &expected->from, &expected->password, why) ==
        STATUS_OK)
        return true;
    if (log_limiter_allow(&all->failures, source, speaker_now_ms(all->speaker), &suppressed))
        log_error("a password cannot be set at a listening socket", "from=%s reason=\"%s\"",
                  prefix_format(&expected->from, text), why);
    return false;
}

/* One that the kernel did not take stays out of the list, so that nobody gets in without it. */
static void update_expected(struct listener *listener)
{
    struct expected wanted[EXPECTED_MAX];
    size_t count = collect_expected(listener, wanted), kept = 0;
    for (size_t i = 0; i < listener->expected_count; i++) {
        struct expected gone = {.from = listener->expected[i].from};
        if (find(wanted, count, &gone.from) == NULL)
            (void)tell(listener, &gone);
    }
    for (size_t i = 0; i < count; i++) {
        const struct expected *had =
            find(listener->expected, listener->expected_count, &wanted[i].from);
        bool same = had != NULL && socket_password_equal(&had->password, &wanted[i].password);
        if (same || tell(listener, &wanted[i]))
            wanted[kept++] = wanted[i];
    }
    memcpy(listener->expected, wanted, kept * sizeof(wanted[0]));
    listener->expected_count = kept;
    explicit_bzero(wanted, sizeof(wanted));
}

/* --- sockets ------------------------------------------------------------------------------------
 */

static void finish(struct listeners *listeners)
{
    struct speaker *speaker = listeners->speaker;
    void (*on_closed)(void *) = listeners->on_closed;
    free(listeners);
    speaker->listeners = NULL;
    on_closed(speaker);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    struct listeners *listeners = listener->all;
    explicit_bzero(listener->expected, sizeof(listener->expected));
    free(listener);
    if (--listeners->open == 0 && listeners->ended)
        finish(listeners);
}

static void close_one(struct listener *listener)
{
    struct listener **at = &listener->all->first;
    while (*at != listener)
        at = &(*at)->next;
    *at = listener->next;
    uv_close((uv_handle_t *)&listener->tcp, on_socket_closed);
}

/* It is opened anew the next time. */
static void give_up(struct listener *listener, const char *why)
{
    char text[ENDPOINT_TEXT_MAX];
    endpoint_format(&listener->at, text);
    log_warn("listening anew for peers", "address=%s device=%s because=\"%s\"", text,
             listener->device[0] != '\0' ? listener->device : "any", why);
    close_one(listener);
}

static void on_connection(uv_stream_t *socket, int error)
{
    struct listener *listener = socket->data;
    struct ip_endpoint remote, local;
    struct conn *conn;
    if (error != 0)
        return;
    enum status status =
        conn_accept(&conn, &listener->all->speaker->conns, socket, &remote, &local);
    if (status == STATUS_NO_MEMORY)
        give_up(listener, status_name(status));
    if (status != STATUS_OK)
        return;
    struct peer *peer = peer_of(listener, conn, &remote, &local);
    if (peer == NULL)
        conn_abort(conn);
    else if (!peer_accept(peer, conn))
        speaker_metrics_connection_refused(CONNECTION_NOT_NOW);
}

static struct listener *new_listener(struct listeners *listeners, const struct ip_endpoint *at,
                                     const char *device)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    unsigned int family = at->addr.family == ADDR_IPV6 ? AF_INET6 : AF_INET;
    if (listener == NULL)
        return NULL;
    if (uv_tcp_init_ex(listeners->speaker->loop, &listener->tcp, family) != 0) {
        free(listener);
        return NULL;
    }
    listener->tcp.data = listener;
    listener->all = listeners;
    listener->at = *at;
    memcpy(listener->device, device, strlen(device) + 1);
    listener->device_index = device[0] != '\0' ? if_nametoindex(device) : 0;
    listener->next = listeners->first;
    listeners->first = listener;
    listeners->open++;
    return listener;
}

/* Those of the same address and port, of whatever device. */
static void share(const struct listeners *listeners, const struct ip_endpoint *at, bool shares)
{
    for (const struct listener *l = listeners->first; l != NULL; l = l->next)
        if (addr_equal(&l->at.addr, &at->addr) && l->at.port == at->port)
            socket_options_share(fd_of(l), shares);
}

static enum status listen_at(struct listener *listener, char ret_why[SOCKET_WHY_MAX])
{
    struct sockaddr_storage addr;
    unsigned int flags = listener->at.addr.family == ADDR_IPV6 ? UV_TCP_IPV6ONLY : 0;
    enum status status =
        socket_options_listen(fd_of(listener), listener->at.addr.family, listener->device, ret_why);
    if (status != STATUS_OK)
        return status;
    socket_address(&listener->at, listener->device, &addr);
    update_expected(listener);
    int error = uv_tcp_bind(&listener->tcp, (const struct sockaddr *)&addr, flags);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&listener->tcp, BACKLOG, on_connection);
    if (error == 0)
        return STATUS_OK;
    (void)snprintf(ret_why, SOCKET_WHY_MAX, "%s", uv_strerror(error));
    return STATUS_IO;
}

static enum status open_one(struct listeners *listeners, const struct ip_endpoint *at,
                            const char *device)
{
    char text[ENDPOINT_TEXT_MAX], why[SOCKET_WHY_MAX] = "no memory, or no socket";
    struct listener *listener = new_listener(listeners, at, device);
    endpoint_format(at, text);
    /* The kernel gives a connection to the socket of the device that it came by. */
    share(listeners, at, device[0] != '\0');
    enum status status = listener != NULL ? listen_at(listener, why) : STATUS_NO_MEMORY;
    share(listeners, at, false);
    if (status == STATUS_OK) {
        log_info("listening for peers", "address=%s device=%s", text,
                 device[0] != '\0' ? device : "any");
        return STATUS_OK;
    }
    uint64_t suppressed, source = hash_seeded(device, strlen(device), at->port);
    if (log_limiter_allow(&listeners->failures, source, speaker_now_ms(listeners->speaker),
                          &suppressed))
        log_error("cannot listen for peers", "address=%s device=%s error=\"%s\"", text,
                  device[0] != '\0' ? device : "any", why);
    if (listener != NULL)
        close_one(listener);
    return status;
}

static struct listener *listener_of(const struct listeners *listeners, const struct ip_endpoint *at,
                                    const char *device)
{
    for (struct listener *l = listeners->first; l != NULL; l = l->next)
        if (addr_equal(&l->at.addr, &at->addr) && l->at.port == at->port &&
            strcmp(l->device, device) == 0)
            return l;
    return NULL;
}

static bool is_needed(const struct listener *listener)
{
    const struct speaker *speaker = listener->all->speaker;
    bool needed = listener->device[0] == '\0';
    for (size_t i = 0; i < DESIRED_PEERS_MAX && !needed; i++)
        needed = speaker->peers[i] != NULL && comes_by(&speaker->peers[i]->settings, listener);
    for (size_t i = 0; i < speaker->group_count && !needed; i++)
        needed = comes_by(&speaker->groups[i].settings, listener);
    return needed;
}

/* A device that was deleted and made again is another one to the kernel. */
static bool is_of_another_device(const struct listener *listener)
{
    if (listener->device[0] == '\0')
        return false;
    unsigned int index = if_nametoindex(listener->device);
    return index != listener->device_index && (index != 0 || errno == ENODEV);
}

/* One that a device keeps from listening is tried again the next time. */
static void open_for(struct listeners *listeners, const struct peer_settings *settings)
{
    const struct config_speaker *config = &listeners->speaker->config->speaker;
    const char *device = settings->socket.device;
    for (size_t i = 0; i < config->listen_count && device[0] != '\0'; i++)
        if (comes_to(settings, &config->listen[i]) &&
            listener_of(listeners, &config->listen[i], device) == NULL)
            (void)open_one(listeners, &config->listen[i], device);
}

enum status listeners_open(struct speaker *speaker)
{
    struct listeners *listeners = calloc(1, sizeof(*listeners));
    if (listeners == NULL)
        return STATUS_NO_MEMORY;
    listeners->speaker = speaker;
    log_limiter_init(&listeners->strangers, SAY_EVERY_MS);
    log_limiter_init(&listeners->failures, SAY_EVERY_MS);
    speaker->listeners = listeners;
    return STATUS_OK;
}

enum status listeners_update(struct speaker *speaker)
{
    struct listeners *listeners = speaker->listeners;
    const struct config_speaker *config = &speaker->config->speaker;
    for (struct listener *l = listeners->first, *next; l != NULL; l = next) {
        next = l->next;
        if (!is_needed(l))
            close_one(l);
        else if (is_of_another_device(l))
            give_up(l, "the device is another one, or gone");
        else
            update_expected(l);
    }
    for (size_t i = 0; i < config->listen_count; i++)
        if (listener_of(listeners, &config->listen[i], "") == NULL &&
            open_one(listeners, &config->listen[i], "") != STATUS_OK)
            return STATUS_IO;
    for (size_t i = 0; i < DESIRED_PEERS_MAX; i++)
        if (speaker->peers[i] != NULL)
            open_for(listeners, &speaker->peers[i]->settings);
    for (size_t i = 0; i < speaker->group_count; i++)
        open_for(listeners, &speaker->groups[i].settings);
    return STATUS_OK;
}

void listeners_close(struct speaker *speaker, void (*on_closed)(void *owner))
{
    struct listeners *listeners = speaker->listeners;
    if (listeners == NULL) {
        on_closed(speaker);
        return;
    }
    listeners->on_closed = on_closed;
    listeners->ended = true;
    if (listeners->open == 0)
        finish(listeners);
    while (speaker->listeners != NULL && listeners->first != NULL)
        close_one(listeners->first);
}
