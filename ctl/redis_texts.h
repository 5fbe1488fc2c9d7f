#ifndef CTL_REDIS_TEXTS_H
#define CTL_REDIS_TEXTS_H

/* etc/redis/{state,telemetry}.{acl,conf}; made at build. */
extern const char redis_state_acl[], redis_state_conf[];
extern const char redis_telemetry_acl[], redis_telemetry_conf[];

#endif
