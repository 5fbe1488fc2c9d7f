#include "common/service/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status open_private(const char *path, int *ret_fd, struct text *why)
{
    struct stat about;
    /* A pipe must not make us wait for who writes into it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &about) != 0) {
        text_addf(why, "%s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return STATUS_IO;
    }
    const char *wrong = !S_ISREG(about.st_mode) ? "is no file"
                        : (about.st_mode & (S_IROTH | S_IWOTH)) != 0
                            ? "everybody may read or write it, expected a mode such as 0640"
                            : NULL;
    if (wrong != NULL) {
        text_addf(why, "%s: %s", path, wrong);
        (void)close(fd);
        return STATUS_REFUSED;
    }
    *ret_fd = fd;
    return STATUS_OK;
}

/* One octet more than may be is enough to know that there are too many. */
static ssize_t read_some(int fd, char *bytes, size_t room)
{
    size_t len = 0;
    ssize_t n = 1;
    while (n > 0 && len < room) {
        n = read(fd, bytes + len, room - len);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n > 0)
            len += (size_t)n;
    }
    return n < 0 ? n : (ssize_t)len;
}

/* The line's length, or what is wrong. */
static enum status judge(const char *bytes, size_t len, size_t most, size_t *ret_len,
                         const char **ret_wrong)
{
    const char *end = memchr(bytes, '\n', len);
    size_t line = end != NULL ? (size_t)(end - bytes) : len;
    bool more = end != NULL && line + 1 < len;
    if (line > 0 && bytes[line - 1] == '\r')
        line--;
    *ret_wrong = NULL;
    if (line > most)
        *ret_wrong = "is longer than its use allows";
    else if (more)
        *ret_wrong = "more than one line, expected one";
    else if (line == 0 || memchr(bytes, '\0', line) != NULL)
        *ret_wrong = "no secret in its first line";
    *ret_len = line;
    return *ret_wrong == NULL ? STATUS_OK : line > most ? STATUS_LIMIT : STATUS_MALFORMED;
}

enum status secret_file_read(const char *path, char *ret_secret, size_t room, struct text *why)
{
    char bytes[SECRET_FILE_MAX + 3]; /* CR, LF, and one that is too many */
    size_t most = room - 1 < SECRET_FILE_MAX ? room - 1 : SECRET_FILE_MAX, len = 0;
    const char *wrong = NULL;
    int fd;
    enum status status = open_private(path, &fd, why);
    if (status != STATUS_OK)
        return status;
    ssize_t n = read_some(fd, bytes, most + 3);
    if (n < 0) {
        text_addf(why, "%s: %s", path, strerror(errno));
        status = STATUS_IO;
    } else {
        status = judge(bytes, (size_t)n, most, &len, &wrong);
    }
    if (wrong != NULL)
        text_addf(why, "%s: %s", path, wrong);
    if (status == STATUS_OK) {
        memcpy(ret_secret, bytes, len);
        ret_secret[len] = '\0';
    }
    explicit_bzero(bytes, sizeof(bytes));
    (void)close(fd);
    return status;
}
