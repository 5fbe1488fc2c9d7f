#include "speaker/adapter_audit.h"

#include "common/base/log.h"
#include "common/redis/keys.h"
#include "speaker/adapter.h"
#include "speaker/adapter_metrics.h"
#include "speaker/in_jobs.h"
#include "speaker/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A start and an end of as many rules as may start in eight minutes; then the oldest goes. */
    WAITING_MAX = 1024,
    AT_ONCE = 64, /* that are on their way */
};

/* In the order of their texts in an entry, each with its NUL. */
static const char *const names[] = {"what", "who", "why", "mitigation", "rule", "at"};
enum { FIELDS = sizeof(names) / sizeof(names[0]) };

struct entry {
    struct adapter_audit *audit; /* NULL: given up while it was on its way */
    struct entry *next;
    char key[JOURNAL_KEY_MAX + 1];
    bool sent;
    size_t len;
    char texts[];
};

struct adapter_audit {
    struct speaker *speaker;
    struct entry *first, **end;
    size_t waiting, sent;
    uint64_t number;
};

struct adapter_audit *adapter_audit_new(struct speaker *speaker)
{
    struct adapter_audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL)
        return NULL;
    audit->speaker = speaker;
    audit->end = &audit->first;
    return audit;
}

static struct entry *take_first(struct adapter_audit *audit)
{
    struct entry *entry = audit->first;
    audit->first = entry->next;
    if (audit->first == NULL)
        audit->end = &audit->first;
    audit->waiting--;
    return entry;
}

/* One on its way is freed by its answer. */
static void drop_first(struct adapter_audit *audit)
{
    struct entry *entry = take_first(audit);
    store_drop(audit->speaker, entry->key);
    if (entry->sent) {
        audit->sent--;
        entry->audit = NULL;
    } else {
        free(entry);
    }
}

void adapter_audit_free(struct adapter_audit *audit)
{
    if (audit == NULL)
        return;
    while (audit->first != NULL)
        free(take_first(audit));
    free(audit);
}

static struct entry *add(struct adapter_audit *audit, const char *key, const void *texts,
                         size_t len)
{
    struct entry *entry = calloc(1, sizeof(*entry) + len);
    if (entry == NULL)
        return NULL;
    if (audit->waiting == WAITING_MAX) {
        adapter_metrics_audit_lost();
        drop_first(audit);
    }
    entry->audit = audit;
    (void)snprintf(entry->key, sizeof(entry->key), "%s", key);
    entry->len = len;
    memcpy(entry->texts, texts, len);
    *audit->end = entry;
    audit->end = &entry->next;
    audit->waiting++;
    adapter_metrics_audit_waiting(audit->waiting);
    return entry;
}

void adapter_audit(struct speaker *speaker, const char *what, const char *mitigation,
                   const char *why, const char *rule)
{
    struct adapter_audit *audit = adapter_audit_of(speaker);
    char key[JOURNAL_KEY_MAX], who[NAME_MAX_LEN + 1], at[24], reason[REASON_MAX + 40];
    uint64_t now_ms = speaker_time(speaker).redis_ms;
    struct text texts;
    if (audit == NULL)
        return;
    adapter_who(speaker, who);
    (void)snprintf(at, sizeof(at), "%" PRIu64, now_ms);
    (void)snprintf(reason, sizeof(reason), "%s%swithout policy", why, why[0] != '\0' ? "; " : "");
    (void)snprintf(key, sizeof(key), STORE_AUDIT_PREFIX "%" PRIu64 "-%" PRIu64, now_ms,
                   audit->number++);
    const char *const values[FIELDS] = {what, who, reason, mitigation, rule, at};
    text_init(&texts, 0);
    for (size_t i = 0; i < FIELDS; i++)
        text_add_bytes(&texts, values[i], strlen(values[i]) + 1);
    const struct entry *entry = texts.failed ? NULL : add(audit, key, texts.at, texts.len);
    if (entry != NULL)
        store_put(speaker, entry->key, entry->texts, entry->len);
    else
        adapter_metrics_audit_lost();
    text_done(&texts);
}

static bool is_whole(const uint8_t *bytes, size_t len)
{
    size_t ends = 0;
    for (size_t i = 0; i < len; i++)
        ends += bytes[i] == '\0' ? 1 : 0;
    return ends == FIELDS && bytes[len - 1] == '\0';
}

bool adapter_audit_load(struct speaker *speaker, const char *key, const uint8_t *bytes, size_t len)
{
    struct adapter_audit *audit = adapter_audit_of(speaker);
    if (!is_whole(bytes, len))
        return false;
    return audit == NULL || add(audit, key, bytes, len) != NULL; /* NULL: switched off since */
}

static void on_added(void *owner, enum status status, const struct redis_reply *reply)
{
    struct entry *entry = owner;
    struct adapter_audit *audit = entry->audit;
    (void)reply;
    if (audit == NULL) {
        free(entry);
        return;
    }
    entry->sent = false;
    audit->sent--;
    if (status != STATUS_OK)
        return; /* again in a second */
    struct entry **link = &audit->first;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    if (audit->end == &entry->next)
        audit->end = link;
    audit->waiting--;
    adapter_metrics_audit_waiting(audit->waiting);
    store_drop(audit->speaker, entry->key);
    free(entry);
}

static bool send_entry(struct adapter_audit *audit, struct entry *entry)
{
    char key[KEY_NAME_MAX];
    (void)key_name(key, audit->speaker->config->redis.prefix, KEY_AUDIT);
    struct redis_arg args[3 + 2 * FIELDS] = {{"XADD", 4}, {key, strlen(key)}, {"*", 1}};
    const char *text = entry->texts;
    for (size_t i = 0; i < FIELDS; i++, text += strlen(text) + 1) {
        args[3 + 2 * i] = (struct redis_arg){names[i], strlen(names[i])};
        args[4 + 2 * i] = (struct redis_arg){text, strlen(text)};
    }
    entry->sent = redis_command(in_jobs_redis(audit->speaker->in_jobs), args,
                                sizeof(args) / sizeof(args[0]), on_added, entry) == STATUS_OK;
    audit->sent += entry->sent ? 1 : 0;
    return entry->sent;
}

void adapter_audit_tick(struct speaker *speaker)
{
    struct adapter_audit *audit = adapter_audit_of(speaker);
    if (audit == NULL || !in_jobs_is_up(speaker->in_jobs))
        return;
    for (struct entry *entry = audit->first; entry != NULL && audit->sent < AT_ONCE;
         entry = entry->next)
        if (!entry->sent && !send_entry(audit, entry))
            return;
}
