#include "tests/unit/common/service/bad_config.h"

/* What sessions ask of the speaker and of each other. */

#define AT(listen) "speaker: {router_id: 192.0.2.9, local_as: 1, listen: [" listen "]}\n"
#define ANY AT("\"0.0.0.0:179\"")
#define EACH AT("\"192.0.2.8:179\", \"192.0.2.9:179\"")
#define COMES(name, more)                                                                          \
    "  - {name: " name ", address: 192.0.2.1, remote_as: 1, connect: passive" more "}\n"
#define FILE_A ", password_file: /a"
#define FILE_B ", password_file: /b"
#define PREFIX(name, len, more)                                                                    \
    "  - {name: " name ", address: 192.0.2.0" len ", remote_as: 1, connect: passive" more "}\n"
#define AT_8 ", local_address: 192.0.2.8"
#define AT_9 ", local_address: 192.0.2.9"

static const struct bad bad_callers[] = {
    {ANY "peers:\n" COMES("a", "") COMES("b", ", port: 180"), 4, 5,
     "a peer with address, local_address and device of the one in line 3, expected \"connect: "
     "active\" in one of them"},
    {ANY "peers:\n" COMES("a", AT_8 FILE_A) COMES("b", AT_9 FILE_B), 4, 108,
     "password_file: not that of the peer with the same address in line 3"},
    {ANY "peers:\n" COMES("a", AT_8 FILE_A) COMES("b", AT_9), 4, 5, "password_file: not that of"},
    {EACH "peers:\n" COMES("a", AT_8 FILE_A) COMES("b", ""), 4, 5, "password_file: not that of"},
    {EACH "peers:\n" COMES("a", ", local_address: 192.0.2.7"), 3, 82,
     "a passive peer that can connect to no address of speaker.listen, expected one of the family "
     "of \"address\" that is \"local_address\", or any"},
    {ANY "peers:\n" COMES("a", "") PREFIX("b", "/24", FILE_A), 3, 5,
     "a peer without password_file inside the prefix of line 4, which has one"},
    {ANY "peers:\n" PREFIX("b", "/24", FILE_A) PREFIX("c", "/28", ""), 4, 5,
     "a peer without password_file inside the prefix of line 3, which has one"},
    {AT("\"[::]:179\"") "peers:\n" COMES("a", ""), 3, 5,
     "a passive peer that can connect to no address of speaker.listen"},
};

static const char *const good_callers[] = {
    ANY "peers:\n" COMES("a", AT_8) COMES("b", AT_9),
    ANY "peers:\n" COMES("a", AT_8 FILE_A) COMES("b", AT_9 FILE_A),
    ANY "peers:\n" COMES("a", AT_8) COMES("b", ""),
    EACH "peers:\n" COMES("a", AT_8 FILE_A) COMES("b", AT_9 FILE_B),
    ANY "peers:\n" COMES("a", "") COMES("b", ", device: red" FILE_A),
    ANY
    "peers:\n" COMES("a", FILE_A) "  - {name: b, address: 192.0.2.1, port: 180, remote_as: 1}\n",
    ANY "peers:\n" COMES("a", FILE_A) PREFIX("b", "/24", "") PREFIX("c", "/28", FILE_B),
    ANY "peers:\n" COMES("a", "") PREFIX("b", "/24", FILE_A ", device: red"),
    ANY "peers:\n  - {name: a, address: 192.0.2.1, remote_as: 1}\n" PREFIX("b", "/24", FILE_A),
    EACH "peers: [{name: a, address: 192.0.2.1, remote_as: 1, connect: both" AT_8
         "}, {name: b, address: 192.0.2.1, remote_as: 1, connect: both" AT_9 "}]\n",
};

static void is_good(const char *yaml)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, "t.yaml");
    cr_expect_eq(config_parse(&config, yaml, strlen(yaml), "t.yaml", &errors), STATUS_OK, "%s%s",
                 yaml, text_str(&errors.lines));
    config_free(config);
    config_errors_done(&errors);
}

Test(config_sessions, refuses_what_could_not_be_told_apart_or_never_come)
{
    CHECK(bad_callers);
}

Test(config_sessions, takes_what_is_told_apart)
{
    for (size_t i = 0; i < sizeof(good_callers) / sizeof(good_callers[0]); i++)
        is_good(good_callers[i]);
}

/* So many peers from 192.0.2.1 on, or prefixes from 10.0.0.0/24 on. */
static void refused_after(unsigned int most, bool dynamic, const char *want)
{
    struct config_errors errors;
    for (unsigned int count = most; count <= most + 1; count++) {
        struct config *config = NULL;
        struct text yaml;
        text_init(&yaml, 0);
        text_add(&yaml, ANY "peers:\n");
        for (unsigned int i = 0; i < count; i++)
            text_addf(&yaml, "  - {name: p%u, address: %s%u%s, remote_as: 1, connect: passive}\n",
                      i, dynamic ? "10.0." : "192.0.2.", i + 1, dynamic ? ".0/24" : "");
        config_errors_init(&errors, "t.yaml");
        enum status status = config_parse(&config, text_str(&yaml), yaml.len, "t.yaml", &errors);
        cr_expect_eq(status, count == most ? STATUS_OK : STATUS_MALFORMED, "%s",
                     text_str(&errors.lines));
        cr_expect_str_eq(text_str(&errors.lines), count == most ? "" : want);
        config_free(config);
        config_errors_done(&errors);
        text_done(&yaml);
    }
}

Test(config_sessions, refuses_one_peer_more_than_a_speaker_has_room_for)
{
    refused_after(
        CONFIG_PEERS_MAX, false,
        "t.yaml:67:5: one peer with an address of its own too many, expected at most 64\n");
    refused_after(CONFIG_PEER_PREFIXES_MAX, true,
                  "t.yaml:67:5: one prefix of neighbours too many, expected at most 64\n");
}
