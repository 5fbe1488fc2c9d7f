#include "proto/alarm.h"
#include "proto/recall.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void drop_field(void *owner, const char *name, const char *value)
{
    assert(name[0] != '\0' && value != NULL);
    *(size_t *)owner += 1;
}

/* What was read can be written, is read again, and is then written as the same bytes. */
#define TRY(noun, done)                                                                            \
    {                                                                                              \
        static struct noun read, again;                                                            \
        struct text written, twice;                                                                \
        if (noun##_decode(&read, bytes, len) != STATUS_OK)                                         \
            return 0;                                                                              \
        text_init(&written, 0);                                                                    \
        text_init(&twice, 0);                                                                      \
        assert(noun##_encode(&read, &written) == STATUS_OK);                                       \
        assert(noun##_decode(&again, (const uint8_t *)text_str(&written), written.len) ==          \
               STATUS_OK);                                                                         \
        assert(noun##_encode(&again, &twice) == STATUS_OK);                                        \
        assert(written.len == twice.len &&                                                         \
               memcmp(text_str(&written), text_str(&twice), twice.len) == 0);                      \
        done;                                                                                      \
        text_done(&written);                                                                       \
        text_done(&twice);                                                                         \
        break;                                                                                     \
    }

/* The first octet chooses the noun. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    size_t fields = 0;
    if (len == 0)
        return 0;
    unsigned int choice = bytes[0] % 8;
    bytes++;
    len--;
    switch (choice) {
    case 0:
        TRY(alarm, alarm_plain_fields(&read, drop_field, &fields); alarm_done(&read);
            alarm_done(&again))
    case 1:
        TRY(mitigation, mitigation_plain_fields(&read, drop_field, &fields); mitigation_done(&read);
            mitigation_done(&again))
    case 2:
        TRY(job, job_plain_fields(&read, drop_field, &fields))
    case 3:
        TRY(job_result, job_result_plain_fields(&read, drop_field, &fields))
    case 4:
        TRY(request, (void)fields)
    case 5:
        TRY(reply, (void)fields)
    case 6:
        TRY(recall_request, (void)fields)
    default:
        TRY(recall_reply, recall_reply_done(&read); recall_reply_done(&again))
    }
    return 0;
}
