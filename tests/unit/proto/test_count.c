#include "proto/count.h"

#include "tests/unit/proto/nouns.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <inttypes.h>

/* --- the examples of docs/wire.md --------------------------------------------------------------
 */

enum { LINE_MAX_LEN = 1024 };

/* One example as it stands in the document: what is given, and what is claimed. */
struct example {
    char name[LINE_MAX_LEN];
    struct count_spec spec;
    char bytes[LINE_MAX_LEN], id[LINE_MAX_LEN], row_bytes[LINE_MAX_LEN], slot[LINE_MAX_LEN];
    struct flow_key row;
};

static void add_prefixes(struct ip_prefix **prefixes, size_t *count, const char *list)
{
    char copy[LINE_MAX_LEN], *rest = NULL;
    (void)snprintf(copy, sizeof(copy), "%s", list);
    for (char *s = strtok_r(copy, "{}, ", &rest); s != NULL; s = strtok_r(NULL, "{}, ", &rest)) {
        *prefixes = realloc(*prefixes, (*count + 1) * sizeof(**prefixes));
        cr_assert_eq(prefix_parse(&(*prefixes)[(*count)++], s), STATUS_OK, "prefix %s", s);
    }
}

static enum dimension dimension_of(const char *name)
{
    enum dimension d = DIM_LAST;
    cr_assert_eq(dimension_parse(&d, name), STATUS_OK, "dimension %s", name);
    return d;
}

static void add_dimensions(struct count_spec *spec, char *list)
{
    char *rest = NULL;
    for (char *s = strtok_r(list, " ", &rest); s != NULL; s = strtok_r(NULL, " ", &rest)) {
        struct count_dim *dim = &spec->key[spec->key_count++];
        char name[LINE_MAX_LEN];
        (void)snprintf(name, sizeof(name), "%s", s);
        char *slash = strchr(name, '/'), *comma = strchr(name, ',');
        if (slash != NULL && comma != NULL) {
            dim->len4 = (uint8_t)strtoul(slash + 1, NULL, 10);
            dim->len6 = (uint8_t)strtoul(comma + 1, NULL, 10);
            *slash = '\0';
        }
        dim->dimension = (uint8_t)dimension_of(name);
    }
}

static void add_filter(struct count_spec *spec, char *list)
{
    char *rest = NULL;
    spec->filter = realloc(spec->filter, (spec->filter_count + 1) * sizeof(spec->filter[0]));
    struct count_filter *filter = &spec->filter[spec->filter_count++];
    *filter = (struct count_filter){.dimension = (uint8_t)dimension_of(strtok_r(list, " ", &rest))};
    for (char *s = strtok_r(NULL, " ", &rest); s != NULL; s = strtok_r(NULL, " ", &rest)) {
        struct count_value value = {.negated = s[0] == '!'};
        s += s[0] == '!';
        if (s[0] == '{')
            add_prefixes(&value.prefixes, &value.prefix_count, s);
        else
            value.number = strtoull(s, NULL, 0);
        filter->values = realloc(filter->values, (filter->count + 1) * sizeof(value));
        filter->values[filter->count++] = value;
    }
}

static void add_row(struct flow_key *row, char *list)
{
    char *rest = NULL;
    for (char *s = strtok_r(list, " ", &rest); s != NULL; s = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(s, '=');
        if (value == NULL)
            return; /* "-": the empty key */
        *value++ = '\0';
        enum dimension d = dimension_of(s);
        struct ip_addr addr;
        if (dimension_width(d) == 0) {
            cr_assert_eq(addr_parse(&addr, value), STATUS_OK);
            key_add_addr(row, d, &addr);
        } else if (value[0] == '{') {
            struct ip_prefix *prefixes = NULL;
            size_t count = 0;
            uint64_t id = 0;
            add_prefixes(&prefixes, &count, value);
            cr_assert_eq(prefixes_id(&id, prefixes, prefixes_merge(prefixes, count)), STATUS_OK);
            key_add_number(row, d, id);
            free(prefixes);
        } else {
            key_add_number(row, d, strtoull(value, NULL, 0));
        }
    }
}

static void read_line(struct example *e, char *line)
{
    char *value = strchr(line, ' ');
    cr_assert_not_null(value, "line %s", line);
    *value++ = '\0';
    enum direction direction = DIRECTION_ANY;
    if (strcmp(line, "example") == 0) {
        (void)snprintf(e->name, sizeof(e->name), "%s", value);
    } else if (strcmp(line, "direction") == 0) {
        cr_assert_eq(direction_parse(&direction, value), STATUS_OK);
        e->spec.direction = (uint8_t)direction;
    } else if (strcmp(line, "key") == 0) {
        add_dimensions(&e->spec, value);
    } else if (strcmp(line, "where") == 0) {
        add_filter(&e->spec, value);
    } else if (strcmp(line, "ours") == 0) {
        add_prefixes(&e->spec.ours, &e->spec.ours_count, value);
    } else if (strcmp(line, "row") == 0) {
        add_row(&e->row, value);
    } else {
        char *to = strcmp(line, "bytes") == 0       ? e->bytes
                   : strcmp(line, "id") == 0        ? e->id
                   : strcmp(line, "row_bytes") == 0 ? e->row_bytes
                   : strcmp(line, "slot") == 0      ? e->slot
                                                    : NULL;
        cr_assert_not_null(to, "line %s", line);
        (void)snprintf(to, LINE_MAX_LEN, "%s", value);
    }
}

static void assert_example(struct example *e)
{
    struct text bytes, hex;
    char number[24];
    uint64_t id = 0;
    text_init(&bytes, 0);
    text_init(&hex, 0);
    cr_assert_eq(count_canonicalize(&e->spec), STATUS_OK, "example %s", e->name);
    cr_assert_eq(count_bytes(&e->spec, &bytes), STATUS_OK);
    text_add_hex(&hex, (const uint8_t *)text_str(&bytes), bytes.len);
    cr_assert_str_eq(text_str(&hex), e->bytes, "example %s", e->name);
    cr_assert_eq(count_id(&e->spec, &id), STATUS_OK);
    (void)snprintf(number, sizeof(number), "%016" PRIx64, id);
    cr_assert_str_eq(number, e->id, "example %s", e->name);
    text_clear(&hex);
    text_add_hex(&hex, e->row.bytes, e->row.len);
    cr_assert_str_eq(e->row.len > 0 ? text_str(&hex) : "-", e->row_bytes, "example %s", e->name);
    cr_assert_eq(key_check(e->row.bytes, e->row.len), STATUS_OK);
    (void)snprintf(number, sizeof(number), "%u", key_slot(id, &e->row));
    cr_assert_str_eq(number, e->slot, "example %s", e->name);
    text_done(&bytes);
    text_done(&hex);
    count_spec_done(&e->spec);
}

Test(count, examples_of_the_document_hold)
{
    static struct example example;
    char line[LINE_MAX_LEN];
    bool inside = false;
    size_t examples = 0;
    FILE *file = fopen(WEIR_SOURCE_DIR "/docs/wire.md", "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bool ends = inside && (line[0] == '\0' || strcmp(line, "```") == 0);
        if (ends) {
            assert_example(&example);
            memset(&example, 0, sizeof(example));
            examples++;
            inside = line[0] == '\0';
        } else if (inside) {
            read_line(&example, line);
        } else {
            inside = strcmp(line, "```counts") == 0;
        }
    }
    (void)fclose(file);
    cr_assert_eq(examples, 10);
}

/* --- canonical form ----------------------------------------------------------------------------
 */

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix = {0};
    cr_assert_eq(prefix_parse(&prefix, text), STATUS_OK, "%s", text);
    return prefix;
}

struct merge_case {
    char name[48];
    char in[8][24];
    char want[8][24];
};

ParameterizedTestParameters(count, prefixes_merge_gives_the_fewest)
{
    static struct merge_case cases[] = {
        {"nothing", {""}, {""}},
        {"one stays", {"10.0.0.0/8"}, {"10.0.0.0/8"}},
        {"halves become one", {"10.128.0.0/9", "10.0.0.0/9"}, {"10.0.0.0/8"}},
        {"covered ones go", {"10.1.0.0/16", "10.0.0.0/8", "10.2.3.4/32"}, {"10.0.0.0/8"}},
        {"the same twice", {"10.0.0.0/8", "10.0.0.0/8"}, {"10.0.0.0/8"}},
        {"neighbours that are no halves",
         {"10.0.1.0/24", "10.0.2.0/24"},
         {"10.0.1.0/24", "10.0.2.0/24"}},
        {"merging goes on",
         {"10.0.0.0/25", "10.0.0.128/26", "10.0.0.192/26", "10.0.1.0/24"},
         {"10.0.0.0/23"}},
        {"families apart", {"::/1", "0.0.0.0/0", "8000::/1"}, {"0.0.0.0/0", "::/0"}},
        {"all of IPv4", {"128.0.0.0/1", "0.0.0.0/1"}, {"0.0.0.0/0"}},
    };
    return cr_make_param_array(struct merge_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct merge_case *c, count, prefixes_merge_gives_the_fewest)
{
    struct ip_prefix prefixes[8];
    size_t count = 0, want = 0;
    while (count < 8 && c->in[count][0] != '\0') {
        prefixes[count] = prefix_of(c->in[count]);
        count++;
    }
    count = prefixes_merge(prefixes, count);
    for (; want < 8 && c->want[want][0] != '\0'; want++) {
        struct ip_prefix expected = prefix_of(c->want[want]);
        cr_assert(want < count && prefix_equal(&prefixes[want], &expected), "%s", c->name);
    }
    cr_assert_eq(count, want, "%s", c->name);
}

Test(count, order_of_writing_does_not_change_the_id)
{
    uint64_t first = 0, second = 0;
    struct count_spec a = {.direction = DIRECTION_ANY}, b = {.direction = DIRECTION_ANY};
    char key_a[] = "dst_addr/32,128 protocol", key_b[] = "protocol dst_addr/32,128";
    char filter_a1[] = "protocol 6 17", filter_a2[] = "dst_port 53 80";
    char filter_b1[] = "dst_port 80 53 80", filter_b2[] = "protocol 17 6";
    add_dimensions(&a, key_a);
    add_filter(&a, filter_a1);
    add_filter(&a, filter_a2);
    add_dimensions(&b, key_b);
    add_filter(&b, filter_b1);
    add_filter(&b, filter_b2);
    add_prefixes(&b.ours, &b.ours_count, "10.0.0.0/8"); /* says nothing where direction is any */
    cr_assert_eq(count_canonicalize(&a), STATUS_OK);
    cr_assert_eq(count_canonicalize(&b), STATUS_OK);
    cr_assert_eq(count_id(&a, &first), STATUS_OK);
    cr_assert_eq(count_id(&b, &second), STATUS_OK);
    cr_assert_eq(first, second);
    count_spec_done(&a);
    count_spec_done(&b);
    count_spec_done(&b);
}

struct refused_case {
    char name[40];
    char key[64];
    char where[2][64];
    uint8_t direction;
    enum status want;
};

ParameterizedTestParameters(count, canonicalize_refuses)
{
    static struct refused_case cases[] = {
        {"key dimension twice", "protocol protocol", {""}, 0, STATUS_EXISTS},
        {"filter dimension twice", "protocol", {"dst_port 1", "dst_port 2"}, 0, STATUS_EXISTS},
        {"IPv4 length over 32", "dst_addr/33,128", {""}, 0, STATUS_RANGE},
        {"IPv6 length over 128", "dst_addr/32,129", {""}, 0, STATUS_RANGE},
        {"number wider than its field", "protocol", {"protocol 256"}, 0, STATUS_RANGE},
        {"port wider than its field", "protocol", {"dst_port 65536"}, 0, STATUS_RANGE},
        {"a number that has prefixes", "protocol", {"dst_port {10.0.0.0/8}"}, 0, STATUS_RANGE},
        {"a filter without values", "protocol", {"dst_port"}, 0, STATUS_RANGE},
        {"a direction that is none", "protocol", {""}, DIRECTION_TRANSIT + 1, STATUS_RANGE},
    };
    return cr_make_param_array(struct refused_case, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct refused_case *c, count, canonicalize_refuses)
{
    struct count_spec spec = {.direction = c->direction};
    add_dimensions(&spec, c->key);
    for (size_t i = 0; i < 2 && c->where[i][0] != '\0'; i++)
        add_filter(&spec, c->where[i]);
    cr_assert_eq(count_canonicalize(&spec), c->want, "%s", c->name);
    count_spec_done(&spec);
}

Test(count, names_are_read_back)
{
    for (unsigned int d = DIM_DST_ADDR; d <= DIM_LAST; d++)
        cr_assert_eq((unsigned int)dimension_of(dimension_name((enum dimension)d)), d);
    for (unsigned int d = DIRECTION_ANY; d <= DIRECTION_TRANSIT; d++) {
        enum direction back = DIRECTION_ANY;
        cr_assert_eq(direction_parse(&back, direction_name((enum direction)d)), STATUS_OK);
        cr_assert_eq((unsigned int)back, d);
    }
    enum dimension none = DIM_LAST;
    cr_assert_eq(dimension_parse(&none, "vlan"), STATUS_NOT_FOUND);
    cr_assert_str_eq(dimension_name((enum dimension)0), "unknown");
    cr_assert_str_eq(direction_name((enum direction)99), "unknown");
}
