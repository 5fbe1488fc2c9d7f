#include "collector/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status lock_one(struct port_locks *locks, const char *state_dir, uint16_t port)
{
    char path[4096];
    if (locks->count == LOCK_PORTS_MAX)
        return STATUS_LIMIT;
    if (snprintf(path, sizeof(path), "%s/collector-udp-%u.lock", state_dir, port) >=
        (int)sizeof(path))
        return STATUS_RANGE;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return STATUS_IO;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum status status = errno == EWOULDBLOCK ? STATUS_EXISTS : STATUS_IO;
        close(fd);
        return status;
    }
    locks->fds[locks->count++] = fd;
    return STATUS_OK;
}

enum status lock_ports(struct port_locks *ret_locks, const char *state_dir, const uint16_t *ports,
                       size_t count, uint16_t *ret_port)
{
    struct port_locks locks = {.count = 0};
    (void)mkdir(state_dir, 0755); /* what is wrong with it shows when the file is opened */
    for (size_t i = 0; i < count; i++) {
        enum status status = ports[i] == 0 ? STATUS_OK : lock_one(&locks, state_dir, ports[i]);
        if (status != STATUS_OK) {
            *ret_port = ports[i];
            lock_release(&locks);
            return status;
        }
    }
    *ret_locks = locks;
    return STATUS_OK;
}

void lock_release(struct port_locks *locks)
{
    for (size_t i = 0; i < locks->count; i++)
        close(locks->fds[i]);
    locks->count = 0;
}
