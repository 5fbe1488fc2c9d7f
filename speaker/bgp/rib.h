#ifndef SPEAKER_BGP_RIB_H
#define SPEAKER_BGP_RIB_H

#include "common/base/communities.h"
#include "speaker/bgp/message.h"

/*
 * Every NLRI and every set of attributes in use, each stored once and known by a small number, so
 * that what is kept per peer is only numbers (rib_out.h). Numbers start at 1; 0 is none. They are
 * counted: who stores a number holds it, and it may be given to something else after the last
 * release.
 *
 * A route is an NLRI with attributes. Nearly always there is one of an NLRI, and never are there
 * more than peers can want and have, so among those of its NLRI a route is known by a number of one
 * octet: that is what is kept per peer. Those of equal attributes make a ring, in which the others
 * that may share a message are found without a search.
 */
struct rib;

struct rib_nlri {
    enum bgp_family family;
    size_t len;
    const uint8_t *bytes; /* with its length, as the wire has it */
};

struct rib_route {
    uint32_t nlri;
    uint8_t number; /* among the routes of the NLRI; 0: none */
};

/* Of one NLRI: what 64 peers want and have, were it of no two the same, and some room. A number of
 * an NLRI and one of a route share 32 bits. */
enum { RIB_ROUTES_MAX = 160, RIB_NLRI_MAX = (1 << 24) - 2 };

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

/* Holds the NLRI and the attributes, too, while anybody holds it. LIMIT: the NLRI has
 * RIB_ROUTES_MAX; NO_MEMORY. */
enum status rib_hold_route(struct rib *rib, uint32_t nlri, uint32_t attributes,
                           uint8_t *ret_number);
void rib_hold_route_again(struct rib *rib, struct rib_route route);
void rib_release_route(struct rib *rib, struct rib_route route);
uint32_t rib_route_attributes(const struct rib *rib, struct rib_route route);
/* The next in the ring of its attributes; itself where it is alone. Those that came one after the
 * other lie so. */
struct rib_route rib_route_after(const struct rib *rib, struct rib_route route);

/* Routes with these attributes guard others: a peer is sent them before those of other attributes,
 * and they are withdrawn after them. Said before the first rib_out_want() of the number. */
void rib_set_guarding(struct rib *rib, uint32_t id);
bool rib_is_guarding(const struct rib *rib, uint32_t id);

struct rib_nlri rib_nlri(const struct rib *rib, uint32_t id);
struct communities rib_attributes(const struct rib *rib, uint32_t id);

#endif
