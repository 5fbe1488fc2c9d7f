#ifndef AGGREGATOR_AGGREGATOR_H
#define AGGREGATOR_AGGREGATOR_H

/* The process: merges the deltas of all collectors into sliding windows and publishes rollup ticks
 * (docs/architecture.md). Gives the exit status. */
int aggregator_run(int argc, char **argv);

#endif
