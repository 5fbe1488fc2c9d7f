#ifndef CTL_LOAD_H
#define CTL_LOAD_H

#include "ctl/nouns.h"
#include "ctl/session.h"

/* Lists of the state server's nouns, as JSON arrays. */
struct load_kind {
    enum key_id hash, active;
    const char *what; /* "alarm" */
    const char *none; /* what is said when there is none in the active set */
    const char *born; /* path of the instant that lists are sorted by, newest first */
    enum status (*noun_of)(const struct redis_reply *hash, json_t **ret_object);
};
extern const struct load_kind load_alarms, load_mitigations;

struct load_list {
    json_t *items;
    size_t unreadable; /* left out, each said on stderr */
};

/* Those of the active set, or all that Redis still has. False after the error was said. */
bool load_all(struct session *session, const struct load_kind *kind, bool ended_too,
              struct load_list *ret_list);
/* One by its id. False, said, also when there is no such one. */
bool load_one(struct session *session, const struct load_kind *kind, const char *id,
              json_t **ret_object);
/* The commands that show all of them, or one: `weir alarms [--all]`, `weir alarm ID`. */
typedef void (*load_print)(const json_t *what, uint64_t now_ms);
int load_list_command(const struct command_context *context, const struct load_kind *kind,
                      load_print print, int argc, char **argv);
int load_one_command(const struct command_context *context, const struct load_kind *kind,
                     load_print print, int argc, char **argv);
/* Sorts an array by the integer at a path, the largest first. */
void load_sort(json_t *array, const char *path);

#endif
