#include "ctl/up_files.h"

#include "common/base/hash.h"
#include "ctl/redis_acl.h"
#include "ctl/redis_texts.h"
#include "ctl/sample.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* sun_path holds 108 octets with its NUL; the longest name that goes below run_dir is this long. */
enum { SOCKET_PATH_MAX = 107, SOCKET_NAME_MAX = 24 };

enum status up_make_folder(const char *path)
{
    char part[UP_PATH_MAX];
    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
        return STATUS_LIMIT;
    for (char *slash = part + 1;; slash++) {
        if (*slash != '/' && *slash != '\0')
            continue;
        char was = *slash;
        *slash = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return STATUS_IO;
        *slash = was;
        if (was == '\0')
            break;
    }
    struct stat is;
    if (lstat(path, &is) != 0)
        return STATUS_IO;
    if (S_ISLNK(is.st_mode) && is.st_uid != geteuid())
        return STATUS_REFUSED; /* somebody else's link, say in /tmp */
    if (stat(path, &is) != 0)
        return STATUS_IO;
    if (!S_ISDIR(is.st_mode)) {
        errno = ENOTDIR;
        return STATUS_IO;
    }
    return is.st_uid == geteuid() ? STATUS_OK : STATUS_REFUSED;
}

const char *up_folder_why(enum status made)
{
    return made == STATUS_REFUSED
               ? "it belongs to another user: start weir as that user, or with a folder of its own "
                 "(--state-dir; scripts/run: $WEIR_STATE_DIR)"
               : strerror(errno);
}

enum status up_lock(const char *state_dir, int *ret_fd, long *ret_holder)
{
    char path[UP_PATH_MAX];
    *ret_holder = 0;
    if (snprintf(path, sizeof(path), "%s/weir-up.lock", state_dir) >= (int)sizeof(path))
        return STATUS_LIMIT;
    /* The children inherit it: after a kill -9 the folder is free when the last of them has gone.
     */
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (fd < 0)
        return STATUS_IO;
    char pid[32] = "";
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (read(fd, pid, sizeof(pid) - 1) > 0)
            *ret_holder = strtol(pid, NULL, 10);
        (void)close(fd);
        return STATUS_REFUSED;
    }
    int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
        (void)close(fd);
        return STATUS_IO;
    }
    *ret_fd = fd;
    return STATUS_OK;
}

bool up_holder_lives(long pid)
{
    char path[64], line[512];
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
    size_t len = fread(line, 1, sizeof(line) - 1, in);
    (void)fclose(in);
    line[len] = '\0';
    /* pid (name) state: the name may hold anything, also brackets. */
    const char *name_end = strrchr(line, ')');
    return name_end == NULL || name_end[1] == '\0' || strchr("ZX", name_end[2]) == NULL;
}

void up_run_dir(const char *state_dir, char ret_path[UP_PATH_MAX])
{
    int len = snprintf(ret_path, UP_PATH_MAX, "%s/run", state_dir);
    if (len + SOCKET_NAME_MAX <= SOCKET_PATH_MAX)
        return;
    (void)snprintf(ret_path, UP_PATH_MAX, "/tmp/weir-%ld-%08" PRIx64, (long)getuid(),
                   hash_wire(state_dir, strlen(state_dir)) & 0xffffffff);
}

void up_run_dir_remove(const struct config *config)
{
    char ours[UP_PATH_MAX];
    up_run_dir(config->state_dir, ours);
    if (strcmp(ours, config->run_dir) == 0 &&
        strncmp(ours, config->state_dir, strlen(config->state_dir)) != 0)
        (void)rmdir(ours);
}

enum status up_write_file(const char *path, const char *text)
{
    char temporary[UP_PATH_MAX];
    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
        return STATUS_LIMIT;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return STATUS_IO;
    size_t len = strlen(text);
    bool written = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    (void)close(fd);
    if (!written || rename(temporary, path) != 0) {
        (void)unlink(temporary);
        return STATUS_IO;
    }
    return STATUS_OK;
}

enum status up_sample(const char *state_dir, char ret_path[UP_PATH_MAX], bool *ret_new)
{
    char run_dir[UP_PATH_MAX];
    if (snprintf(ret_path, UP_PATH_MAX, "%s/weir.yaml", state_dir) >= UP_PATH_MAX)
        return STATUS_LIMIT;
    *ret_new = access(ret_path, F_OK) != 0;
    if (!*ret_new)
        return STATUS_OK;
    up_run_dir(state_dir, run_dir);
    struct text yaml;
    text_init(&yaml, 0);
    text_add(&yaml, "state_dir: ");
    text_add_json_string(&yaml, state_dir);
    text_add(&yaml, "\nrun_dir: ");
    text_add_json_string(&yaml, run_dir);
    text_addf(&yaml, "\n%s", sample_yaml);
    enum status s = yaml.failed ? STATUS_NO_MEMORY : up_write_file(ret_path, text_str(&yaml));
    text_done(&yaml);
    return s;
}

/* The server's ACL file beside its other files, and the line that names it. */
static enum status add_acl(struct text *conf, const struct config *config, bool is_state,
                           const char *dir, struct text *why)
{
    char path[UP_PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/users.acl", dir) >= (int)sizeof(path))
        return STATUS_LIMIT;
    struct text acl;
    text_init(&acl, 0);
    enum status s = redis_acl_add(&acl, config, is_state, why);
    if (s == STATUS_OK)
        s = up_write_file(path, text_str(&acl));
    text_done(&acl);
    text_addf(conf, "aclfile \"%s\"\n", path);
    return s;
}

enum status up_redis_conf(const struct config *config, const struct config_redis_server *server,
                          bool is_state, char ret_path[UP_PATH_MAX], struct text *why)
{
    static const char scheme[] = "unix:";
    if (strncmp(server->address, scheme, sizeof(scheme) - 1) != 0)
        return STATUS_UNSUPPORTED;
    char dir[UP_PATH_MAX];
    if (snprintf(dir, sizeof(dir), "%s/redis-%s", config->state_dir, server->name) >=
            (int)sizeof(dir) ||
        snprintf(ret_path, UP_PATH_MAX, "%s/redis-%s.conf", config->state_dir, server->name) >=
            UP_PATH_MAX)
        return STATUS_LIMIT;
    enum status s = up_make_folder(dir);
    if (s != STATUS_OK)
        return s;

    struct text conf;
    text_init(&conf, 0);
    text_add(&conf, "# Written by `weir up` at each start; changes here are lost.\n");
    text_add(&conf, is_state ? redis_state_conf : redis_telemetry_conf);
    text_addf(&conf, "unixsocket \"%s\"\nunixsocketperm 700\n",
              server->address + sizeof(scheme) - 1);
    text_addf(&conf, "dir \"%s\"\nlogfile \"%s/redis.log\"\n", dir, dir);
    text_addf(&conf, "maxmemory %" PRIu64 "\n", server->max_memory_bytes);
    if (config->redis.password_dir != NULL)
        s = add_acl(&conf, config, is_state, dir, why);
    if (s == STATUS_OK)
        s = conf.failed ? STATUS_NO_MEMORY : up_write_file(ret_path, text_str(&conf));
    text_done(&conf);
    return s;
}

bool up_program_path(const char *name, char ret_path[UP_PATH_MAX])
{
    char self[UP_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len <= 0)
        return false;
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    return snprintf(ret_path, UP_PATH_MAX, "%s/%s", self, name) < UP_PATH_MAX &&
           access(ret_path, X_OK) == 0;
}

const char *up_redis_server_path(void)
{
    static const char *const places[] = {"/usr/bin/redis-server", "/usr/local/bin/redis-server"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

bool up_socket_is_taken(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return false; /* nobody can listen there */
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool is_taken = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
                    errno == EAGAIN; /* it listens, and its queue is full */
    (void)close(fd);
    return is_taken;
}
