#include "speaker/bgp/notification.h"

#include "common/base/text.h"

#include <stdio.h>
#include <string.h>

enum { REASON_AT = 2 }; /* of a hard reset: behind the real code and subcode */

static bool has_text(const struct bgp_error *error)
{
    return error->code == BGP_ERROR_CEASE &&
           (error->subcode == BGP_CEASE_SHUTDOWN || error->subcode == BGP_CEASE_RESET);
}

struct bgp_error notification_cease(uint8_t subcode, const char *text)
{
    struct bgp_error error = message_error(BGP_ERROR_CEASE, subcode, NULL, 0);
    char shown[NOTIFICATION_TEXT_MAX + 1];
    if (text == NULL || !has_text(&error))
        return error;
    text_copy(shown, sizeof(shown), text);
    error.data[0] = (uint8_t)strlen(shown);
    memcpy(error.data + 1, shown, error.data[0]);
    error.data_len = (uint16_t)(1 + error.data[0]);
    return error;
}

struct bgp_error notification_harden(const struct bgp_error *reason)
{
    struct bgp_error error = {.code = BGP_ERROR_CEASE, .subcode = BGP_CEASE_HARD_RESET};
    bool fits = reason->data_len <= BGP_ERROR_DATA_MAX - REASON_AT;
    error.data[0] = reason->code;
    error.data[1] = reason->subcode;
    if (fits)
        memcpy(error.data + REASON_AT, reason->data, reason->data_len);
    error.data_len = (uint16_t)(REASON_AT + (fits ? reason->data_len : 0));
    return error;
}

/* What would make a line or a quoted text look like another one. */
static bool is_harmful(uint32_t c)
{
    bool control = c < 0x20 || (c >= 0x7f && c < 0xa0);
    bool separator = c == 0x2028 || c == 0x2029;
    bool direction = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
    return control || separator || direction || c == '"' || c == '\'' || c == '\\';
}

static void make_harmless(const uint8_t *bytes, size_t len, char ret_text[])
{
    char given[NOTIFICATION_TEXT_MAX + 1];
    size_t at = 0, out = 0;
    memcpy(given, bytes, len);
    given[len] = '\0'; /* a character that the text's end cuts ends here */
    while (at < len) {
        uint32_t c;
        size_t n = text_utf8_len(given + at, &c);
        bool good = n > 0 && !is_harmful(c);
        if (good)
            memcpy(ret_text + out, given + at, n);
        else
            ret_text[out] = '?';
        out += good ? n : 1;
        at += n > 0 ? n : 1;
    }
    ret_text[out] = '\0';
}

/* "" where there is none, or its length is not what came (RFC 9003, 2: then there is no text). */
static void read_text(const struct bgp_error *error, char ret_text[NOTIFICATION_TEXT_MAX + 1])
{
    ret_text[0] = '\0';
    if (has_text(error) && error->data_len > 0 && error->data[0] == error->data_len - 1)
        make_harmless(error->data + 1, error->data[0], ret_text);
}

static size_t add(char words[NOTIFICATION_WORDS_MAX], size_t at, const struct bgp_error *error)
{
    char text[NOTIFICATION_TEXT_MAX + 1];
    read_text(error, text);
    int n = snprintf(words + at, NOTIFICATION_WORDS_MAX - at, "%s%s%s%s",
                     message_error_text(error->code, error->subcode),
                     text[0] != '\0' ? ", saying '" : "", text, text[0] != '\0' ? "'" : "");
    return at + (size_t)n;
}

void notification_format(const struct bgp_error *error, char ret_words[NOTIFICATION_WORDS_MAX])
{
    size_t at = add(ret_words, 0, error);
    bool hard = error->code == BGP_ERROR_CEASE && error->subcode == BGP_CEASE_HARD_RESET;
    if (!hard || error->data_len < REASON_AT)
        return;
    struct bgp_error reason = message_error(error->data[0], error->data[1], error->data + REASON_AT,
                                            (size_t)error->data_len - REASON_AT);
    at += (size_t)snprintf(ret_words + at, NOTIFICATION_WORDS_MAX - at, " of ");
    (void)add(ret_words, at, &reason);
}
