#ifndef SPEAKER_ADAPTER_H
#define SPEAKER_ADAPTER_H

#include "speaker/adapter_routes.h"
#include "speaker/speaker.h"

/*
 * The adapter socket (mode 0600, speaker.adapter_socket): tools that were made for adapters of
 * ExaBGP's shape announce and withdraw rules by it, a line of JSON each (adapter_line.h), a line of
 * JSON back. Off by default.
 *
 *   adapter_new() before the journal is read → adapter_open() → adapter_close() → adapter_free()
 *
 * Where it is switched off adapter_new() makes nothing, and the others do nothing.
 */
struct adapter;
enum status adapter_new(struct speaker *speaker);
void adapter_free(struct speaker *speaker);
enum status adapter_open(struct speaker *speaker);
void adapter_close(struct speaker *speaker, void (*on_closed)(void *owner));

struct adapter_audit;
struct adapter_starts;
/* Every second. */
void adapter_tick(struct speaker *speaker);
/* A mitigation has ended here, by time. */
void adapter_ended(struct speaker *speaker, const struct standing *s, const char *why);
/* NULL: switched off. */
struct adapter_audit *adapter_audit_of(const struct speaker *speaker);
struct adapter_starts *adapter_starts(const struct speaker *speaker);

struct adapter_routes *adapter_routes(const struct speaker *speaker); /* NULL: switched off */
/* "adapter@sp1": who asks, as policy and the record of it see it. */
void adapter_who(const struct speaker *speaker, char ret_who[NAME_MAX_LEN + 1]);

#endif
