#include "common/service/process.h"
#include "speaker/speaker.h"

int main(int argc, char **argv)
{
    static struct speaker speaker;
    struct process_hooks hooks = speaker_hooks(&speaker);
    return process_run(argc, argv, &hooks);
}
