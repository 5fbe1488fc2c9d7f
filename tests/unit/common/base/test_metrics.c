#include "common/base/metrics.h"

#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct metric_family requests = {.name = "weir_test_requests_total",
                                        .help = "Requests by peer.",
                                        .type = METRIC_COUNTER,
                                        .labels = {"peer", "family"},
                                        .series_max = 3};
static struct metric_family level = {
    .name = "weir_test_level", .help = "A level\\state,\nin two lines.", .type = METRIC_GAUGE};
static struct metric_family wait = {.name = "weir_test_wait_seconds",
                                    .help = "Waits.",
                                    .type = METRIC_HISTOGRAM,
                                    .labels = {"step"},
                                    .series_max = 10,
                                    .buckets = {0.01, 0.1, 2.5}};
static struct metric_family whole = {
    .name = "weir_test_whole_seconds", .help = "Wholes.", .type = METRIC_HISTOGRAM, .buckets = {1}};
static struct metric_family unused = {
    .name = "weir_test_a_total", .help = "Declared only.", .type = METRIC_COUNTER};

static struct text exposed;

static const char *expose(void)
{
    text_done(&exposed);
    text_init(&exposed, 0);
    metrics_expose(&exposed);
    cr_assert_not(exposed.failed);
    return text_str(&exposed);
}

static bool shows(const char *line)
{
    const char *text = expose(), *at = strstr(text, line);

    return at != NULL && (at == text || at[-1] == '\n') && at[strlen(line)] == '\n';
}

/*
 * A strict reader of the text format 0.0.4. It dies where Prometheus would refuse the text, and
 * checks what a histogram promises: rising buckets, +Inf last, and the count equal to it.
 */
struct reader {
    const char *at;
    char family[128], type[16], name[128], labels[512], le[32], last_family[128];
    double last_le;
    unsigned long long last_bucket;
    int samples;
};

static void expect(struct reader *r, const char *word)
{
    cr_assert_eq(strncmp(r->at, word, strlen(word)), 0, "expected \"%s\" at \"%.40s\"", word,
                 r->at);
    r->at += strlen(word);
}

static void read_name(struct reader *r, char *ret_name, size_t size)
{
    size_t len = strspn(r->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

    cr_assert(len > 0 && len < size && (r->at[0] < '0' || r->at[0] > '9'));
    memcpy(ret_name, r->at, len);
    ret_name[len] = '\0';
    r->at += len;
}

/* Inside quotes only \\, \" and \n may be escaped, and nothing else may stay bare. */
static void read_label_value(struct reader *r, char *ret_value, size_t size)
{
    size_t len = 0;

    expect(r, "\"");
    while (*r->at != '"') {
        uint32_t code_point;
        size_t step = text_utf8_len(r->at, &code_point);

        cr_assert(step > 0 && *r->at != '\0' && *r->at != '\n');
        if (*r->at == '\\') {
            cr_assert_not_null(strchr("\\\"n", r->at[1]));
            step = 2;
        }
        cr_assert(len + step < size);
        memcpy(ret_value + len, r->at, step);
        len += step;
        r->at += step;
    }
    ret_value[len] = '\0';
    expect(r, "\"");
}

static void read_labels(struct reader *r)
{
    char name[64], value[512];

    r->labels[0] = r->le[0] = '\0';
    if (*r->at != '{')
        return;
    do {
        r->at++;
        read_name(r, name, sizeof(name));
        expect(r, "=");
        read_label_value(r, value, sizeof(value));
        if (strcmp(name, "le") == 0) {
            cr_assert(strlen(value) < sizeof(r->le));
            strcpy(r->le, value);
        } else {
            strcat(r->labels, name);
            strcat(r->labels, "=");
            strcat(r->labels, value);
            cr_assert(strlen(r->labels) < sizeof(r->labels) / 2);
        }
    } while (*r->at == ',');
    expect(r, "}");
}

static void check_histogram(struct reader *r, double value)
{
    const char *suffix = r->name + strlen(r->family);

    if (strcmp(suffix, "_bucket") == 0) {
        double le = strcmp(r->le, "+Inf") == 0 ? INFINITY : atof(r->le);
        cr_assert(r->le[0] != '\0' && le > r->last_le);
        cr_assert(value >= (double)r->last_bucket);
        r->last_le = le;
        r->last_bucket = (unsigned long long)value;
    } else if (strcmp(suffix, "_count") == 0) {
        cr_assert(isinf(r->last_le));
        cr_assert_eq(value, (double)r->last_bucket);
        r->last_le = -INFINITY;
        r->last_bucket = 0;
    } else {
        cr_assert_str_eq(suffix, "_sum");
    }
}

static void read_sample(struct reader *r)
{
    char *end;

    read_name(r, r->name, sizeof(r->name));
    cr_assert_eq(strncmp(r->name, r->family, strlen(r->family)), 0);
    read_labels(r);
    expect(r, " ");
    double value = strtod(r->at, &end);
    cr_assert(end > r->at && *end == '\n');
    r->at = end + 1;
    if (strcmp(r->type, "histogram") == 0)
        check_histogram(r, value);
    else
        cr_assert_str_eq(r->name, r->family);
    r->samples++;
}

static void read_family(struct reader *r)
{
    char again[128];

    expect(r, "# HELP ");
    read_name(r, r->family, sizeof(r->family));
    cr_assert(strcmp(r->family, r->last_family) > 0, "sorted, and each family once");
    strcpy(r->last_family, r->family);
    expect(r, " ");
    for (const char *line_end = strchr(r->at, '\n'); r->at < line_end; r->at++)
        if (*r->at == '\\')
            cr_assert_not_null(strchr("\\n", *++r->at));
    expect(r, "\n# TYPE ");
    read_name(r, again, sizeof(again));
    cr_assert_str_eq(again, r->family);
    expect(r, " ");
    read_name(r, r->type, sizeof(r->type));
    cr_assert(strcmp(r->type, "counter") == 0 || strcmp(r->type, "gauge") == 0 ||
              strcmp(r->type, "histogram") == 0);
    expect(r, "\n");
    r->last_le = -INFINITY;
    r->last_bucket = 0;
    while (*r->at != '#' && *r->at != '\0')
        read_sample(r);
}

static int read_all(const char *text)
{
    struct reader r = {.at = text};

    while (*r.at != '\0')
        read_family(&r);
    return r.samples;
}

static struct metric_series *request(const char *peer, const char *family)
{
    return metric_at(&requests, (const char *const[]){peer, family});
}

Test(metrics, a_counter_counts_per_label_values)
{
    metric_add(request("mx1", "ipv4"), 1);
    metric_add(request("mx1", "ipv4"), 41);
    metric_add(request("mx1", "ipv6"), UINT64_MAX);
    cr_assert(shows("weir_test_requests_total{peer=\"mx1\",family=\"ipv4\"} 42"));
    cr_assert(shows("weir_test_requests_total{peer=\"mx1\",family=\"ipv6\"} 18446744073709551615"));
    cr_assert(shows("# TYPE weir_test_requests_total counter"));
    cr_assert(shows("# HELP weir_test_requests_total Requests by peer."));
    cr_assert_eq(metric_total(request("mx1", "ipv4")), 42);
    cr_assert_eq(metric_value(request("mx1", "ipv4")), 42);
}

Test(metrics, label_values_do_not_run_into_each_other)
{
    metric_add(request("a", "b\",family=\"c"), 1);
    metric_add(request("a\",family=\"b", "c"), 2);
    cr_assert_eq(metric_total(request("a", "b\",family=\"c")), 1);
    cr_assert_eq(metric_total(request("a\",family=\"b", "c")), 2);
    read_all(expose());
}

Test(metrics, a_gauge_is_set_and_added_to)
{
    metric_set(metric_of(&level), 2.5);
    cr_assert(shows("weir_test_level 2.5"));
    cr_assert(shows("# HELP weir_test_level A level\\\\state,\\nin two lines."));
    metric_add(metric_of(&level), 2);
    cr_assert_eq(metric_value(metric_of(&level)), 4.5);
    metric_set(metric_of(&level), -1);
    cr_assert(shows("weir_test_level -1"));
    metric_set(metric_of(&level), 0.1);
    cr_assert(shows("weir_test_level 0.1"));
    metric_set(metric_of(&level), NAN);
    cr_assert(shows("weir_test_level NaN"));
    metric_set(metric_of(&level), INFINITY);
    cr_assert(shows("weir_test_level +Inf"));
    metric_set(metric_of(&level), -INFINITY);
    cr_assert(shows("weir_test_level -Inf"));
    read_all(expose());
}

Test(metrics, a_histogram_has_cumulative_buckets_sum_and_count)
{
    struct metric_series *s = metric_at(&wait, (const char *const[]){"decide"});

    metric_observe(s, 0.01); /* a bound belongs to its bucket */
    metric_observe(s, 0.5);
    metric_observe(s, 0.25);
    metric_observe(s, 100);
    metric_observe(s, NAN); /* is no observation */
    cr_assert(shows("weir_test_wait_seconds_bucket{step=\"decide\",le=\"0.01\"} 1"));
    cr_assert(shows("weir_test_wait_seconds_bucket{step=\"decide\",le=\"0.1\"} 1"));
    cr_assert(shows("weir_test_wait_seconds_bucket{step=\"decide\",le=\"2.5\"} 3"));
    cr_assert(shows("weir_test_wait_seconds_bucket{step=\"decide\",le=\"+Inf\"} 4"));
    cr_assert(shows("weir_test_wait_seconds_sum{step=\"decide\"} 100.76"));
    cr_assert(shows("weir_test_wait_seconds_count{step=\"decide\"} 4"));
    cr_assert_eq(metric_total(s), 4);
    cr_assert_float_eq(metric_value(s), 100.76, 1e-9);
    metric_observe(metric_of(&whole), 1);
    cr_assert(shows("weir_test_whole_seconds_bucket{le=\"1\"} 1"));
    cr_assert(shows("weir_test_whole_seconds_count 1"));
    read_all(expose());
}

Test(metrics, what_is_declared_is_shown_with_0)
{
    metrics_declare(&unused);
    metrics_declare(&unused);
    metrics_declare(&requests);
    cr_assert(shows("weir_test_a_total 0"));
    cr_assert(shows("# TYPE weir_test_requests_total counter"));
    cr_assert(shows("weir_metrics_overflow_total 0"));
    cr_assert_eq(read_all(expose()), 2);
}

Test(metrics, a_list_names_what_is_declared_with_labels_and_meaning)
{
    struct text list;
    metrics_declare(&requests);
    metrics_declare(&unused);
    text_init(&list, 0);
    metrics_list(&list);
    const char *first = strstr(text_str(&list), "weir_test_a_total\tcounter\t\t");
    const char *second =
        strstr(text_str(&list), "\nweir_test_requests_total\tcounter\tpeer family\t");
    cr_assert(first != NULL && second > first, "%s", text_str(&list));
    text_done(&list);
}

Test(metrics, past_its_maximum_a_family_counts_others_together)
{
    char peer[16];

    for (int i = 0; i < 10; i++) {
        snprintf(peer, sizeof(peer), "peer%d", i);
        metric_add(request(peer, "ipv4"), 1);
    }
    cr_assert(shows("weir_test_requests_total{peer=\"peer2\",family=\"ipv4\"} 1"));
    cr_assert(shows("weir_test_requests_total{peer=\"other\",family=\"other\"} 7"));
    cr_assert(shows("weir_metrics_overflow_total 7"));
    cr_assert_eq(read_all(expose()), 3 + 1 + 1);
    metric_add(request("peer1", "ipv4"), 1);
    cr_assert(shows("weir_test_requests_total{peer=\"peer1\",family=\"ipv4\"} 2"));

    /* A place that becomes free is given again. */
    metric_drop(&requests, (const char *const[]){"peer0", "ipv4"});
    metric_drop(&requests, (const char *const[]){"nobody", "ipv4"});
    metric_add(request("peer9", "ipv4"), 1);
    cr_assert(shows("weir_test_requests_total{peer=\"peer9\",family=\"ipv4\"} 1"));
    cr_assert_eq(read_all(expose()), 3 + 1 + 1);
    metric_add(request("peer8", "ipv4"), 1);
    cr_assert(shows("weir_test_requests_total{peer=\"other\",family=\"other\"} 8"));
}

Test(metrics, label_values_of_any_bytes_make_valid_lines)
{
    static struct metric_family any = {.name = "weir_test_any_total",
                                       .help = "Any.",
                                       .type = METRIC_COUNTER,
                                       .labels = {"v"},
                                       .series_max = 500};

    srand(10);
    for (int i = 0; i < 500; i++) {
        char bytes[200];
        size_t len = (size_t)rand() % sizeof(bytes);
        for (size_t k = 0; k < len; k++)
            bytes[k] = (char)(rand() % 2 ? "\\\"\n{},="[rand() % 7] : 1 + rand() % 255);
        bytes[len > 0 ? len - 1 : 0] = '\0';
        metric_add(metric_at(&any, (const char *const[]){bytes}), 1);
    }
    cr_assert(read_all(expose()) > 400);
    metric_add(metric_at(&any, (const char *const[]){NULL}), 1);
    read_all(expose());
}

Test(metrics, a_long_label_value_is_cut_at_a_characters_end)
{
    struct text peer, want;

    text_init(&peer, 0);
    text_init(&want, 0);
    text_add(&peer, "x"); /* so that the limit of 128 falls inside a character */
    for (size_t i = 0; i < 200; i++)
        text_add(&peer, "\xc3\xa9");
    metric_add(request(text_str(&peer), ""), 1);
    text_addf(&want, "weir_test_requests_total{peer=\"%.127s\",family=\"\"} 1", text_str(&peer));
    cr_assert(shows(text_str(&want)));
    text_done(&peer);
    text_done(&want);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *count_and_expose(void *owner)
{
    static const char *const peers[] = {"a", "b", "c"};
    struct text text;

    (void)owner;
    text_init(&text, 0);
    for (int i = 0; i < ROUNDS; i++) {
        metric_add(request(peers[i % 3], "x"), 1);
        metric_add(metric_of(&level), 1);
        metric_observe(metric_of(&whole), i % 2 ? 0.5 : 2);
        if (i % 1000 == 0) {
            text_clear(&text);
            metrics_expose(&text);
            read_all(text_str(&text));
        }
    }
    text_done(&text);
    return NULL;
}

Test(metrics, threads_lose_no_count, .timeout = 60)
{
    pthread_t threads[THREADS];
    uint64_t sum = 0;

    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, count_and_expose, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++)
        sum += metric_total(request((const char *[]){"a", "b", "c"}[i], "x"));
    cr_assert_eq(sum, THREADS * ROUNDS);
    cr_assert_eq(metric_value(metric_of(&level)), THREADS * ROUNDS);
    cr_assert_eq(metric_total(metric_of(&whole)), THREADS * ROUNDS);
    cr_assert_eq(metric_value(metric_of(&whole)), THREADS * ROUNDS * 1.25);
}
