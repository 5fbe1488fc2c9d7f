#ifndef COMMON_SERVICE_SECRET_FILE_H
#define COMMON_SERVICE_SECRET_FILE_H

#include "common/base/status.h"
#include "common/base/text.h"

enum { SECRET_FILE_MAX = 1024 };

/*
 * A secret that the configuration names by its file: one line, whose end does not count. The file
 * must not be readable by everybody. IO, REFUSED, MALFORMED or LIMIT: *why says what is wrong with
 * it, and never what is in it. The room includes the NUL behind it; the caller wipes it.
 */
enum status secret_file_read(const char *path, char *ret_secret, size_t room, struct text *why);

#endif
