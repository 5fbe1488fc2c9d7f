#ifndef FLOWSPEC_COMMUNITIES_H
#define FLOWSPEC_COMMUNITIES_H

/*
 * Types and subtypes of the actions' extended communities (RFC 8955, 7; RFC 8956, 6.1;
 * draft-ietf-idr-flowspec-redirect-ip; draft-simpson-idr-flowspec-redirect for 0x0800), and the
 * bits in their last octets.
 */
enum {
    COMMUNITY_TO_IP = 0x010c,
    COMMUNITY_TO_NEXT_HOP = 0x0800,
    COMMUNITY_RATE = 0x8006,
    COMMUNITY_ACTION = 0x8007,
    COMMUNITY_REDIRECT_AS2 = 0x8008,
    COMMUNITY_MARK = 0x8009,
    COMMUNITY_RATE_PACKETS = 0x800c,
    COMMUNITY_REDIRECT_IP4 = 0x8108,
    COMMUNITY_REDIRECT_AS4 = 0x8208,
    COMMUNITY6_TO_IP = 0x000c,
    COMMUNITY6_REDIRECT = 0x000d,
    ACTION_TERMINAL = 0x01,
    ACTION_SAMPLE = 0x02,
    COMMUNITY_COPY = 0x01
};

#endif
