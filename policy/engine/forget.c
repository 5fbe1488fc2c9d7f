#include "policy/engine/engine_internal.h"

#include <stdio.h>
#include <string.h>

/* A speaker that is gone for good: what it had said of its peers counts no more. */

static void write_forgotten(struct engine *e, struct live_mitigation *live,
                            const struct peer_result *r, const char *who)
{
    char field[2 * NAME_MAX_LEN + 16];
    (void)snprintf(field, sizeof(field), "peer:%s/%s", r->speaker, r->peer);
    live->m.revision++;
    struct engine_write write = {.mitigation = &live->m,
                                 .standing = ENGINE_STANDS,
                                 .what = "speaker forgotten",
                                 .who = who,
                                 .why = r->speaker,
                                 .peer_field = field,
                                 .peer_value = "forgotten"};
    e->options.on_write(e->options.owner, &write);
}

size_t mitigations_forget_speaker(struct engine *e, const char *speaker, const char *who)
{
    size_t cursor = 0, forgotten = 0;
    for (struct live_mitigation **at = table_next(e->mitigations, &cursor); at != NULL;
         at = table_next(e->mitigations, &cursor)) {
        struct live_mitigation *live = *at;
        size_t kept = 0;
        bool had = false;
        for (size_t i = 0; i < live->result_count; i++) {
            if (strcmp(live->results[i].speaker, speaker) != 0) {
                live->results[kept++] = live->results[i];
                continue;
            }
            had = true;
            write_forgotten(e, live, &live->results[i], who);
        }
        live->result_count = kept;
        live->is_forgotten = live->is_forgotten || (had && kept == 0);
        forgotten += had ? 1 : 0;
    }
    return forgotten;
}
