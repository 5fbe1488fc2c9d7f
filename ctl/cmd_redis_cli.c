#include "ctl/commands.h"
#include "ctl/redis_acl.h"
#include "ctl/session.h"

#include "common/service/credentials.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLI_ARGS_MAX = 1024, CLI_HOST_MAX = 256 };

/* -s PATH, or -h HOST -p PORT of "host:port" and "[::1]:6379". */
static void add_address(const char **args, size_t *count, const char *address,
                        char host[CLI_HOST_MAX])
{
    const char *port = strrchr(address, ':');
    size_t skip = address[0] == '[', len = (size_t)(port - address) - 2 * skip;
    if (strncmp(address, "unix:", 5) == 0) {
        args[(*count)++] = "-s";
        args[(*count)++] = address + 5;
        return;
    }
    (void)snprintf(host, CLI_HOST_MAX, "%.*s", (int)len, address + skip);
    args[(*count)++] = "-h";
    args[(*count)++] = host;
    args[(*count)++] = "-p";
    args[(*count)++] = port + 1;
}

static int become_redis_cli(const struct command_context *context, const struct config *config,
                            const char *user, char **argv, size_t argc)
{
    const char *args[CLI_ARGS_MAX + 16] = {"redis-cli"};
    char host[CLI_HOST_MAX];
    size_t count = 1;
    bool is_state = false;
    const struct config_redis_server *server = redis_acl_server(config, argv[0], &is_state);
    if (server == NULL)
        return command_failed(context,
                              "no Redis server is called %s in the configuration, expected state, "
                              "telemetry or the name of a telemetry server",
                              argv[0]);
    struct credentials who = {0};
    struct text why;
    text_init(&why, 0);
    if (credentials_read(&who, config, user, &why) != STATUS_OK)
        return command_failed(context, "%s", text_str(&why));
    add_address(args, &count, server->address, host);
    if (who.user != NULL) {
        args[count++] = "--user";
        args[count++] = who.user;
        /* Not an argument: those can be read by everybody on the machine. */
        (void)setenv("REDISCLI_AUTH", who.password, 1);
    }
    for (size_t i = 1; i < argc; i++)
        args[count++] = argv[i];
    (void)execvp(args[0], (char *const *)(uintptr_t)args);
    return command_failed(context, "cannot start redis-cli: %s", strerror(errno));
}

int redis_cli_run(const struct command_context *context, int argc, char **argv)
{
    /* What follows the server's name is redis-cli's, options too. */
    bool is_admin = argc > 1 && strcmp(argv[1], "--admin") == 0;
    argc -= 1 + is_admin;
    argv += 1 + is_admin;
    if (argc < 1 || argc > CLI_ARGS_MAX || argv[0][0] == '-')
        return command_usage_error(context, "expected a Redis server: state or telemetry");
    struct config *config = session_config(context, false);
    if (config == NULL)
        return EXIT_FAILED;
    int result =
        become_redis_cli(context, config, is_admin ? "admin" : "operator", argv, (size_t)argc);
    config_free(config);
    return result;
}
