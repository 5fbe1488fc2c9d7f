#ifndef CTL_SAMPLE_H
#define CTL_SAMPLE_H

/* etc/weir.yaml without its state_dir and run_dir, which the writer puts in front; made at build.
 */
extern const char sample_yaml[];

#endif
