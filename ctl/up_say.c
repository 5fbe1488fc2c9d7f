#include "ctl/up_say.h"

#include "ctl/show.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of this program, unless `weir` in $PATH is this program already. */
static bool folder_to_add(char ret_folder[PATH_MAX])
{
    char self[PATH_MAX], there[PATH_MAX], candidate[PATH_MAX];
    const char *path = getenv("PATH");
    if (realpath("/proc/self/exe", self) == NULL)
        return false;
    for (const char *at = path != NULL ? path : ""; *at != '\0';) {
        size_t len = strcspn(at, ":");
        int made = snprintf(candidate, sizeof(candidate), "%.*s/weir", (int)len, at);
        /* As a shell looks: the first that can be executed. */
        if (len > 0 && made < (int)sizeof(candidate) && access(candidate, X_OK) == 0) {
            if (realpath(candidate, there) != NULL && strcmp(there, self) == 0)
                return false;
            break;
        }
        at += len + (at[len] == ':');
    }
    *strrchr(self, '/') = '\0';
    memcpy(ret_folder, self, strlen(self) + 1);
    return true;
}

/* Where a router on this machine sends to reach what listens there. */
static const char *reach(const struct ip_endpoint *listens, char text[ENDPOINT_TEXT_MAX])
{
    static const uint8_t any[16];
    struct ip_endpoint to = *listens;
    size_t len = addr_len(&to.addr);
    if (memcmp(to.addr.octets, any, len) == 0)
        (void)addr_parse(&to.addr, "127.0.0.1");
    return endpoint_format(&to, text);
}

static void say_json(const struct config *c)
{
    char text[ENDPOINT_TEXT_MAX];
    json_t *udp = json_array();
    for (size_t i = 0; i < c->collector.udp_count; i++)
        (void)json_array_append_new(udp, json_string(endpoint_format(&c->collector.udp[i], text)));
    (void)show_json(json_pack("{s:b, s:o, s:b, s:o}", "up", 1, "config", show_json_text(c->file),
                              "dry_run", c->dry_run ? 1 : 0, "udp", udp));
    (void)fflush(stdout);
}

void up_say_next(const struct config *c, bool as_json)
{
    char text[ENDPOINT_TEXT_MAX], folder[PATH_MAX];
    struct text file, path;
    if (as_json) {
        say_json(c);
        return;
    }
    text_init(&file, 0);
    text_init(&path, 0);
    show_add_shell(&file, c->file);
    if (folder_to_add(folder)) {
        text_add(&path, " PATH=");
        show_add_shell(&path, folder);
        text_add(&path, ":\"$PATH\"");
    }
    printf("\nweir is up%s.\n\n", c->dry_run ? " (dry run: nothing is announced)" : "");
    printf("  In another terminal:       export WEIR_CONFIG=%s%s\n", text_str(&file),
           text_str(&path));
    printf("  Point routers here:       ");
    for (size_t i = 0; i < c->collector.udp_count; i++)
        printf(" %s", endpoint_format(&c->collector.udp[i], text));
    printf("   (any of them takes sFlow 5, NetFlow 5/9 and IPFIX)\n");
    if (c->collector.udp_count != 0)
        printf(
            "  Try it without a router:   weir generate --to %s --proto netflow9 --duration 1m\n",
            reach(&c->collector.udp[0], text));
    printf("  See what comes in:         weir exporters; weir top\n"
           "  See alarms and rules:      weir alarms; weir mitigations\n"
           "  Add a BGP peer:            under `peers:` in %s, then start again; weir peers\n",
           text_str(&file));
    if (c->dry_run)
        printf("  Leave dry run:             list your routers under `exporters:`, read for some "
               "days what\n"
               "                             weir mitigations --all   would have done, then set "
               "`dry_run: false`\n");
    printf("  Stop:                      Ctrl-C\n\n");
    (void)fflush(stdout);
    text_done(&file);
    text_done(&path);
}

void up_say_not_ready(const struct config *c, const struct child *children, size_t count)
{
    bool is_taken = false, is_foreign = false;
    show_print(stderr, "\nweir is not up. It tries on, and says so when it is; until then:\n");
    for (size_t i = 0; i < count; i++) {
        if (children[i].ready)
            continue;
        const char *why = children[i].why[0] != '\0' ? children[i].why : "it has not said why";
        show_print(stderr, "  %-11s is not ready: %s\n", children[i].name, why);
        is_taken = is_taken || strstr(why, strerror(EADDRINUSE)) != NULL;
        is_foreign = is_foreign || strstr(why, strerror(EADDRNOTAVAIL)) != NULL;
    }
    if (is_taken) {
        struct text file;
        text_init(&file, 0);
        show_add_shell(&file, c->file);
        show_print(stderr,
                   "Another program has that port, and   ss -tulpn   says which: stop it, or give "
                   "weir another port in %s\n(collector.udp; metrics_port of each process).\n",
                   text_str(&file));
        text_done(&file);
    }
    if (is_foreign)
        show_print(stderr,
                   "This machine does not have that address; `ip address` shows those that it "
                   "has, and 0.0.0.0 is all of them.\n");
    show_print(stderr, "\n");
}
