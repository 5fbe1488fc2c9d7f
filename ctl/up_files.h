#ifndef CTL_UP_FILES_H
#define CTL_UP_FILES_H

#include "common/service/config.h"

#include <stdbool.h>
#include <stddef.h>

/* What `weir up` puts on disk: folders, its lock, the sample configuration, the servers' own files.
 */

enum { UP_PATH_MAX = 4096 };

/* Makes the folder and what leads to it, for its owner only. REFUSED: it is somebody else's. */
enum status up_make_folder(const char *path);

/* Why it did not, errno being what it left. */
const char *up_folder_why(enum status made);

/* Holds state_dir/weir-up.lock for as long as this process or a child of it lives. REFUSED: another
 * holds it, whose pid goes into *ret_holder (0: not known). */
enum status up_lock(const char *state_dir, int *ret_fd, long *ret_holder);

/* Whether that process still runs: one that was killed and not waited for yet has a pid, but no
 * more. */
bool up_holder_lives(long pid);

/* A folder for sockets whose paths stay under the kernel's 107 octets: state_dir/run, or where that
 * is too long one under /tmp named after the user and the state folder. */
void up_run_dir(const char *state_dir, char ret_path[UP_PATH_MAX]);

/* Removes run_dir, empty as it then is, where it is the one under /tmp. */
void up_run_dir_remove(const struct config *config);

/* Writes the sample weir.yaml into state_dir unless one is there; gives its path. */
enum status up_sample(const char *state_dir, char ret_path[UP_PATH_MAX], bool *ret_new);

/* The whole text or nothing, for its owner only. */
enum status up_write_file(const char *path, const char *text);

/* Writes redis-NAME.conf for one server and gives its path; and where there are passwords, its ACL
 * file. UNSUPPORTED: not a Unix socket, so not ours to start. *why: of what goes into the ACL file.
 */
enum status up_redis_conf(const struct config *config, const struct config_redis_server *server,
                          bool is_state, char ret_path[UP_PATH_MAX], struct text *why);

/* In the folder of this program, where its companions are too. */
bool up_program_path(const char *name, char ret_path[UP_PATH_MAX]);
const char *up_redis_server_path(void); /* NULL: there is none */

/* Does a server listen on this Unix socket? A redis-server that starts would take its name away
 * from it without a word. */
bool up_socket_is_taken(const char *path);

#endif
