#ifndef SPEAKER_BGP_RIB_OUT_MARKS_H
#define SPEAKER_BGP_RIB_OUT_MARKS_H

#include "speaker/bgp/rib_out.h"

/* Messages of an adj-RIB-out that say where it stands instead of a route. */

/* End-of-RIB of the first family that is owed it. */
void rib_out_marks_end(struct rib_out *out, uint8_t *bytes, size_t room,
                       struct rib_out_batch *batch);
/* The first mark goes before what is sent again, the second when all of it has gone. False: neither
 * is due. */
bool rib_out_marks_refresh(struct rib_out *out, uint8_t *bytes, size_t room,
                           struct rib_out_batch *batch);

#endif
