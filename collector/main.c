#include "collector/collector.h"

int main(int argc, char **argv)
{
    return collector_run(argc, argv);
}
