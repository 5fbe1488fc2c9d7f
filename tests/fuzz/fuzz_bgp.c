#include "speaker/bgp/notification.h"
#include "speaker/bgp/open.h"
#include "speaker/bgp/received.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/*
 * What a peer may send, cut into reads: the first octet of the input says how long the reads are,
 * and whether long messages are agreed on. Whole messages must come out the same however the stream
 * was cut.
 */
static void judge(const struct bgp_message *message)
{
    struct bgp_error error;
    struct bgp_open open;
    struct received_update update;
    char words[NOTIFICATION_WORDS_MAX];
    enum bgp_family family;
    switch (message->type) {
    case BGP_OPEN:
        if (open_decode(message, &open, &error) == STATUS_OK) {
            uint8_t bytes[BGP_MESSAGE_MAX];
            size_t len;
            struct bgp_message again;
            assert(open_encode(&open, bytes, sizeof(bytes), &len) == STATUS_OK);
            assert(message_next(bytes, len, &again, &error) == STATUS_OK);
            struct bgp_open reread;
            assert(open_decode(&again, &reread, &error) == STATUS_OK);
            /* Who names families of which none is ours has none; we never say an OPEN like that,
             * and one without a name of any has IPv4 unicast. */
            assert(open.families == 0 || reread.families == open.families);
            assert(reread.as == open.as && reread.graceful.offered == open.graceful.offered &&
                   reread.graceful.families == open.graceful.families);
        } else {
            assert(error.code == BGP_ERROR_OPEN);
        }
        break;
    case BGP_UPDATE:
        for (unsigned int bits = 0; bits < 4; bits++) {
            struct received_session session = {.ibgp = (bits & 1) != 0, .as4 = (bits & 2) != 0};
            if (received_check(message, &session, &update, &error) != STATUS_OK)
                assert(error.code == BGP_ERROR_UPDATE);
            else
                assert((update.treatment == RECEIVED_TAKEN) == (update.mistakes == 0));
        }
        break;
    case BGP_NOTIFICATION:
        message_read_notification(message, &error);
        notification_format(&error, words);
        assert(strlen(words) < sizeof(words));
        error = notification_harden(&error);
        notification_format(&error, words);
        break;
    case BGP_ROUTE_REFRESH:
        (void)message_read_refresh(message, message->body[2] != 0, &family);
        break;
    default:
        break;
    }
}

static size_t feed(const uint8_t *data, size_t size, size_t step, bool extended)
{
    size_t at = 0, messages = 0;
    for (size_t given = step; at < size; given += step) {
        if (given > size)
            given = size;
        struct bgp_message message;
        struct bgp_error error;
        enum status status;
        while ((status = message_next_of(data + at, given - at, extended, &message, &error)) ==
               STATUS_OK) {
            assert(message.len >= BGP_HEADER_LEN && message.len <= given - at);
            judge(&message);
            at += message.len;
            messages++;
        }
        if (status == STATUS_MALFORMED) {
            assert(error.code == BGP_ERROR_HEADER);
            break;
        }
        if (given == size)
            break;
    }
    return messages;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t step = data[0] == 0 ? 1 : data[0];
    bool extended = data[0] % 2 == 1;
    assert(feed(data + 1, size - 1, step, extended) == feed(data + 1, size - 1, size, extended));
    return 0;
}
