#include "common/service/config_read.h"

#include <string.h>

/* What is checked as far as it can be, and then refused: the ways out beside BGP, some actions,
 * vectors, notifications. Values are kept nowhere. */

enum { NOTIFICATIONS_MAX = 1000, EVENTS_MAX = 16 };

/* --- values -------------------------------------------------------------------------------------
 */

/* "65535:666": the number before the colon, and what stands behind it. */
static bool parse_pair(const char *text, uint64_t most, uint64_t *ret_first, uint64_t *ret_second)
{
    char first[12];
    size_t len = strcspn(text, ":");
    if (text[len] != ':' || len >= sizeof(first))
        return false;
    memcpy(first, text, len);
    first[len] = '\0';
    return text_parse_u64(ret_first, first, most) == STATUS_OK &&
           text_parse_u64(ret_second, text + len + 1, most) == STATUS_OK;
}

bool read_vrf(struct config_read *r, const struct config_key *key, const struct config_node *node,
              void *ret_value)
{
    uint64_t first = 0, second = 0;
    struct ip_endpoint endpoint;
    (void)ret_value;
    bool ok =
        node->kind == NODE_SCALAR &&
        (parse_pair(node->text, UINT32_MAX, &first, &second) ||
         (endpoint_parse(&endpoint, node->text) == STATUS_OK && endpoint.addr.family == ADDR_IPV4));
    /* RFC 8955, 7.4: six octets hold both numbers. */
    ok = ok && (first <= UINT16_MAX || second <= UINT16_MAX);
    return ok || config_wrong(r, key, node, "a route target such as \"64500:100\"");
}

bool read_dscp(struct config_read *r, const struct config_key *key, const struct config_node *node,
               void *ret_value)
{
    const char *text = node->text;
    uint64_t number = 0;
    (void)ret_value;
    bool ok = node->kind == NODE_SCALAR &&
              (text_parse_u64(&number, text, 63) == STATUS_OK || strcmp(text, "ef") == 0 ||
               strcmp(text, "va") == 0 ||
               (strlen(text) == 3 && strncmp(text, "cs", 2) == 0 && strchr("01234567", text[2])) ||
               (strlen(text) == 4 && strncmp(text, "af", 2) == 0 && strchr("1234", text[2]) &&
                strchr("123", text[3])));
    return ok || config_wrong(r, key, node, "a DSCP: 0 to 63, ef, va, af11 to af43, cs0 to cs7");
}

/* --- ways out -----------------------------------------------------------------------------------
 */

static const struct config_key external_keys[] = {
    {"webhook", read_plain, 0, NULL, NULL, "the address that is posted to", CONFIG_REQUIRED},
    {"start", read_plain, 0, NULL, NULL, "what is posted to start", 0},
    {"stop", read_plain, 0, NULL, NULL, "what is posted to stop", 0},
};
const struct config_section external_section = {"external", CONFIG_KEYS(external_keys),
                                                sizeof(const char *), CONFIG_NO_POS, NULL};

/* --- vectors and notifications ------------------------------------------------------------------
 */

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
