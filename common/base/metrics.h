#ifndef COMMON_BASE_METRICS_H
#define COMMON_BASE_METRICS_H

#include "common/base/text.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * The process's metrics in Prometheus text form. A family is declared once, statically, with its
 * help and the names of its labels; a series is one combination of label values and is a number
 * that any thread may add to. Each family has a maximum of series: past it, series go to one whose
 * label values are "other", and that is counted in weir_metrics_overflow_total.
 */
enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

enum { METRIC_LABELS_MAX = 4, METRIC_BUCKETS_MAX = 20 };

struct metric_series;

struct metric_family {
    const char *name; /* weir_<process>_<what>_<unit|total> */
    const char *help;
    enum metric_type type;
    const char *labels[METRIC_LABELS_MAX]; /* names, NULL past the last */
    unsigned int series_max;               /* 0: one series without labels */
    double buckets[METRIC_BUCKETS_MAX];    /* of a histogram, rising, 0 past the last */
    /* below: owned by metrics.c */
    struct metric_series *first;
    unsigned int series_count;
    struct metric_family *next;
    atomic_int registered;
};

/* The series for these label values (as many as labels), made on first use. Never NULL. */
struct metric_series *metric_at(struct metric_family *family, const char *const *values);
struct metric_series *metric_of(struct metric_family *family); /* the one without labels */
/* Forgets the series, so that what is gone is not shown for ever. Other threads must not hold it.
 */
void metric_drop(struct metric_family *family, const char *const *values);

void metric_add(struct metric_series *series, uint64_t amount);
void metric_set(struct metric_series *series, double value);
void metric_observe(struct metric_series *series, double value);
double metric_value(const struct metric_series *series);   /* a histogram: its sum */
uint64_t metric_total(const struct metric_series *series); /* a histogram: its count */

/* All families of the process that were used or declared, sorted by name. */
void metrics_expose(struct text *out);
void metrics_declare(struct metric_family *family); /* shown with 0 before its first use */
/* One line a family, sorted by name, tabs between: name, type, names of labels, help. */
void metrics_list(struct text *out);

#endif
