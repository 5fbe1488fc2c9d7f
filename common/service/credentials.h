#ifndef COMMON_SERVICE_CREDENTIALS_H
#define COMMON_SERVICE_CREDENTIALS_H

#include "common/service/config.h"

/*
 * Who a process is to Redis: the user of its kind ("collector" … "operator" for people) and the
 * password in redis.password_dir/<user>.pw, whose first line counts. Where there is no such file
 * both are NULL and nothing is sent: the socket's own rights are the protection then.
 */
struct credentials {
    char *user, *password; /* as struct redis_options wants them */
};

/* IO: the file is there but cannot be read; MALFORMED: it is empty; *why says so. */
enum status credentials_read(struct credentials *ret_credentials, const struct config *config,
                             const char *user, struct text *why);
void credentials_done(struct credentials *credentials); /* wipes the password */

#endif
