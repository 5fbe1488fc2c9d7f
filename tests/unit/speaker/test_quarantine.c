#include "speaker/quarantine.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct quarantined entry_of(const char *peer, uint64_t octets)
{
    struct quarantined entry = {.octets = octets, .since_ms = octets};
    (void)snprintf(entry.peer, sizeof(entry.peer), "%s", peer);
    (void)snprintf(entry.mitigation, sizeof(entry.mitigation), "m-%u", (unsigned int)octets);
    return entry;
}

static struct quarantined put(struct quarantine *q, const char *peer, uint64_t octets)
{
    struct quarantined entry = entry_of(peer, octets), gone;
    cr_assert_eq(quarantine_put(q, &entry, &gone), STATUS_OK);
    return gone;
}

Test(quarantine, is_of_one_peer_and_its_octets)
{
    struct quarantine *q = quarantine_new();
    put(q, "mx1", 1);
    put(q, "mx1", 1);
    put(q, "mx2", 2);
    cr_assert_eq(quarantine_count(q, "mx1"), 1);
    cr_assert_str_eq(quarantine_find(q, "mx1", 1)->mitigation, "m-1");
    cr_assert_null(quarantine_find(q, "mx2", 1));
    cr_assert_null(quarantine_find(q, "mx", 1));
    cr_assert(quarantine_drop(q, "mx1", 1));
    cr_assert_not(quarantine_drop(q, "mx1", 1));
    cr_assert_eq(quarantine_count(q, NULL), 1);
    quarantine_free(q);
}

Test(quarantine, at_its_maximum_the_oldest_of_the_peer_with_most_makes_room)
{
    struct quarantine *q = quarantine_new();
    put(q, "other", 1);
    for (uint64_t i = 2; i <= QUARANTINE_MAX; i++)
        cr_assert_eq(put(q, "mx1", i).peer[0], '\0');
    struct quarantined gone = put(q, "new", QUARANTINE_MAX + 1);
    cr_assert_str_eq(gone.peer, "mx1");
    cr_assert_eq(gone.octets, 2);
    cr_assert_eq(put(q, "new", QUARANTINE_MAX + 1).peer[0], '\0', "it is there");
    cr_assert_eq(quarantine_count(q, NULL), QUARANTINE_MAX);
    cr_assert_not_null(quarantine_find(q, "other", 1));
    quarantine_free(q);
}

Test(quarantine, octets_are_those_of_the_route)
{
    const uint8_t a[] = {6, 1, 32, 198, 51, 100, 7}, b[] = {6, 1, 32, 198, 51, 100, 8};
    const uint8_t one[1][8] = {{0x80, 6}}, two[1][8] = {{0x80, 6, 0, 0, 0x44}};
    struct rib_nlri nlri = {.family = BGP_FLOW4, .len = sizeof(a), .bytes = a};
    struct communities c = {.at = one, .count = 1};
    uint64_t first = quarantine_octets(&nlri, &c);
    cr_assert_eq(quarantine_octets(&nlri, &c), first);
    c.at = two;
    cr_assert_neq(quarantine_octets(&nlri, &c), first, "other attributes");
    c = (struct communities){.at = one, .count = 1, .exported = EXPORT_NOT};
    cr_assert_neq(quarantine_octets(&nlri, &c), first, "other NO_EXPORT");
    c.exported = EXPORT_AS_PEER;
    nlri.bytes = b;
    cr_assert_neq(quarantine_octets(&nlri, &c), first, "other NLRI");
    nlri.bytes = a;
    nlri.family = BGP_FLOW6;
    cr_assert_neq(quarantine_octets(&nlri, &c), first, "other family");
}
