#include "speaker/bgp/rib_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static uint32_t packed(struct rib_route route)
{
    return route.nlri << 8 | route.number;
}

static struct rib_route unpacked(uint32_t value)
{
    return (struct rib_route){.nlri = value >> 8, .number = (uint8_t)value};
}

/* NULL: there is no such place. */
static struct route *place_of(const struct rib *rib, struct rib_route at)
{
    struct routes *routes = at.nlri < rib->route_room ? &rib->routes[at.nlri] : NULL;
    if (routes == NULL || at.number == 0)
        return NULL;
    if (at.number == 1)
        return &routes->first;
    size_t other = at.number - 2U;
    return routes->more != NULL && other < routes->more->count ? &routes->more->at[other] : NULL;
}

static struct route *route_of(const struct rib *rib, struct rib_route at)
{
    struct route *route = place_of(rib, at);
    assert(route != NULL && route->refs > 0);
    return route;
}

static enum status make_route_room(struct rib *rib, uint32_t nlri, uint32_t attributes)
{
    if (nlri >= rib->route_room) {
        size_t room = rib_more_room(rib->route_room, nlri + 1);
        struct routes *routes = realloc(rib->routes, room * sizeof(*routes));
        if (routes == NULL)
            return STATUS_NO_MEMORY;
        memset(routes + rib->route_room, 0, (room - rib->route_room) * sizeof(*routes));
        rib->routes = routes;
        rib->route_room = room;
    }
    if (attributes >= rib->ring_room) {
        size_t room = rib_more_room(rib->ring_room, attributes + 1);
        uint32_t *rings = realloc(rib->rings, room * sizeof(*rings));
        if (rings == NULL)
            return STATUS_NO_MEMORY;
        memset(rings + rib->ring_room, 0, (room - rib->ring_room) * sizeof(*rings));
        rib->rings = rings;
        rib->ring_room = room;
    }
    return STATUS_OK;
}

static enum status add_place(struct routes *routes)
{
    size_t count = routes->more != NULL ? routes->more->count : 0;
    if (count + 1 == RIB_ROUTES_MAX)
        return STATUS_LIMIT;
    struct more_routes *more =
        realloc(routes->more, sizeof(*more) + (count + 1) * sizeof(more->at[0]));
    if (more == NULL)
        return STATUS_NO_MEMORY;
    more->at[count] = (struct route){0};
    more->count = count + 1;
    routes->more = more;
    return STATUS_OK;
}

/* At the ring's end, which is before its beginning. */
static void enter_ring(struct rib *rib, struct rib_route at)
{
    struct route *route = route_of(rib, at);
    uint32_t *first = &rib->rings[route->attributes];
    if (*first == 0) {
        *first = route->before = route->after = packed(at);
        return;
    }
    struct route *head = route_of(rib, unpacked(*first));
    route->after = *first;
    route->before = head->before;
    route_of(rib, unpacked(head->before))->after = packed(at);
    head->before = packed(at);
}

static void leave_ring(struct rib *rib, struct rib_route at)
{
    const struct route *route = route_of(rib, at);
    uint32_t *first = &rib->rings[route->attributes];
    if (route->after == packed(at)) {
        *first = 0;
        return;
    }
    route_of(rib, unpacked(route->before))->after = route->after;
    route_of(rib, unpacked(route->after))->before = route->before;
    if (*first == packed(at))
        *first = route->after;
}

enum status rib_hold_route(struct rib *rib, uint32_t nlri, uint32_t attributes, uint8_t *ret_number)
{
    struct rib_route at = {.nlri = nlri, .number = 1}, room = {.nlri = nlri};
    const struct route *place;
    enum status status = make_route_room(rib, nlri, attributes);
    if (status != STATUS_OK)
        return status;
    for (; (place = place_of(rib, at)) != NULL; at.number++) {
        if (place->refs > 0 && place->attributes == attributes) {
            rib_hold_route_again(rib, at);
            *ret_number = at.number;
            return STATUS_OK;
        }
        if (place->refs == 0 && room.number == 0)
            room.number = at.number;
    }
    if (room.number == 0) {
        status = add_place(&rib->routes[nlri]);
        room.number = at.number;
    }
    if (status != STATUS_OK)
        return status;
    rib_hold_nlri_again(rib, nlri);
    rib_hold_attributes_again(rib, attributes);
    *place_of(rib, room) = (struct route){.attributes = attributes, .refs = 1};
    enter_ring(rib, room);
    *ret_number = room.number;
    return STATUS_OK;
}

void rib_hold_route_again(struct rib *rib, struct rib_route route)
{
    route_of(rib, route)->refs++;
}

static void free_more(struct routes *routes)
{
    for (size_t i = 0; i < routes->more->count; i++)
        if (routes->more->at[i].refs > 0)
            return;
    free(routes->more);
    routes->more = NULL;
}

void rib_release_route(struct rib *rib, struct rib_route at)
{
    struct route *route = route_of(rib, at);
    uint32_t attributes = route->attributes;
    if (route->refs > 1) {
        route->refs--;
        return;
    }
    leave_ring(rib, at);
    *route = (struct route){0};
    if (rib->routes[at.nlri].more != NULL)
        free_more(&rib->routes[at.nlri]);
    rib_release_attributes(rib, attributes);
    rib_release_nlri(rib, at.nlri);
}

uint32_t rib_route_attributes(const struct rib *rib, struct rib_route route)
{
    return route_of(rib, route)->attributes;
}

struct rib_route rib_route_after(const struct rib *rib, struct rib_route route)
{
    return unpacked(route_of(rib, route)->after);
}

void rib_routes_done(struct rib *rib)
{
    for (size_t id = 0; id < rib->route_room; id++)
        free(rib->routes[id].more);
    free(rib->routes);
    free(rib->rings);
}
