#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include "common/base/text.h"
#include "ctl/command.h"

#include <jansson.h>
#include <stdio.h>

/*
 * What commands print. Strings from Redis, captures and files may hold anything: for people,
 * control characters and what is no UTF-8 are shown as \xNN or <U+NNNN>, so that nothing steers a
 * terminal; for programs, they become valid JSON strings.
 */
void show_add_safe(struct text *out, const char *s);
/* As a JSON string in quotes that is also safe to look at: what would steer is \uNNNN in it. */
void show_add_json_safe(struct text *out, const char *s);
/* As one word of a shell's command line, so that it can be pasted; never steers a terminal. */
void show_add_shell(struct text *out, const char *s);
/* printf, made safe as a whole; line ends in the format stay. */
void show_print(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes over the value, prints it with a line end. EXIT_FAILED when there was no memory for it. */
int show_json(json_t *value);
json_t *show_json_text(const char *s); /* never NULL for want of UTF-8 */
json_t *show_json_hex(const uint8_t *bytes, size_t len);
json_t *show_json_u64(uint64_t n);   /* as much as JSON's integers here hold */
json_t *show_json_number(double n);  /* null where it is not finite */
json_t *show_json_time(uint64_t ms); /* null for 0 */

/* "" and 0 where the member is missing or of another type; path: "times.crossed_ms". */
const char *show_string(const json_t *object, const char *path);
uint64_t show_u64(const json_t *object, const char *path);
double show_number(const json_t *object, const char *path);
bool show_truth(const json_t *object, const char *path);
const json_t *show_member(const json_t *object, const char *path);

/* How long ago that was, in whole seconds: "3m12s"; "-" for 0. */
const char *show_age(uint64_t then_ms, uint64_t now_ms, char ret_text[TEXT_QUANTITY_MAX]);

/* The members of a times object that are reached, a line each: "crossed   2026-…, 3m12s ago". */
void show_times(json_t *times, uint64_t now_ms);

/*
 * A table for people: columns as wide as their widest cell, heads above. A head that begins with
 * '>' is printed without it, and its column to the right.
 */
enum { GRID_COLUMNS_MAX = 16 };
struct grid {
    const char *heads[GRID_COLUMNS_MAX];
    size_t columns, cells;
    struct text text; /* safe cells, each with its NUL */
};
void grid_init(struct grid *grid, size_t columns, const char *const *heads);
void grid_add(struct grid *grid, const char *cell);
void grid_addf(struct grid *grid, const char *format, ...) __attribute__((format(printf, 2, 3)));
void grid_print(struct grid *grid, FILE *to); /* and done */

#endif
