#include "ctl/peer_show.h"

#include "ctl/show.h"

#include <inttypes.h>

static const char *or_none(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static void show_routes(const json_t *peer)
{
    static const struct {
        const char *field, *family;
    } families[] = {{"routes_ipv4", "ipv4-flowspec"},
                    {"routes_ipv6", "ipv6-flowspec"},
                    {"routes_ipv4_unicast", "ipv4-unicast"},
                    {"routes_ipv6_unicast", "ipv6-unicast"}};
    uint64_t announced = 0;
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        announced += show_u64(peer, families[i].field);
    show_print(stdout,
               "routes         %" PRIu64 " wanted, %" PRIu64 " announced, %" PRIu64
               " pending, %" PRIu64 " refused",
               show_u64(peer, "wanted"), announced, show_u64(peer, "pending"),
               show_u64(peer, "refused"));
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        if (show_u64(peer, families[i].field) > 0)
            show_print(stdout, "; %" PRIu64 " %s", show_u64(peer, families[i].field),
                       families[i].family);
    show_print(stdout, "\n");
}

/* Each as "ID: why" (isolate_format). */
static void show_quarantine(const json_t *peer)
{
    if (show_u64(peer, "suspects") > 0)
        show_print(stdout,
                   "suspects       %" PRIu64
                   " routes: the session fell after them, so each is tried "
                   "by itself when the others stand\n",
                   show_u64(peer, "suspects"));
    if (show_u64(peer, "quarantined") > 0)
        show_print(stdout,
                   "quarantined    %" PRIu64 " routes, not sent any more: %s\n"
                   "               weir speaker retry %s [ID] has them tried again\n",
                   show_u64(peer, "quarantined"), or_none(show_string(peer, "quarantine")),
                   show_string(peer, "peer"));
}

void peer_show(const json_t *peer)
{
    const char *name = show_string(peer, "peer");
    show_print(stdout, "peer           %s\n", name);
    show_print(stdout, "state          %s", show_string(peer, "state"));
    if (show_string(peer, "since")[0] != '\0')
        show_print(stdout, " since %s", show_string(peer, "since"));
    show_print(stdout, "\nlast error     %s\n", or_none(show_string(peer, "last_error")));
    if (show_string(peer, "speaker")[0] == '\0')
        return; /* nobody tells of it */
    show_print(stdout, "speaker        %s, AS %" PRIu64 "\n", show_string(peer, "speaker"),
               show_u64(peer, "local_as"));
    show_print(stdout, "address        %s, AS %" PRIu64 ", identifier %s\n",
               show_string(peer, "address"), show_u64(peer, "remote_as"),
               or_none(show_string(peer, "remote_id")));
    show_print(stdout, "profile        %s\n", show_string(peer, "profile"));
    show_print(stdout, "families       %s\n", or_none(show_string(peer, "families")));
    show_print(stdout, "weir offers    %s\n", or_none(show_string(peer, "capabilities")));
    show_print(stdout, "peer offers    %s\n", or_none(show_string(peer, "remote_capabilities")));
    show_print(stdout, "hold time      %" PRIu64 " s\n", show_u64(peer, "hold_s"));
    show_routes(peer);
    show_quarantine(peer);
    show_print(stdout,
               "sent           %" PRIu64 " UPDATEs: %" PRIu64 " routes announced, %" PRIu64
               " withdrawn\n",
               show_u64(peer, "updates_sent"), show_u64(peer, "routes_announced"),
               show_u64(peer, "routes_withdrawn"));
    show_print(stdout,
               "received       %" PRIu64 " UPDATEs in this session, %" PRIu64
               " with a mistake that was borne with\n",
               show_u64(peer, "updates_in"), show_u64(peer, "tolerated_in"));
    show_print(stdout, "sessions lost  %" PRIu64 " since the speaker's start\n",
               show_u64(peer, "flaps"));
    show_print(stdout, "Which routes, and what came of each: weir routes --peer %s\n", name);
}
