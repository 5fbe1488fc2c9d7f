#include "ctl/redis_acl.h"

#include "common/service/credentials.h"
#include "ctl/redis_texts.h"

#include <stdio.h>
#include <string.h>

static const char key_mark[] = "~weir:", password_mark[] = "@password@";
/* A line that begins so is for speakers with an adapter socket. */
static const char adapter_mark[] = "@adapter@";

enum { USER_MAX = 32 };

struct acl {
    struct text *text, *why;
    const struct config *config;
    char user[USER_MAX]; /* of the line that is being made */
};

static enum status add_password(struct acl *acl)
{
    struct credentials found = {0};
    enum status s = credentials_read(&found, acl->config, acl->user, acl->why);
    if (s != STATUS_OK)
        return s;
    if (found.password == NULL) {
        text_add(acl->text, "off");
    } else if (strpbrk(found.password, " \t\"'\\") != NULL) {
        /* The server cuts its lines at blanks and knows no way to quote one. */
        text_addf(acl->why, "%s/%s.pw: an ACL file cannot hold a password with blanks or quotes",
                  acl->config->redis.password_dir, acl->user);
        s = STATUS_MALFORMED;
    } else {
        text_addf(acl->text, "on >%s", found.password);
    }
    credentials_done(&found);
    return s;
}

/* One line of the original, whose first word was "user" if it has a user of its own. */
static enum status add_line(struct acl *acl, const char *line, size_t len)
{
    for (const char *at = line, *end = line + len; at < end;) {
        if (strncmp(at, password_mark, sizeof(password_mark) - 1) == 0) {
            enum status s = add_password(acl);
            if (s != STATUS_OK)
                return s;
            at += sizeof(password_mark) - 1;
        } else if (strncmp(at, key_mark, sizeof(key_mark) - 1) == 0) {
            text_addf(acl->text, "~%s", acl->config->redis.prefix);
            at += sizeof(key_mark) - 1;
        } else {
            text_add_bytes(acl->text, at++, 1);
        }
    }
    return STATUS_OK;
}

enum status redis_acl_add(struct text *ret_acl, const struct config *config, bool is_state,
                          struct text *why)
{
    struct acl acl = {.text = ret_acl, .why = why, .config = config};
    const char *line = is_state ? redis_state_acl : redis_telemetry_acl;
    enum status s = STATUS_OK;
    size_t len;
    for (; s == STATUS_OK && *line != '\0'; line += len + (line[len] == '\n')) {
        len = strcspn(line, "\n");
        if (len == 0 || line[0] == '#')
            continue;
        const char *text = line + strspn(line, " ");
        bool is_of_adapter = strncmp(text, adapter_mark, sizeof(adapter_mark) - 1) == 0;
        if (is_of_adapter && !config->speaker.adapter.enabled)
            continue;
        if (is_of_adapter) {
            text_add(ret_acl, " ");
            text += sizeof(adapter_mark) - 1;
            s = add_line(&acl, text, len - (size_t)(text - line));
            continue;
        }
        if (sscanf(line, "user %31s", acl.user) == 1 && ret_acl->len > 0)
            text_add(ret_acl, "\n"); /* the others go on with the user's line */
        s = add_line(&acl, line, len);
    }
    text_add(ret_acl, "\n");
    return s != STATUS_OK ? s : ret_acl->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

const struct config_redis_server *redis_acl_server(const struct config *config, const char *name,
                                                   bool *ret_is_state)
{
    *ret_is_state = strcmp(name, "state") == 0;
    if (*ret_is_state)
        return &config->redis.state;
    for (size_t i = 0; i < config->redis.telemetry_count; i++)
        if (strcmp(name, config->redis.telemetry[i].name) == 0)
            return &config->redis.telemetry[i];
    /* The one that there is where nobody gave it a name. */
    return strcmp(name, "telemetry") == 0 ? &config->redis.telemetry[0] : NULL;
}
