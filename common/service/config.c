#include "common/service/config_read.h"

#include "common/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum status read_all(struct config_read *r, const char *bytes, size_t len,
                            config_judge *judge)
{
    struct config_tree tree;
    struct config *config = r->config;
    enum status status = tree_parse(&tree, r->arena, bytes, len, r->errors);
    if (status != STATUS_OK)
        return status;
    struct config_key whole = {.name = "the file", .detail = &house_section};
    r->root = tree.root;
    r->partial = config->has_gaps = tree.partial;
    (void)read_section(r, &whole, tree.root, config);
    config_check(r);
    if (judge != NULL && !config_gave_up(r))
        judge(config, r->errors);
    if (arena_failed(r->arena) || r->errors->lines.failed)
        return STATUS_NO_MEMORY;
    return r->errors->count > 0 ? STATUS_MALFORMED : STATUS_OK;
}

static enum status parse_in(struct config **ret_config, const char *bytes, size_t len,
                            const char *name, const char *folder, config_judge *judge,
                            struct config_errors *errors)
{
    struct config_arena *arena = arena_new();
    struct config *config = arena == NULL ? NULL : arena_take(arena, sizeof(*config));
    enum status status = STATUS_NO_MEMORY;
    errors->file = name;
    if (config != NULL) {
        config->arena = arena;
        config->file = arena_copy(arena, name, strlen(name));
        (void)snprintf(config->hash, sizeof(config->hash), "%016llx",
                       (unsigned long long)hash_wire(bytes, len));
        struct config_read r = {
            .config = config, .arena = arena, .errors = errors, .folder = folder};
        status = read_all(&r, bytes, len, judge);
    }
    if (status == STATUS_OK) {
        *ret_config = config;
        return STATUS_OK;
    }
    if (errors->count == 0)
        config_error(errors, (struct config_pos){0}, "%s", status_text(status));
    arena_free(arena); /* the config itself lives in it */
    return status;
}

enum status config_parse_judged(struct config **ret_config, const char *bytes, size_t len,
                                const char *name, config_judge *judge, struct config_errors *errors)
{
    return parse_in(ret_config, bytes, len, name, "", judge, errors);
}

enum status config_parse(struct config **ret_config, const char *bytes, size_t len,
                         const char *name, struct config_errors *errors)
{
    return config_parse_judged(ret_config, bytes, len, name, NULL, errors);
}

/* The whole file, or one octet more than is allowed, so that the reader can say so. */
static bool load(const char *path, struct text *content)
{
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return false;
    char chunk[16384];
    size_t n;
    while (content->len <= CONFIG_FILE_MAX && (n = fread(chunk, 1, sizeof(chunk), in)) > 0)
        text_add_bytes(content, chunk, n);
    bool ok = ferror(in) == 0 && !content->failed;
    int error = errno;
    (void)fclose(in);
    errno = error;
    return ok;
}

enum status config_load_judged(struct config **ret_config, const char *path, config_judge *judge,
                               struct config_errors *errors)
{
    struct text content;
    text_init(&content, 0);
    errors->file = path;
    if (!load(path, &content)) {
        config_error(errors, (struct config_pos){0}, "cannot be read (%s), expected a file",
                     strerror(errno));
        text_done(&content);
        return STATUS_IO;
    }
    const char *slash = strrchr(path, '/');
    char *folder = slash == NULL ? strdup("") : strndup(path, (size_t)(slash - path) + 1);
    enum status status = STATUS_NO_MEMORY;
    if (folder != NULL)
        status = parse_in(ret_config, text_str(&content), content.len, path, folder, judge, errors);
    else
        config_error(errors, (struct config_pos){0}, "%s", status_text(status));
    free(folder);
    text_done(&content);
    return status;
}

enum status config_load(struct config **ret_config, const char *path, struct config_errors *errors)
{
    return config_load_judged(ret_config, path, NULL, errors);
}

void config_free(struct config *config)
{
    if (config != NULL)
        arena_free(config->arena); /* the config itself lives in it */
}

size_t config_shards_on(const struct config *config, size_t telemetry)
{
    size_t count = 0;
    for (size_t i = 0; i < config->shard_count; i++)
        count += config->shards[i].telemetry == telemetry;
    return count;
}

const char *config_find(const char *option)
{
    static const char *const places[] = {"./weir.yaml", "/etc/weir/weir.yaml"};
    const char *environment = getenv("WEIR_CONFIG");
    if (option != NULL)
        return option;
    if (environment != NULL && environment[0] != '\0')
        return environment;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], F_OK) == 0)
            return places[i];
    return NULL;
}
