#include "common/service/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREDENTIAL_MAX = 1024, CREDENTIAL_PATH_MAX = 4096 };

/* The first line without its end; the rest of the file is for people. */
static enum status read_line(const char *path, char ret_line[CREDENTIAL_MAX], struct text *why)
{
    FILE *file = fopen(path, "re");
    if (file == NULL && errno == ENOENT)
        return STATUS_NOT_FOUND;
    bool is_read = file != NULL && fgets(ret_line, CREDENTIAL_MAX, file) != NULL;
    if (file == NULL || ferror(file) != 0) {
        text_addf(why, "%s: %s", path, strerror(errno));
        if (file != NULL)
            (void)fclose(file);
        return STATUS_IO;
    }
    (void)fclose(file);
    if (is_read)
        ret_line[strcspn(ret_line, "\r\n")] = '\0';
    if (is_read && ret_line[0] != '\0')
        return STATUS_OK;
    text_addf(why, "%s: no password in its first line", path);
    return STATUS_MALFORMED;
}

enum status credentials_read(struct credentials *ret_credentials, const struct config *config,
                             const char *user, struct text *why)
{
    struct credentials found = {0};
    char path[CREDENTIAL_PATH_MAX], line[CREDENTIAL_MAX];
    if (config->redis.password_dir == NULL) {
        *ret_credentials = found;
        return STATUS_OK;
    }
    if (snprintf(path, sizeof path, "%s/%s.pw", config->redis.password_dir, user) >=
        (int)sizeof path) {
        text_addf(why, "redis.password_dir: the path is too long");
        return STATUS_LIMIT;
    }
    enum status s = read_line(path, line, why);
    if (s == STATUS_NOT_FOUND) {
        *ret_credentials = found;
        return STATUS_OK;
    }
    if (s != STATUS_OK)
        return s;
    found.user = strdup(user);
    found.password = strdup(line);
    explicit_bzero(line, sizeof line);
    if (found.user == NULL || found.password == NULL) {
        credentials_done(&found);
        return STATUS_NO_MEMORY;
    }
    *ret_credentials = found;
    return STATUS_OK;
}

void credentials_done(struct credentials *credentials)
{
    if (credentials->password != NULL)
        explicit_bzero(credentials->password, strlen(credentials->password));
    free(credentials->password);
    free(credentials->user);
    *credentials = (struct credentials){0};
}
