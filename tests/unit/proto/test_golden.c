#include "tests/unit/proto/golden_nouns.h"

#include <stdio.h>

/*
 * Bytes that never change: each golden noun is encoded to exactly the bytes of its file, and those
 * bytes are decoded to exactly the noun. With WEIR_GOLDEN=write in the environment the files are
 * written instead; tests/vectors/proto/README.md says when that is right.
 */

enum { GOLDEN_MAX = 8192, OCTETS_A_LINE = 32 };

static const char *path_of(const char *name)
{
    static char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/vectors/proto/%s.hex", WEIR_SOURCE_DIR, name);
    return path;
}

static void write_file(const char *name, const struct text *bytes)
{
    FILE *file = fopen(path_of(name), "w");
    cr_assert_not_null(file);
    for (size_t i = 0; i < bytes->len; i++)
        (void)fprintf(file, "%02x%s", (unsigned char)bytes->at[i],
                      i + 1 == bytes->len || i % OCTETS_A_LINE == OCTETS_A_LINE - 1 ? "\n" : "");
    cr_assert_eq(fclose(file), 0);
}

static size_t read_file(const char *name, uint8_t ret_bytes[GOLDEN_MAX])
{
    char line[2 * OCTETS_A_LINE + 2];
    size_t len = 0, piece = 0;
    FILE *file = fopen(path_of(name), "r");
    cr_assert_not_null(file, "%s is missing", path_of(name));
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        cr_assert_eq(text_parse_hex(ret_bytes + len, GOLDEN_MAX - len, &piece, line), STATUS_OK);
        len += piece;
    }
    (void)fclose(file);
    return len;
}

/* The golden bytes, after comparing what encode gave with them. */
static size_t golden_bytes(const char *name, struct text *encoded, uint8_t ret_bytes[GOLDEN_MAX])
{
    const char *mode = getenv("WEIR_GOLDEN");
    if (mode != NULL && strcmp(mode, "write") == 0)
        write_file(name, encoded);
    size_t len = read_file(name, ret_bytes);
    cr_assert_eq(encoded->len, len, "%s: %d octets, the file has %d", name, (int)encoded->len,
                 (int)len);
    cr_assert_arr_eq(encoded->at, ret_bytes, len, "%s: bytes differ from the file", name);
    text_done(encoded);
    return len;
}

#define GOLDEN(noun, name, equal, done)                                                            \
    static struct noun name##_made, name##_read;                                                   \
    Test(golden, name)                                                                             \
    {                                                                                              \
        uint8_t bytes[GOLDEN_MAX];                                                                 \
        struct text encoded;                                                                       \
        text_init(&encoded, 0);                                                                    \
        golden_##name(&name##_made);                                                               \
        cr_assert_eq(noun##_encode(&name##_made, &encoded), STATUS_OK);                            \
        size_t len = golden_bytes(#name, &encoded, bytes);                                         \
        cr_assert_eq(noun##_decode(&name##_read, bytes, len), STATUS_OK);                          \
        cr_assert(equal);                                                                          \
        done;                                                                                      \
    }

/* The batch and the tick are named after their messages. */
#define delta_batch_encode delta_encode
#define delta_batch_decode delta_decode
#define rollup_tick_encode rollup_encode
#define rollup_tick_decode rollup_decode

GOLDEN(delta_batch, delta_batch, delta_equal(&delta_batch_made, &delta_batch_read),
       delta_done(&delta_batch_read))
GOLDEN(rollup_tick, rollup_tick, rollup_equal(&rollup_tick_made, &rollup_tick_read),
       rollup_done(&rollup_tick_read))
GOLDEN(alarm, alarm, alarm_equal(&alarm_made, &alarm_read), alarm_done(&alarm_read))
GOLDEN(mitigation, mitigation, mitigation_equal(&mitigation_made, &mitigation_read),
       mitigation_done(&mitigation_read))
GOLDEN(job, job, memcmp(&job_made, &job_read, sizeof(job_made)) == 0, (void)0)
GOLDEN(job_result, job_result,
       memcmp(&job_result_made, &job_result_read, sizeof(job_result_made)) == 0, (void)0)
GOLDEN(request, request, memcmp(&request_made, &request_read, sizeof(request_made)) == 0, (void)0)
GOLDEN(reply, reply, memcmp(&reply_made, &reply_read, sizeof(reply_made)) == 0, (void)0)
GOLDEN(recall_request, recall_request,
       memcmp(&recall_request_made, &recall_request_read, sizeof(recall_request_made)) == 0,
       (void)0)
GOLDEN(recall_reply, recall_reply, recall_reply_equal(&recall_reply_made, &recall_reply_read),
       recall_reply_done(&recall_reply_read))
