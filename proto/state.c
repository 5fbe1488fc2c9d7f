#include "proto/state.h"

#include "proto/message.h"

#include <string.h>

enum status state_lend_strings(char *ret_lent[], const char *strings, size_t count, size_t room)
{
    for (size_t i = 0; i < count; i++) {
        if (memchr(strings + i * room, 0, room) == NULL)
            return STATUS_LIMIT;
        ret_lent[i] = message_lend(strings + i * room);
    }
    return STATUS_OK;
}

bool state_strings_fit(char *const strings[], size_t count, size_t room)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(strings[i]) >= room)
            return false;
    }
    return true;
}

void state_copy_strings(char *ret_strings, char *const strings[], size_t count, size_t room)
{
    for (size_t i = 0; i < count; i++)
        memcpy(ret_strings + i * room, strings[i], strlen(strings[i]) + 1);
}
