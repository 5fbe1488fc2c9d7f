#include "speaker/callers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A speaker that has peers and groups and nothing else. */
struct world {
    struct speaker speaker;
    struct peer peers[4];
    struct dynamic_group groups[3];
};

static struct ip_addr addr_of(const char *text)
{
    struct ip_addr addr = {0};
    if (text[0] != '\0')
        cr_assert_eq(addr_parse(&addr, text), STATUS_OK, "%s", text);
    return addr;
}

static struct peer_settings settings(const char *name, const char *remote, const char *local,
                                     bool accepts)
{
    struct peer_settings s = {.accepts = accepts, .local_address = addr_of(local)};
    s.remote.addr = addr_of(remote);
    snprintf(s.name, sizeof(s.name), "%s", name);
    snprintf(s.configured, sizeof(s.configured), "%s", name);
    return s;
}

static struct peer *has(struct world *w, const char *name, const char *remote, const char *local,
                        bool accepts)
{
    size_t at = 0;
    while (w->speaker.peers[at] != NULL)
        at++;
    struct peer *peer = &w->peers[at];
    peer->settings = settings(name, remote, local, accepts);
    w->speaker.peers[at] = peer;
    return peer;
}

static void has_group(struct world *w, const char *name, const char *from, const char *local)
{
    struct dynamic_group *group = &w->groups[w->speaker.group_count++];
    cr_assert_eq(prefix_parse(&group->from, from), STATUS_OK);
    group->settings = settings(name, "", local, true);
    w->speaker.groups = w->groups;
}

static struct caller call(const struct world *w, const char *remote, const char *local,
                          const char *device)
{
    struct ip_addr from = addr_of(remote), to = addr_of(local);
    return caller_of(&w->speaker, &from, &to, device);
}

static const char *name_of(struct caller caller)
{
    static const char *const kinds[] = {"stranger", "elsewhere", "peer", "group"};
    static char text[NAME_MAX_LEN + 16];
    snprintf(text, sizeof(text), "%s %s", kinds[caller.kind],
             caller.settings != NULL ? caller.settings->name : "");
    return text;
}

Test(callers, two_peers_of_one_address_are_told_apart_by_ours)
{
    struct world *w = calloc(1, sizeof(*w));
    has(w, "a", "192.0.2.1", "192.0.2.8", true);
    has(w, "b", "192.0.2.1", "192.0.2.9", true);
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "peer a");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.9", "")), "peer b");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.10", "")), "elsewhere a");
    cr_expect_str_eq(name_of(call(w, "192.0.2.2", "192.0.2.8", "")), "stranger ");
    has(w, "c", "192.0.2.1", "", true);
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.9", "")), "peer b");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.10", "")), "peer c");
    free(w);
}

Test(callers, who_is_connected_to_goes_before_who_is_not)
{
    struct world *w = calloc(1, sizeof(*w));
    has(w, "dials", "192.0.2.1", "192.0.2.8", false);
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "peer dials");
    has(w, "waits", "192.0.2.1", "", true);
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "peer waits");
    free(w);
}

Test(callers, a_device_has_its_own)
{
    struct world *w = calloc(1, sizeof(*w));
    struct peer *red = has(w, "red", "192.0.2.1", "", true);
    snprintf(red->settings.socket.device, sizeof(red->settings.socket.device), "red");
    has(w, "plain", "192.0.2.1", "", true);
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "red")), "peer red");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "peer plain");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "blue")), "stranger ");
    free(w);
}

Test(callers, a_peer_of_its_own_goes_before_a_prefix_and_the_narrower_before_the_wider)
{
    struct world *w = calloc(1, sizeof(*w));
    has_group(w, "wide", "192.0.2.0/24", "");
    has_group(w, "narrow", "192.0.2.0/28", "");
    has_group(w, "there", "192.0.2.0/30", "192.0.2.9");
    cr_expect_str_eq(name_of(call(w, "192.0.2.77", "192.0.2.8", "")), "group wide");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "group narrow");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.9", "")), "group there");
    w->groups[1].settings.accepts = false;
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "group narrow",
                     "where it is unusable, its routers are not those of the wider one");
    struct peer *came = has(w, "there@192.0.2.1", "192.0.2.1", "192.0.2.9", true);
    came->came = true;
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.9", "")), "peer there@192.0.2.1");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "group narrow",
                     "who came elsewhere is no peer of its own");
    has(w, "own", "192.0.2.1", "192.0.2.8", true);
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.8", "")), "peer own");
    cr_expect_str_eq(name_of(call(w, "192.0.2.1", "192.0.2.7", "")), "elsewhere own");
    free(w);
}
