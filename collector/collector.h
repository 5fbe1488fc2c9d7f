#ifndef COLLECTOR_COLLECTOR_H
#define COLLECTOR_COLLECTOR_H

/* The collector as a process: sockets, workers, and who it is to the others. main() is one call. */
int collector_run(int argc, char **argv);

#endif
