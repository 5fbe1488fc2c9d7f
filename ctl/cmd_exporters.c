#include "ctl/commands.h"
#include "ctl/nouns.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <string.h>

/* Counted as unsampled, for want of anything better. */
static bool is_rate_unknown(const json_t *exporter)
{
    return strcmp(show_string(exporter, "sampling_source"), "default") == 0;
}

/* A text that is JSON becomes that; what is none goes. */
static void read_list(json_t *exporter, const char *name)
{
    if (show_member(exporter, name) == NULL)
        return;
    json_t *list = json_loads(show_string(exporter, name), 0, NULL);
    if (json_is_array(list))
        (void)json_object_set(exporter, name, list);
    else
        (void)json_object_del(exporter, name);
    json_decref(list);
}

/* What collectors wrote of one exporter; the address is the key's part. */
static json_t *exporter_of(const struct redis_reply *hash, const char *address)
{
    static const char *const texts[] = {"name",
                                        "collector",
                                        "formats",
                                        "sampling_source",
                                        "sampling_contradiction",
                                        "domain_list",
                                        "interface_list",
                                        "interface_warning"};
    json_t *object = noun_plain(hash);
    noun_numbers(object, texts, sizeof texts / sizeof texts[0], true);
    (void)json_object_set_new(object, "address", show_json_text(address));
    (void)json_object_set_new(object, "heard", json_true());
    read_list(object, "domain_list");
    read_list(object, "interface_list");
    if (show_string(object, "interface_warning")[0] == '\0')
        (void)json_object_del(object, "interface_warning"); /* there is nothing to warn of */
    if (show_member(object, "sampling_rate") != NULL)
        (void)json_object_set_new(object, "sampling_known", json_boolean(!is_rate_unknown(object)));
    return object;
}

static bool read_heard(const struct session *session, struct redis_sync *redis, json_t *list)
{
    struct names addresses;
    if (!names_scan(session, redis, KEY_EXPORTER, &addresses))
        return false;
    bool good = true;
    for (size_t i = 0; good && i < addresses.count; i++) {
        char key[KEY_NAME_MAX];
        if (key_name(key, session->prefix, KEY_EXPORTER, addresses.items[i]) == NULL)
            continue;
        const struct redis_reply *hash = session_ask(session, redis, "HGETALL", key, NULL);
        good = hash != NULL;
        if (good && hash->type == REDIS_ARRAY && hash->count > 0)
            (void)json_array_append_new(list, exporter_of(hash, addresses.items[i]));
    }
    names_done(&addresses);
    return good;
}

/* The last senders that the list does not have, as one collector tells of them. */
static void add_unlisted(json_t *list, const char *collector, const char *senders)
{
    char address[ADDR_TEXT_MAX];
    for (const char *at = senders; *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        (void)snprintf(address, sizeof address, "%.*s", (int)len, at);
        json_t *object = json_object();
        (void)json_object_set_new(object, "address", show_json_text(address));
        (void)json_object_set_new(object, "collector", show_json_text(collector));
        (void)json_object_set_new(object, "heard", json_true());
        (void)json_object_set_new(object, "listed", json_false());
        (void)json_array_append_new(list, object);
        at += len;
    }
}

static bool read_unlisted(const struct session *session, struct redis_sync *redis, json_t *list)
{
    static const char collector[] = "collector:";
    struct names names;
    bool good = names_scan(session, redis, KEY_PROCESS, &names);
    for (size_t i = 0; good && i < names.count; i++) {
        char key[KEY_NAME_MAX];
        const char *name = names.items[i] + strlen(collector);
        if (strncmp(names.items[i], collector, strlen(collector)) != 0 ||
            key_name(key, session->prefix, KEY_PROCESS, "collector", name) == NULL)
            continue;
        const struct redis_reply *senders =
            session_ask(session, redis, "HGET", key, "unlisted_senders", NULL);
        good = senders != NULL;
        if (good && senders->type == REDIS_STRING)
            add_unlisted(list, name, senders->bytes);
    }
    names_done(&names);
    return good;
}

static bool is_heard(const json_t *list, const struct ip_prefix *configured)
{
    size_t i;
    json_t *e;
    json_array_foreach(list, i, e)
    {
        struct ip_addr addr;
        if (addr_parse(&addr, show_string(e, "address")) == STATUS_OK &&
            prefix_contains(configured, &addr))
            return true;
    }
    return false;
}

/* Those of the configuration that nobody hears are what one looks for first. */
static void add_silent(const struct config *config, json_t *list)
{
    size_t heard = json_array_size(list);
    for (size_t i = 0; i < config->exporter_count; i++) {
        const struct config_exporter *e = &config->exporters[i];
        char address[PREFIX_TEXT_MAX];
        if (is_heard(list, &e->address))
            continue;
        json_t *object = json_object();
        (void)json_object_set_new(object, "address",
                                  show_json_text(prefix_format(&e->address, address)));
        if (e->name != NULL)
            (void)json_object_set_new(object, "name", show_json_text(e->name));
        (void)json_object_set_new(object, "heard", json_false());
        (void)json_array_insert_new(list, json_array_size(list) - heard, object);
    }
}

static bool is_unlisted(const json_t *exporter)
{
    return json_is_false(show_member(exporter, "listed"));
}

/* Of one that is heard, what its hash does not say is unknown; of the others there is nothing. */
static const char *unknown(const json_t *exporter)
{
    return show_truth(exporter, "heard") && !is_unlisted(exporter) ? "?" : "";
}

static void add_number(struct grid *grid, const json_t *exporter, const char *name)
{
    char text[TEXT_QUANTITY_MAX];
    bool known = json_is_number(show_member(exporter, name));
    grid_add(grid,
             known ? text_format_count(show_number(exporter, name), text) : unknown(exporter));
}

static void add_text(struct grid *grid, const json_t *exporter, const char *name)
{
    const char *text = show_string(exporter, name);
    grid_add(grid, text[0] != '\0' ? text : unknown(exporter));
}

static void add_sampling(struct grid *grid, const json_t *exporter)
{
    double rate = show_number(exporter, "sampling_rate");
    const char *source = show_string(exporter, "sampling_source");
    if (is_rate_unknown(exporter))
        grid_add(grid, "unknown, as 1:1");
    else if (rate > 0)
        grid_addf(grid, "1:%g (%s)", rate, source[0] != '\0' ? source : "?");
    else
        grid_add(grid, unknown(exporter));
}

static void add_note(struct grid *grid, const json_t *exporter)
{
    if (!show_truth(exporter, "heard"))
        grid_add(grid, "NOT HEARD");
    else if (is_unlisted(exporter))
        grid_add(grid, "NOT LISTED: REFUSED");
    else if (show_u64(exporter, "two_senders") != 0)
        grid_add(grid, "TWO SENDERS IN ONE SEQUENCE");
    else if (show_u64(exporter, "sampling_contradictions") != 0)
        grid_addf(grid, "RATES CONTRADICT: %s", show_string(exporter, "sampling_contradiction"));
    else if (show_member(exporter, "interface_warning") != NULL)
        grid_addf(grid, "RATE IN DOUBT: %s", show_string(exporter, "interface_warning"));
    else
        grid_add(grid, "");
}

static void print(const json_t *list, uint64_t now_ms)
{
    static const char *const heads[] = {"EXPORTER", "NAME",       "COLLECTOR", "FORMATS",
                                        "SAMPLING", ">TEMPLATES", ">RECORDS",  ">LOST",
                                        ">REFUSED", ">SEEN",      "NOTE"};
    struct grid grid;
    size_t i;
    json_t *e;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(list, i, e)
    {
        char age[TEXT_QUANTITY_MAX];
        grid_add(&grid, show_string(e, "address"));
        grid_add(&grid, show_string(e, "name"));
        add_text(&grid, e, "collector");
        add_text(&grid, e, "formats");
        add_sampling(&grid, e);
        add_number(&grid, e, "templates");
        add_number(&grid, e, "records");
        add_number(&grid, e, "sequence_lost");
        add_number(&grid, e, "refused");
        grid_add(&grid, show_u64(e, "last_seen") != 0
                            ? show_age(show_u64(e, "last_seen"), now_ms, age)
                            : unknown(e));
        add_note(&grid, e);
    }
    grid_print(&grid, stdout);
}

/* "NO_TEMPLATE 3, RECORD 1" */
static void add_refusals(struct grid *grid, const json_t *domain)
{
    struct text text;
    const char *reason;
    json_t *count, *refused = json_object_get(domain, "refused");
    text_init(&text, 0);
    json_object_foreach(refused, reason, count)
        text_addf(&text, "%s%s %.0f", text.len > 0 ? ", " : "", reason, json_number_value(count));
    grid_add(grid, text.len > 0 ? text_str(&text) : "0");
    text_done(&text);
}

/* The template told longest ago: the next refresh should make it younger. */
static void add_oldest(struct grid *grid, const json_t *domain, uint64_t now_ms)
{
    char age[TEXT_QUANTITY_MAX];
    uint64_t oldest_ms = 0;
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(domain, "template_list"), i, t)
    {
        uint64_t told_ms = show_u64(t, "told");
        if (oldest_ms == 0 || told_ms < oldest_ms)
            oldest_ms = told_ms;
    }
    grid_add(grid, oldest_ms != 0 ? show_age(oldest_ms, now_ms, age) : "");
}

/* "3 datagrams, 12 samples": those within datagrams that came are missed by sFlow's sources only.
 */
static void add_lost(struct grid *grid, const json_t *domain)
{
    double lost = show_number(domain, "sequence_lost");
    const char *unit = show_string(domain, "sequence_unit");
    if (show_member(domain, "samples_lost") != NULL)
        grid_addf(grid, "%.0f %s, %.0f samples", lost, unit, show_number(domain, "samples_lost"));
    else
        grid_addf(grid, "%.0f %s", lost, unit);
}

static void add_domain(struct grid *grid, const json_t *exporter, const json_t *domain,
                       uint64_t now_ms)
{
    char age[TEXT_QUANTITY_MAX];
    const char *agent = show_string(domain, "agent");
    double rate = show_number(domain, "sampling_rate");
    grid_add(grid, show_string(exporter, "address"));
    grid_add(grid, show_string(domain, "format"));
    grid_addf(grid, "%s%s%.0f", agent, agent[0] != '\0' ? " " : "", show_number(domain, "domain"));
    if (rate > 0)
        grid_addf(grid, "1:%g (%s)", rate, show_string(domain, "sampling_source"));
    else
        grid_add(grid, show_number(domain, "records") > 0 ? "unknown, as 1:1" : "");
    add_number(grid, domain, "templates");
    add_oldest(grid, domain, now_ms);
    add_number(grid, domain, "records");
    add_lost(grid, domain);
    add_refusals(grid, domain);
    grid_add(grid, show_age(show_u64(domain, "last_seen"), now_ms, age));
}

static void print_domains(const json_t *list, uint64_t now_ms)
{
    static const char *const heads[] = {"EXPORTER", "FORMAT",   "DOMAIN", "SAMPLING", ">TEMPLATES",
                                        ">OLDEST",  ">RECORDS", ">LOST",  "REFUSED",  ">SEEN"};
    struct grid grid;
    size_t i, j;
    json_t *exporter, *domain;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(list, i, exporter)
    {
        json_array_foreach(json_object_get(exporter, "domain_list"), j, domain)
            add_domain(&grid, exporter, domain, now_ms);
    }
    grid_print(&grid, stdout);
}

/* Of one that began anew since its last reading nothing is known yet. */
static void add_rates(struct grid *grid, const json_t *i)
{
    static const char *const sides[] = {"in", "out"};
    char text[TEXT_QUANTITY_MAX], name[16];
    bool known = show_member(i, "in_bps") != NULL;
    for (size_t side = 0; side < 2; side++) {
        (void)snprintf(name, sizeof name, "%s_bps", sides[side]);
        grid_add(grid, known ? text_format_bit_rate(show_number(i, name), text) : "?");
        (void)snprintf(name, sizeof name, "%s_pps", sides[side]);
        grid_add(grid, known ? text_format_count(show_number(i, name), text) : "?");
    }
    if (known) {
        grid_addf(grid, "%.3g", show_number(i, "in_errors") + show_number(i, "out_errors"));
        grid_addf(grid, "%.3g", show_number(i, "in_discards") + show_number(i, "out_discards"));
    } else {
        grid_add(grid, "?");
        grid_add(grid, "?");
    }
}

/* How much of what it counted the samples show; nothing where it does not sample. */
static bool add_share(struct grid *grid, const json_t *sampled)
{
    const char *verdict = show_string(sampled, "verdict");
    if (sampled == NULL)
        grid_add(grid, "");
    else
        grid_addf(grid, "%.2f +-%.2f", show_number(sampled, "share"),
                  show_number(sampled, "error"));
    return strcmp(verdict, "low") == 0 || strcmp(verdict, "high") == 0;
}

static void add_interface(struct grid *grid, const json_t *exporter, const json_t *i,
                          uint64_t now_ms)
{
    char text[TEXT_QUANTITY_MAX];
    const char *address = show_string(exporter, "address"), *agent = show_string(i, "agent");
    grid_add(grid, address);
    if (show_number(i, "sub_agent") > 0 || strcmp(agent, address) != 0)
        grid_addf(grid, "%s %.0f", agent, show_number(i, "sub_agent"));
    else
        grid_add(grid, "");
    grid_addf(grid, "%.0f", show_number(i, "interface"));
    grid_add(grid, show_truth(i, "up") ? "up" : "down");
    grid_add(grid, show_number(i, "speed_bps") > 0
                       ? text_format_bit_rate(show_number(i, "speed_bps"), text)
                       : "?");
    add_rates(grid, i);
    bool in = add_share(grid, json_object_get(i, "sampled_in"));
    bool out = add_share(grid, json_object_get(i, "sampled_out"));
    grid_add(grid, show_age(show_u64(i, "read"), now_ms, text));
    grid_add(grid, in || out ? "RATE IN DOUBT" : "");
}

static void print_interfaces(const json_t *list, uint64_t now_ms)
{
    static const char *const heads[] = {"EXPORTER",     "AGENT",     "INTERFACE",   "STATE",
                                        ">SPEED",       ">IN",       ">PPS",        ">OUT",
                                        ">PPS",         ">ERRORS/S", ">DISCARDS/S", ">SAMPLED IN",
                                        ">SAMPLED OUT", ">READ",     "NOTE"};
    struct grid grid;
    size_t i, j;
    json_t *exporter, *interface;
    grid_init(&grid, sizeof heads / sizeof heads[0], heads);
    json_array_foreach(list, i, exporter)
    {
        json_array_foreach(json_object_get(exporter, "interface_list"), j, interface)
            add_interface(&grid, exporter, interface, now_ms);
    }
    grid_print(&grid, stdout);
}

/* The registry of exporters is on the first telemetry server. */
static bool collect(struct session *session, json_t *list, uint64_t *ret_now_ms)
{
    struct text why;
    text_init(&why, 0);
    struct redis_sync *redis = session_connect(session, &session->config->redis.telemetry[0], &why);
    if (redis == NULL)
        (void)command_failed(session->context,
                             "the telemetry Redis server is away: %s\nis weir running? (weir up, "
                             "or the redis service of "
                             "redis.telemetry)",
                             text_str(&why));
    text_done(&why);
    if (redis == NULL)
        return false;
    *ret_now_ms = session_now_ms(session, redis);
    bool good =
        *ret_now_ms != 0 && read_heard(session, redis, list) && read_unlisted(session, redis, list);
    redis_sync_close(redis);
    return good;
}

int exporters_run(const struct command_context *context, int argc, char **argv)
{
    struct session session;
    uint64_t now_ms = 0;
    bool domains = false, interfaces = false;
    const struct command_option options[] = {COMMAND_FLAG("--domains", domains),
                                             COMMAND_FLAG("--interfaces", interfaces)};
    if (!command_options(context, &argc, argv, options, 2))
        return EXIT_USAGE;
    if (domains && interfaces)
        return command_usage_error(context, "%s", "--domains or --interfaces, one at a time");
    if (argc > 1)
        return command_usage_error(context, "takes no argument: %s", argv[1]);
    if (!session_open(&session, context))
        return EXIT_FAILED;
    json_t *list = json_array();
    bool good = collect(&session, list, &now_ms);
    if (good)
        add_silent(session.config, list);
    if (good && context->json)
        (void)show_json(json_incref(list));
    else if (good && json_array_size(list) > 0 && domains)
        print_domains(list, now_ms);
    else if (good && json_array_size(list) > 0 && interfaces)
        print_interfaces(list, now_ms);
    else if (good && json_array_size(list) > 0)
        print(list, now_ms);
    else if (good)
        printf("nobody has sent flow export within the last hour\n");
    json_decref(list);
    session_close(&session);
    return good ? EXIT_DONE : EXIT_FAILED;
}
