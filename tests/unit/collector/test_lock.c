#include "collector/lock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-lock-XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    static const uint16_t ports[] = {2055, 6343};
    char path[64];
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/collector-udp-%u.lock", folder, ports[i]);
        unlink(path);
    }
    rmdir(folder);
}

Test(lock, a_second_holder_is_told_which_port, .init = make_folder, .fini = remove_folder)
{
    static const uint16_t ours[] = {6343, 0, 2055}, theirs[] = {2055};
    struct port_locks first, second;
    uint16_t busy = 0;

    cr_assert_eq(lock_ports(&first, folder, ours, 3, &busy), STATUS_OK);
    cr_assert_eq(first.count, 2, "port 0 needs none");
    cr_assert_eq(lock_ports(&second, folder, theirs, 1, &busy), STATUS_EXISTS);
    cr_assert_eq(busy, 2055);
    lock_release(&first);
    cr_assert_eq(lock_ports(&second, folder, theirs, 1, &busy), STATUS_OK);
    lock_release(&second);
}

Test(lock, a_folder_that_cannot_be_is_an_error)
{
    static const uint16_t ports[] = {2055};
    struct port_locks locks;
    uint16_t busy = 0;
    cr_assert_eq(lock_ports(&locks, "/nonexistent/weir", ports, 1, &busy), STATUS_IO);
}
