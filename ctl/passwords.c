#include "ctl/passwords.h"

#include "ctl/up_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PASSWORD_RANDOM_BYTES = 24 };

struct user {
    const char *name;
    mode_t mode;
};

static const struct user users[] = {{"collector", 0600}, {"aggregator", 0600}, {"policy", 0600},
                                    {"speaker", 0600},   {"operator", 0640},   {"admin", 0600}};

static bool write_random(int fd)
{
    uint8_t random[PASSWORD_RANDOM_BYTES];
    struct text line;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return false;
    text_init(&line, 0);
    text_add_hex(&line, random, sizeof(random));
    text_add(&line, "\n");
    bool written =
        !line.failed && write(fd, line.at, line.len) == (ssize_t)line.len && fsync(fd) == 0;
    if (line.at != NULL)
        explicit_bzero(line.at, line.len);
    text_done(&line);
    explicit_bzero(random, sizeof(random));
    return written;
}

/* Under a name of this process first, so that nobody ever reads half a password; link() then
 * leaves alone what another has made meanwhile. */
static enum status make_one(const char *folder, const struct user *user)
{
    char path[UP_PATH_MAX], mine[UP_PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/%s.pw", folder, user->name) >= (int)sizeof(path) ||
        snprintf(mine, sizeof(mine), "%s/.%s.%ld", folder, user->name, (long)getpid()) >=
            (int)sizeof(mine))
        return STATUS_LIMIT;
    if (access(path, F_OK) == 0)
        return STATUS_OK;
    int fd = open(mine, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, user->mode);
    if (fd < 0)
        return STATUS_IO;
    /* Whatever the umask is. */
    bool made = fchmod(fd, user->mode) == 0 && write_random(fd);
    (void)close(fd);
    made = made && (link(mine, path) == 0 || errno == EEXIST);
    int saved = errno;
    (void)unlink(mine);
    errno = saved;
    return made ? STATUS_OK : STATUS_IO;
}

enum status passwords_make(const struct config *config, struct text *why)
{
    const char *folder = config->redis.password_dir;
    enum status s = access(folder, F_OK) == 0 ? STATUS_OK : up_make_folder(folder);
    for (size_t i = 0; s == STATUS_OK && i < sizeof(users) / sizeof(users[0]); i++)
        s = make_one(folder, &users[i]);
    if (s != STATUS_OK)
        text_addf(why, "cannot make passwords in redis.password_dir %s: %s", folder,
                  s == STATUS_IO ? strerror(errno) : status_text(s));
    return s;
}
