#ifndef SPEAKER_BGP_RIB_H
#define SPEAKER_BGP_RIB_H

#include "common/base/communities.h"
#include "speaker/bgp/message.h"

/*
 * Every NLRI and every set of attributes in use, each stored once and known by a small number, so
 * that what is kept per peer is only numbers (rib_out.h). Numbers start at 1; 0 is none. They are
 * counted: who stores a number holds it, and it may be given to something else after the last
 * release.
 */
struct rib;

struct rib_nlri {
    enum bgp_family family;
    size_t len;
    const uint8_t *bytes; /* with its length, as the wire has it */
};

struct rib *rib_new(size_t nlri_max); /* NULL: out of memory */
void rib_free(struct rib *rib);
size_t rib_nlri_count(const struct rib *rib);
/* Numbers that are or were given are below this. */
uint32_t rib_nlri_bound(const struct rib *rib);

/* LIMIT: nlri_max are in use; NO_MEMORY. */
enum status rib_hold_nlri(struct rib *rib, enum bgp_family family, const uint8_t *bytes, size_t len,
                          uint32_t *ret_id);
/* LIMIT: more communities of a kind than these. */
enum {
    RIB_COMMUNITIES_MAX = 64,
    RIB_COMMUNITIES6_MAX = 4,
    RIB_STANDARD_MAX = 32,
    RIB_LARGE_MAX = 16
};
enum status rib_hold_attributes(struct rib *rib, const struct communities *communities,
                                uint32_t *ret_id);
void rib_hold_nlri_again(struct rib *rib, uint32_t id);
void rib_hold_attributes_again(struct rib *rib, uint32_t id);
void rib_release_nlri(struct rib *rib, uint32_t id);
void rib_release_attributes(struct rib *rib, uint32_t id);

/* Routes with these attributes guard others: a peer is sent them before those of other attributes,
 * and they are withdrawn after them. Said before the first rib_out_want() of the number. */
void rib_set_guarding(struct rib *rib, uint32_t id);
bool rib_is_guarding(const struct rib *rib, uint32_t id);

struct rib_nlri rib_nlri(const struct rib *rib, uint32_t id);
struct communities rib_attributes(const struct rib *rib, uint32_t id);

#endif
