#ifndef COMMON_SERVICE_CONFIG_READ_H
#define COMMON_SERVICE_CONFIG_READ_H

#include "common/service/config_tree.h"

/*
 * Readers from nodes to values, driven by tables. A section is a table of keys; a key has a reader,
 * the place of its value, what the reader needs to know (range, choices, another section), its
 * default as it would be written, and a line for people. docs and `weir check` speak from the same
 * tables, so they cannot say anything else than the reader does.
 */
struct config_key;
struct config_section;

/* What a name in the file refers to; resolved when everything has been read. */
enum config_kind { KIND_TELEMETRY, KIND_PEER, KIND_PLATFORM, KIND_METHOD, KIND_COUNT };

struct config_reference {
    enum config_kind kind;
    const char *key, *name;
    struct config_pos pos;
    size_t *ret_index; /* NULL: only has to be there */
    struct config_reference *next;
};

struct config_read {
    struct config *config;
    struct config_arena *arena;
    struct config_errors *errors;
    const struct config_node *root;
    const char *folder; /* of the file, "" or ends in /: prefix files are looked for here */
    bool partial;       /* parts of the file are missing, so nothing is called missing */
    size_t unsaid;      /* faults that were met again after they had been said */
    struct config_reference *references;
    /* Not NULL: nothing is read; the section that a reader comes to is noted here. */
    const struct config_section **ret_met;
};

/* Reads a node into *ret_value, or says what is wrong and leaves it. */
typedef bool config_reader(struct config_read *r, const struct config_key *key,
                           const struct config_node *node, void *ret_value);

enum { CONFIG_REQUIRED = 1, CONFIG_LATER = 2 };

struct config_key {
    const char *name;
    config_reader *read;
    size_t offset;
    const void *detail;   /* of the reader: a range, choices, a section, a list */
    const char *fallback; /* the default, as written in a file; NULL: the value stays zero */
    const char *about;
    unsigned int flags; /* CONFIG_LATER: only the default is available so far */
};

#define CONFIG_NO_POS SIZE_MAX

struct config_section {
    const char *what; /* "an exporter" */
    const struct config_key *keys;
    size_t key_count;
    size_t size;
    size_t pos_offset; /* of a struct config_pos, or CONFIG_NO_POS */
    /* Judges the keys together; called also after errors in some of them. */
    void (*finish)(struct config_read *r, const struct config_node *node, void *value);
};
/* Where a list goes: its count must stand right behind the pointer to its items. */
#define CONFIG_ARRAY_AT(type, items, count)                                                        \
    (offsetof(type, items) +                                                                       \
     0 * sizeof(char[offsetof(type, count) == offsetof(type, items) + sizeof(void *) ? 1 : -1]))
#define CONFIG_KEYS(table) (table), sizeof(table) / sizeof((table)[0])

struct config_range {
    uint64_t least, most;
    const char *what; /* "a number from 1 to 65535" */
};

struct config_share_range {
    double least, most;
    const char *what;
};

struct config_choices {
    const char *const *names; /* NULL past the last; the value is the index */
    const char *what;         /* "active, passive or both" */
};

/* A list: *ret_value is a pointer to the items, and the count stands right behind it. */
struct config_list {
    struct config_key item; /* how each is read; offset unused */
    size_t item_size;
    size_t least, most;
    const char *what; /* "a list of addresses" */
    bool unique;      /* each scalar once; for short lists */
};
struct config_array {
    void *items;
    size_t count;
};

/* Scalars. */
config_reader read_bool;      /* bool */
config_reader read_u16;       /* uint16_t; detail: range */
config_reader read_u32;       /* uint32_t; detail: range */
config_reader read_count;     /* uint64_t, "500k"; detail: range */
config_reader read_size;      /* uint64_t octets; detail: range */
config_reader read_duration;  /* uint64_t ms; detail: range */
config_reader read_bit_rate;  /* uint64_t bits/s, with its unit; detail: range */
config_reader read_share;     /* double, from "80%"; detail: config_share_range */
config_reader read_fraction;  /* double, "0.95"; detail: config_share_range */
config_reader read_choice;    /* an enum; detail: config_choices */
config_reader read_name;      /* const char *, [a-z0-9._-]{1,64} */
config_reader read_path;      /* const char *, absolute */
config_reader read_path_part; /* const char *, absolute or relative */
config_reader read_plain;     /* const char *, any printable text of 1 to 256 octets */
config_reader read_text;      /* struct config_text */
config_reader read_addr;      /* struct ip_addr */
config_reader read_addr4;     /* struct ip_addr */
config_reader read_addr6;     /* struct ip_addr */
config_reader read_prefix;    /* struct ip_prefix */
config_reader read_endpoint;  /* struct ip_endpoint */

/* Groups. */
config_reader read_section; /* detail: section */
config_reader read_list;    /* struct config_array; detail: list */
config_reader read_texts;   /* struct config_texts: a list of scalars */

/* A section whose room is not built yet: only `enabled: false` is available. */
config_reader read_switched_off;
config_reader read_peer_index; /* size_t, among peers */

/* Helpers of the readers. */
bool config_wrong(struct config_read *r, const struct config_key *key,
                  const struct config_node *node, const char *want);
bool config_wrong_address(struct config_read *r, const struct config_key *key,
                          const struct config_node *node, const char *want);
void config_not_yet(struct config_read *r, struct config_pos pos, const char *what);
bool config_is_name(const char *text);
/* Grows with each fault that is met: what was read while it grew is flawed. */
size_t config_faults(const struct config_read *r);
/* To be told of each group and list by its reader: one of which something was lost is a fault. */
void config_meet(struct config_read *r, const struct config_node *node);
/* Whether what is not in this group or list (NULL: it is not there itself) was left out on purpose,
 * and not lost to an error. */
bool config_shows_all(const struct config_read *r, const struct config_node *node);
/* *ret_index is CONFIG_UNKNOWN until the whole file has been read. */
void config_refer(struct config_read *r, enum config_kind kind, const struct config_key *key,
                  const struct config_node *node, size_t *ret_index);
/* Says each key that stands twice in a map whose keys are not of a section, and too many keys. */
void config_refuse_repeated(struct config_read *r, const struct config_node *map);
/* Enough was said; reading on would only cost time. */
bool config_gave_up(const struct config_read *r);
/* The name among these (NULL past the last) that was probably meant, or NULL. */
const char *config_nearest(const char *name, const char *const *names, size_t count);

/* Parts of the file, each in config_<part>.c. */
extern const struct config_section house_section; /* the whole file, into struct config */
extern const struct config_section collector_section, aggregator_section, policy_process_section,
    speaker_section, console_section, blackhole_section, divert_section, external_section;
extern const struct config_list peer_list, profile_list, policy_list, method_list,
    notification_list;
config_reader read_networks, read_prefixes, read_exporters, read_platforms, read_vectors;
config_reader read_blackhole, read_divert; /* struct config_route */
config_reader read_action;                 /* the action of a struct config_method */
/* Checked and kept nowhere: of rooms that are not built yet. */
config_reader read_action_later, read_dscp, read_vrf, read_known_method;

/* What only several parts together show; called when the whole file was read. */
void config_check(struct config_read *r);
void config_check_sessions(struct config_read *r); /* its part for `peers` */
struct config_pos config_pos_of_key(const struct config_node *map, const char *key);

#endif
