#include "speaker/exabgp/answer.h"
#include "speaker/exabgp/asked.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Whatever ExaBGP says in whatever order: no more is taken than was asked. */
static void hear(struct asked *asked, const struct answer *answer)
{
    size_t count;
    if (answer->kind == ANSWER_DONE || answer->kind == ANSWER_ERROR)
        (void)asked_answer(asked, answer->kind == ANSWER_ERROR);
    if (answer->kind != ANSWER_TABLE)
        return;
    (void)asked_table(asked, &count);
    assert(count <= asked->count);
    for (; count > 0; count--)
        assert(!asked_take(asked).question);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct asked asked;
    (void)asked_begin(&asked, (uint16_t)len);
    asked.beginning = len % 2 == 0;
    for (size_t at = 0; at < len;) {
        const uint8_t *end = memchr(bytes + at, '\n', len - at);
        size_t line = end != NULL ? (size_t)(end - bytes) - at : len - at;
        struct answer answer = answer_parse((const char *)bytes + at, line);
        assert(memchr(answer.why, '\0', sizeof(answer.why)) != NULL);
        hear(&asked, &answer);
        struct asked_item item = {.nlri = (uint32_t)at};
        if (asked_room(&asked) > 1)
            asked_put(&asked, &item);
        if (asked_room(&asked) > 0 && at % 3 == 0)
            asked_question(&asked);
        at += line + 1;
    }
    return 0;
}
