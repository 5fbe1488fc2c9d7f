#ifndef COMMON_SERVICE_NOTIFY_H
#define COMMON_SERVICE_NOTIFY_H

/* The sd_notify protocol: one datagram to $NOTIFY_SOCKET; nothing where it is not set. */
void notify_send(const char *state); /* "READY=1", "STOPPING=1", "RELOADING=1", "STATUS=…" */

#endif
