#include "speaker/bgp/open_text.h"

#include <stdarg.h>
#include <stdio.h>

struct words {
    char *text;
    size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct words *words, const char *format, ...)
{
    va_list args;
    size_t room = OPEN_TEXT_MAX - words->len;
    va_start(args, format);
    int len = vsnprintf(words->text + words->len, room, format, args);
    va_end(args);
    if (len > 0)
        words->len += (size_t)len < room ? (size_t)len : room - 1;
}

const char *open_format(const struct bgp_open *open, char ret_text[OPEN_TEXT_MAX])
{
    struct words words = {.text = ret_text};
    const struct bgp_graceful *graceful = &open->graceful;
    ret_text[0] = '\0';
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
        if ((open->families >> f & 1) != 0)
            add(&words, "%s%s", words.len > 0 ? " " : "", message_family_name(f));
    if (open->refresh)
        add(&words, "%sroute-refresh", words.len > 0 ? " " : "");
    if (open->enhanced_refresh)
        add(&words, "%senhanced-route-refresh", words.len > 0 ? " " : "");
    if (open->as4)
        add(&words, "%sas4", words.len > 0 ? " " : "");
    if (open->extended)
        add(&words, "%sextended-messages", words.len > 0 ? " " : "");
    if (graceful->offered)
        add(&words, "%sgraceful-restart:%us%s%s", words.len > 0 ? " " : "", graceful->restart_s,
            graceful->over_notification ? ",notification" : "",
            graceful->restarted ? ",restarted" : "");
    return ret_text;
}
