#include "common/service/process.h"
#include "speaker/speaker.h"

#include <string.h>

/* --exabgp FILE is --config FILE for ExaBGP's process. */
static bool take_exabgp(int argc, char **argv)
{
    static char config[] = "--config";
    bool found = false;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--exabgp") == 0) {
            argv[i] = config;
            found = true;
        }
    return found;
}

int main(int argc, char **argv)
{
    static struct speaker speaker;
    speaker.by_exabgp = take_exabgp(argc, argv);
    struct process_hooks hooks = speaker_hooks(&speaker);
    return process_run(argc, argv, &hooks);
}
