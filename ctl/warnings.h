#ifndef CTL_WARNINGS_H
#define CTL_WARNINGS_H

#include "common/service/config.h"

#include <jansson.h>

/* What is no error in a valid configuration, and what its owner would still want to be told before
 * an attack shows it. Each is one text in the list, once. */
void warnings_of(const struct config *config, json_t *list);
void warnings_add(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
