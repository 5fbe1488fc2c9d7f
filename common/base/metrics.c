#include "common/base/metrics.h"

#include "common/base/hash.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer label values are cut: they come from strangers, and people read them. */
enum { VALUE_MAX = 128 };

enum { REGISTERED = 1, SERIES_MADE = 2 }; /* metric_family.registered */

struct metric_series {
    const struct metric_family *family;
    struct metric_series *next;
    atomic_uint_least64_t number; /* counter: itself; gauge, sum of a histogram: bits of a double */
    atomic_uint_least64_t *buckets; /* of a histogram; the last is +Inf */
    uint64_t hash;                  /* of labels */
    char labels[];                  /* as shown, without the braces: peer="mx1",family="ipv4" */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the lists; numbers are atomic */
static struct metric_family *families;                   /* sorted by name */

static struct metric_family overflow_family = {
    .name = "weir_metrics_overflow_total",
    .help = "Times a series was asked for beyond its metric's maximum and went to \"other\".",
    .type = METRIC_COUNTER,
};

/* Takes what finds no memory, so that a metric never stops what it counts. Never shown. */
static struct metric_family spare_families[] = {
    {.type = METRIC_COUNTER}, {.type = METRIC_GAUGE}, {.type = METRIC_HISTOGRAM}};
static atomic_uint_least64_t spare_buckets[METRIC_BUCKETS_MAX + 1];
static struct metric_series spare_counter = {.family = &spare_families[METRIC_COUNTER]};
static struct metric_series spare_gauge = {.family = &spare_families[METRIC_GAUGE]};
static struct metric_series spare_histogram = {.family = &spare_families[METRIC_HISTOGRAM],
                                               .buckets = spare_buckets};

static struct metric_series *spare_of(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER:
        return &spare_counter;
    case METRIC_GAUGE:
        return &spare_gauge;
    case METRIC_HISTOGRAM:
        break;
    }
    return &spare_histogram;
}

static bool is_name(const char *s)
{
    static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                     "0123456789";

    return *s != '\0' && strchr("0123456789", *s) == NULL && strspn(s, characters) == strlen(s);
}

static size_t label_count(const struct metric_family *family)
{
    size_t n = 0;

    while (n < METRIC_LABELS_MAX && family->labels[n] != NULL)
        n++;
    return n;
}

static size_t bucket_count(const struct metric_family *family)
{
    size_t n = 0;

    while (n < METRIC_BUCKETS_MAX && family->buckets[n] != 0)
        n++;
    return n;
}

static void family_check(const struct metric_family *family)
{
    assert(is_name(family->name) && family->help != NULL);
    for (size_t i = 0; i < label_count(family); i++)
        assert(is_name(family->labels[i]) && strcmp(family->labels[i], "le") != 0);
    for (size_t i = 1; i < bucket_count(family); i++)
        assert(family->buckets[i] > family->buckets[i - 1]);
    assert(label_count(family) == 0 || family->series_max > 0);
}

/* Under the lock, as all up to the next mark. */
static void family_register(struct metric_family *family)
{
    struct metric_family **at = &families;

    if (atomic_load(&family->registered))
        return;
    family_check(family);
    while (*at != NULL && strcmp((*at)->name, family->name) < 0)
        at = &(*at)->next;
    assert(*at == NULL || strcmp((*at)->name, family->name) != 0);
    family->next = *at;
    *at = family;
    atomic_store(&family->registered, REGISTERED);
}

/* The link that holds the series, or the list's end. */
static struct metric_series **series_find(struct metric_family *family, const char *labels,
                                          uint64_t hash)
{
    struct metric_series **at = &family->first;

    while (*at != NULL && ((*at)->hash != hash || strcmp((*at)->labels, labels) != 0))
        at = &(*at)->next;
    return at;
}

static struct metric_series *series_new(struct metric_family *family, struct metric_series **at,
                                        const char *labels, uint64_t hash)
{
    size_t labels_size = strlen(labels) + 1;
    struct metric_series *series = calloc(1, sizeof(*series) + labels_size);

    if (series == NULL)
        return spare_of(family->type);
    if (family->type == METRIC_HISTOGRAM) {
        series->buckets = calloc(bucket_count(family) + 1, sizeof(series->buckets[0]));
        if (series->buckets == NULL) {
            free(series);
            return spare_of(family->type);
        }
    }
    series->family = family;
    series->hash = hash;
    memcpy(series->labels, labels, labels_size);
    *at = series;
    family->series_count++;
    return series;
}

static struct metric_series *series_at(struct metric_family *family, const char *labels,
                                       const char *labels_other)
{
    uint64_t hash = hash_wire(labels, strlen(labels));

    family_register(family);
    struct metric_series **at = series_find(family, labels, hash);
    if (*at != NULL)
        return *at;
    if (labels_other != NULL && family->series_count >= family->series_max) {
        uint64_t hash_other = hash_wire(labels_other, strlen(labels_other));
        struct metric_series **other = series_find(family, labels_other, hash_other);

        /* "other" itself does not count. */
        if (*other == NULL || family->series_count > family->series_max) {
            metric_add(series_at(&overflow_family, "", NULL), 1);
            return *other != NULL ? *other : series_new(family, other, labels_other, hash_other);
        }
    }
    return series_new(family, at, labels, hash);
}

/* From here on the lock is taken inside. */
static void add_escaped(struct text *out, const char *s, bool quotes_too)
{
    for (; *s != '\0'; s++) {
        if (*s == '\n')
            text_add(out, "\\n");
        else if (*s == '\\' || (quotes_too && *s == '"'))
            text_add_bytes(out, (char[]){'\\', *s}, 2);
        else
            text_add_bytes(out, s, 1);
    }
}

/* A value as it is shown: cut at a character's end, and what is no UTF-8 replaced. */
static void add_label_value(struct text *out, const char *value)
{
    size_t len = 0;

    while (value != NULL && *value != '\0') {
        uint32_t code_point;
        char one[5] = "\xef\xbf\xbd"; /* U+FFFD, the replacement character */
        size_t step = text_utf8_len(value, &code_point);

        if (step > 0) {
            memcpy(one, value, step);
            one[step] = '\0';
        }
        len += strlen(one);
        if (len > VALUE_MAX)
            return;
        add_escaped(out, one, true);
        value += step == 0 ? 1 : step;
    }
}

static void add_labels(struct text *out, const struct metric_family *family,
                       const char *const *values, const char *value_of_all)
{
    for (size_t i = 0; i < label_count(family); i++) {
        text_addf(out, "%s%s=\"", i > 0 ? "," : "", family->labels[i]);
        add_label_value(out, value_of_all != NULL ? value_of_all : values[i]);
        text_add(out, "\"");
    }
}

struct metric_series *metric_at(struct metric_family *family, const char *const *values)
{
    struct metric_series *series = spare_of(family->type);
    struct text labels, other;

    text_init(&labels, 0);
    text_init(&other, 0);
    add_labels(&labels, family, values, NULL);
    add_labels(&other, family, NULL, "other");
    if (!labels.failed && !other.failed) {
        pthread_mutex_lock(&lock);
        series = series_at(family, text_str(&labels), other.len > 0 ? text_str(&other) : NULL);
        pthread_mutex_unlock(&lock);
    }
    text_done(&labels);
    text_done(&other);
    return series;
}

struct metric_series *metric_of(struct metric_family *family)
{
    assert(label_count(family) == 0);
    /* Made once and never dropped, so most calls need no lock. */
    if (atomic_load(&family->registered) == SERIES_MADE)
        return family->first;
    struct metric_series *series = metric_at(family, NULL);
    if (series != spare_of(family->type))
        atomic_store(&family->registered, SERIES_MADE);
    return series;
}

void metrics_declare(struct metric_family *family)
{
    pthread_mutex_lock(&lock);
    family_register(family);
    if (label_count(family) == 0)
        series_at(family, "", NULL);
    pthread_mutex_unlock(&lock);
}

void metric_drop(struct metric_family *family, const char *const *values)
{
    struct metric_series *gone = NULL;
    struct text labels;

    assert(label_count(family) > 0);
    text_init(&labels, 0);
    add_labels(&labels, family, values, NULL);
    if (!labels.failed) {
        pthread_mutex_lock(&lock);
        const char *key = text_str(&labels);
        struct metric_series **at = series_find(family, key, hash_wire(key, labels.len));
        gone = *at;
        if (gone != NULL) {
            *at = gone->next;
            family->series_count--;
        }
        pthread_mutex_unlock(&lock);
    }
    if (gone != NULL)
        free(gone->buckets);
    free(gone);
    text_done(&labels);
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static uint64_t number_of(const struct metric_series *series)
{
    return atomic_load_explicit(&series->number, memory_order_relaxed);
}

static void add_double(struct metric_series *series, double amount)
{
    uint_least64_t bits = number_of(series);

    while (!atomic_compare_exchange_weak_explicit(&series->number, &bits,
                                                  bits_of(double_of(bits) + amount),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void metric_add(struct metric_series *series, uint64_t amount)
{
    assert(series->family->type != METRIC_HISTOGRAM);
    if (series->family->type == METRIC_COUNTER)
        atomic_fetch_add_explicit(&series->number, amount, memory_order_relaxed);
    else
        add_double(series, (double)amount);
}

void metric_set(struct metric_series *series, double value)
{
    assert(series->family->type == METRIC_GAUGE);
    atomic_store_explicit(&series->number, bits_of(value), memory_order_relaxed);
}

void metric_observe(struct metric_series *series, double value)
{
    const struct metric_family *family = series->family;
    size_t last = bucket_count(family), bucket = 0;

    assert(family->type == METRIC_HISTOGRAM);
    if (isnan(value)) /* it would spoil the sum for ever */
        return;
    while (bucket < last && value > family->buckets[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    add_double(series, value);
}

double metric_value(const struct metric_series *series)
{
    uint64_t number = number_of(series);

    return series->family->type == METRIC_COUNTER ? (double)number : double_of(number);
}

uint64_t metric_total(const struct metric_series *series)
{
    uint64_t total = 0;

    if (series->family->type == METRIC_COUNTER)
        return number_of(series);
    for (size_t i = 0; series->buckets != NULL && i <= bucket_count(series->family); i++)
        total += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
    return total;
}

static void add_number(struct text *out, double value)
{
    char digits[32];

    if (isnan(value)) {
        text_add(out, "NaN");
    } else if (isinf(value)) {
        text_add(out, value > 0 ? "+Inf" : "-Inf");
    } else {
        snprintf(digits, sizeof(digits), "%.15g", value);
        if (strtod(digits, NULL) != value)
            snprintf(digits, sizeof(digits), "%.17g", value);
        text_add(out, digits);
    }
}

/* name_suffix{labels,le="…"} and the space behind; le may be NULL. */
static void add_series_name(struct text *out, const struct metric_series *series,
                            const char *suffix, const double *le)
{
    bool labelled = series->labels[0] != '\0', braces = labelled || le != NULL;

    text_addf(out, "%s%s%s%s", series->family->name, suffix, braces ? "{" : "", series->labels);
    if (le != NULL) {
        text_add(out, labelled ? ",le=\"" : "le=\"");
        add_number(out, *le);
        text_add(out, "\"");
    }
    text_add(out, braces ? "} " : " ");
}

static void add_histogram(struct text *out, const struct metric_series *series)
{
    size_t last = bucket_count(series->family);
    uint64_t total = 0;

    for (size_t i = 0; i <= last; i++) {
        double le = i == last ? INFINITY : series->family->buckets[i];
        total += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        add_series_name(out, series, "_bucket", &le);
        text_addf(out, "%llu\n", (unsigned long long)total);
    }
    add_series_name(out, series, "_sum", NULL);
    add_number(out, metric_value(series));
    text_add(out, "\n");
    /* Not counted anew: it must be what the last bucket says. */
    add_series_name(out, series, "_count", NULL);
    text_addf(out, "%llu\n", (unsigned long long)total);
}

static void add_series(struct text *out, const struct metric_series *series)
{
    if (series->family->type == METRIC_HISTOGRAM) {
        add_histogram(out, series);
        return;
    }
    add_series_name(out, series, "", NULL);
    if (series->family->type == METRIC_COUNTER)
        text_addf(out, "%llu", (unsigned long long)number_of(series));
    else
        add_number(out, metric_value(series));
    text_add(out, "\n");
}

static const char *const types[] = {"counter", "gauge", "histogram"};

void metrics_list(struct text *out)
{
    metrics_declare(&overflow_family);
    pthread_mutex_lock(&lock);
    for (const struct metric_family *family = families; family != NULL; family = family->next) {
        text_addf(out, "%s\t%s\t", family->name, types[family->type]);
        for (size_t i = 0; i < label_count(family); i++)
            text_addf(out, "%s%s", i > 0 ? " " : "", family->labels[i]);
        text_addf(out, "\t%s\n", family->help);
    }
    pthread_mutex_unlock(&lock);
}

void metrics_expose(struct text *out)
{
    metrics_declare(&overflow_family);
    pthread_mutex_lock(&lock);
    for (const struct metric_family *family = families; family != NULL; family = family->next) {
        text_addf(out, "# HELP %s ", family->name);
        add_escaped(out, family->help, false);
        text_addf(out, "\n# TYPE %s %s\n", family->name, types[family->type]);
        for (const struct metric_series *s = family->first; s != NULL; s = s->next)
            add_series(out, s);
    }
    pthread_mutex_unlock(&lock);
}
