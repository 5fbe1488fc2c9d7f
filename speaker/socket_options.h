#ifndef SPEAKER_SOCKET_OPTIONS_H
#define SPEAKER_SOCKET_OPTIONS_H

#include "common/base/addr.h"
#include "common/base/status.h"

#include <stdbool.h>
#include <sys/socket.h>

/*
 * What the kernel is told of a session's sockets: how far its packets go and how far those may have
 * come that it takes (RFC 5082), which device they use, how urgent they are (CS6, as routers mark
 * BGP), and the password that signs each segment (RFC 2385).
 *
 * What cannot be set is an error: a session without its password or its device would be another
 * one than was asked for.
 */
enum {
    SOCKET_DEVICE_MAX = 16, /* IFNAMSIZ */
    SOCKET_PASSWORD_MAX = 80,
    SOCKET_WHY_MAX = 100
};

struct socket_password {
    uint8_t len; /* 0: none */
    uint8_t bytes[SOCKET_PASSWORD_MAX];
};

struct socket_options {
    uint8_t ttl;                    /* of what we send; 0: the kernel's choice */
    uint8_t ttl_least;              /* of what we take; 0: any */
    char device[SOCKET_DEVICE_MAX]; /* "": none */
    struct socket_password password;
};

bool socket_options_equal(const struct socket_options *a, const struct socket_options *b);
bool socket_password_equal(const struct socket_password *a, const struct socket_password *b);

/* A link-local address needs the device to mean something. */
void socket_address(const struct ip_endpoint *endpoint, const char *device,
                    struct sockaddr_storage *ret_sockaddr);

/* Of a socket that will connect to this address; before it is bound. */
enum status socket_options_connect(int fd, const struct ip_addr *remote,
                                   const struct socket_options *options,
                                   char ret_why[SOCKET_WHY_MAX]);
/* Of one that will listen; before it is bound. */
enum status socket_options_listen(int fd, uint8_t family, const char *device,
                                  char ret_why[SOCKET_WHY_MAX]);
/* Between true and false other sockets may be bound to its address and port that say so, too. */
void socket_options_share(int fd, bool shares);
/* Of one that a listener brought. REFUSED: its SYN came from too far away. */
enum status socket_options_accepted(int fd, uint8_t family, const struct socket_options *options,
                                    char ret_why[SOCKET_WHY_MAX]);
/* Who connects from there must sign with this; a length of 0: nobody need any more. */
enum status socket_options_expect(int fd, const struct ip_prefix *from,
                                  const struct socket_password *password,
                                  char ret_why[SOCKET_WHY_MAX]);

#endif
