#include "common/service/config_read.h"

/* Sections that are checked as far as they can be, and then refused: vectors, notifications. */

enum { NOTIFICATIONS_MAX = 1000, EVENTS_MAX = 16 };

static const struct config_key vector_keys[] = {
    {"action", read_action_later, 0, NULL, NULL, "what is done", CONFIG_REQUIRED},
};
static const struct config_section vector_section = {"a vector", CONFIG_KEYS(vector_keys), 16,
                                                     CONFIG_NO_POS, NULL};

bool read_vectors(struct config_read *r, const struct config_key *key,
                  const struct config_node *node, void *ret_value)
{
    if (node->kind != NODE_MAP)
        return config_wrong(r, key, node, "names of vectors with actions");
    config_refuse_repeated(r, node);
    for (const struct config_node *n = node->first; n != NULL && !config_gave_up(r); n = n->next) {
        struct config_key vector_key = {.name = n->key->text, .detail = &vector_section};
        (void)read_section(r, &vector_key, n, ret_value);
    }
    return true;
}

static const char *const event_names[] = {"alarm", "mitigation", "refusal", NULL};
static const struct config_choices events = {event_names, "alarm, mitigation or refusal"};
static const struct config_list event_list = {{.read = read_choice, .detail = &events},
                                              sizeof(unsigned int),
                                              1,
                                              EVENTS_MAX,
                                              "a list of alarm, mitigation, refusal",
                                              false};
static const char *const style_names[] = {"weir", "fastnetmon", NULL};
static const struct config_choices styles = {style_names, "weir or fastnetmon"};
static const struct config_range queue_range = {1, 1000 * 1000, "a number from 1 to 1000000"};

static const struct config_key notification_keys[] = {
    {"name", read_name, 0, NULL, NULL, "what people call it", CONFIG_REQUIRED},
    {"webhook", read_plain, 0, NULL, NULL, "the address that is posted to", 0},
    {"secret_file", read_path, 0, NULL, NULL, "holds the key that signs", 0},
    {"on", read_list, 0, &event_list, NULL, "what is told", 0},
    {"queue", read_u32, 0, &queue_range, NULL, "how much may wait", 0},
    {"exec", read_path, 0, NULL, NULL, "the program that is run", 0},
    {"style", read_choice, 0, &styles, NULL, "its arguments", 0},
};
static const struct config_section notification_section = {
    "a notification", CONFIG_KEYS(notification_keys), 16, CONFIG_NO_POS, NULL};
const struct config_list notification_list = {
    {.read = read_section, .detail = &notification_section},
    16,
    0,
    NOTIFICATIONS_MAX,
    "a list of notifications",
    false};
