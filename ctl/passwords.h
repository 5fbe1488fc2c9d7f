#ifndef CTL_PASSWORDS_H
#define CTL_PASSWORDS_H

#include "common/service/config.h"

/*
 * Makes redis.password_dir/<user>.pw for every user that has none yet, with a password that nobody
 * chose. A folder that is missing is made for its owner alone. The operator's file may be read by
 * the folder's group, so that who may enter the folder may use the `weir` commands; the others'
 * only by their owner. Several may do this at the same time: the first one's file stays.
 *
 * *why says what could not be done. redis.password_dir is not NULL here.
 */
enum status passwords_make(const struct config *config, struct text *why);

#endif
