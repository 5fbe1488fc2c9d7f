#ifndef SPEAKER_BGP_RIB_OUT_INTERNAL_H
#define SPEAKER_BGP_RIB_OUT_INTERNAL_H

#include "speaker/bgp/rib_out_suspects.h"

/* What rib_out.c and rib_out_suspects.c share. */

/* Into its queue, and out of any other. The NLRI is held by somebody. */
void rib_out_enqueue(struct rib_out *out, uint32_t nlri);

/* The peer was sent it, or its withdrawal. */
void rib_out_suspects_sent(struct rib_out *out, uint32_t nlri);
/* It is wanted otherwise, or no more. */
void rib_out_suspects_forget(struct rib_out *out, uint32_t nlri);
void rib_out_suspects_down(struct rib_out *out);
void rib_out_suspects_done(struct rib_out *out);
size_t rib_out_suspects_bytes(const struct rib_out *out);

#endif
