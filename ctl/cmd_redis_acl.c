#include "ctl/commands.h"
#include "ctl/passwords.h"
#include "ctl/redis_acl.h"
#include "ctl/session.h"
#include "ctl/show.h"
#include "ctl/up_files.h"

#include <errno.h>
#include <string.h>

static int give(const struct command_context *context, const struct config *config,
                const char *name, const char *to)
{
    bool is_state = false;
    const struct config_redis_server *server = redis_acl_server(config, name, &is_state);
    if (server == NULL)
        return command_failed(context, "no Redis server is called %s in the configuration", name);
    struct text acl, why;
    text_init(&acl, 0);
    text_init(&why, 0);
    enum status s = redis_acl_add(&acl, config, is_state, &why);
    int result = EXIT_DONE;
    if (s != STATUS_OK)
        result = command_failed(context, "%s", why.len > 0 ? text_str(&why) : status_text(s));
    else if (to == NULL)
        show_print(stdout, "%s", text_str(&acl));
    else if (up_write_file(to, text_str(&acl)) != STATUS_OK)
        result = command_failed(context, "cannot write %s: %s", to, strerror(errno));
    if (acl.at != NULL)
        explicit_bzero(acl.at, acl.len);
    text_done(&acl);
    text_done(&why);
    return result;
}

int redis_acl_run(const struct command_context *context, int argc, char **argv)
{
    const char *to = NULL;
    bool make = false;
    const struct command_option options[] = {COMMAND_VALUE("--to", to),
                                             COMMAND_FLAG("--make-passwords", make)};
    if (!command_options(context, &argc, argv, options, 2))
        return EXIT_USAGE;
    if (argc != 2)
        return command_usage_error(context, "expected the name of one Redis server");
    struct config *config = session_config(context, false);
    if (config == NULL)
        return EXIT_FAILED;
    int result = EXIT_DONE;
    if (config->redis.password_dir == NULL)
        result = command_failed(context, "redis.password_dir is none: there are no passwords, and "
                                         "so no users to tell apart");
    struct text why;
    text_init(&why, 0);
    if (result == EXIT_DONE && make && passwords_make(config, &why) != STATUS_OK)
        result = command_failed(context, "%s", text_str(&why));
    text_done(&why);
    if (result == EXIT_DONE)
        result = give(context, config, argv[1], to);
    config_free(config);
    return result;
}
