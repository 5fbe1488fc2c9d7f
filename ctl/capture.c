#include "ctl/capture.h"

#include "ctl/pcapng.h"
#include "ctl/reassemble.h"

#include <errno.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>

struct reading {
    capture_on_datagram on_datagram;
    void *owner;
    struct capture_counts *counts;
    struct text *why;
    const char *path;
    struct reassemble *reassemble; /* NULL until a fragment comes */
};

static enum status fail(const struct reading *r, enum status status, const char *what)
{
    text_addf(r->why, "%s: %s", r->path, what);
    return status;
}

/* --- IPFIX files --------------------------------------------------------------------------------
 */

enum { IPFIX_VERSION = 10, IPFIX_HEADER = 16, IPFIX_MESSAGE_MAX = 65535 };

static enum status read_ipfix(const struct reading *r, FILE *file)
{
    static uint8_t message[IPFIX_MESSAGE_MAX];
    uint64_t at = 0;
    for (;;) {
        size_t got = fread(message, 1, IPFIX_HEADER, file);
        if (got == 0 && feof(file) != 0)
            return STATUS_OK;
        struct wire_reader head = wire_reader_of(message, got);
        uint16_t version = wire_u16(&head), len = wire_u16(&head);
        uint64_t export_s = wire_u32(&head);
        if (!head.failed && (version != IPFIX_VERSION || len < IPFIX_HEADER)) {
            text_addf(r->why, "%s: octet %" PRIu64 ": no IPFIX message begins here", r->path, at);
            return STATUS_MALFORMED;
        }
        if (!head.failed && got == IPFIX_HEADER)
            got += fread(message + got, 1, len - got, file);
        if (head.failed || got < len) {
            text_addf(r->why, "%s: octet %" PRIu64 ": the file ends inside a message", r->path, at);
            return STATUS_TRUNCATED;
        }
        struct capture_datagram datagram = {
            .time_us = export_s * 1000000, .bytes = message, .len = len};
        at += len;
        r->counts->frames++;
        r->counts->datagrams++;
        if (!r->on_datagram(r->owner, &datagram))
            return STATUS_OK;
    }
}

/* --- pcap ---------------------------------------------------------------------------------------
 */

/* Whether the fragment makes its datagram whole; *datagram is that one then. */
static bool take_fragment(struct reading *r, struct capture_datagram *datagram,
                          const struct capture_fragment *fragment)
{
    struct wire_reader ip;
    uint32_t parts;
    r->counts->fragments++;
    if (r->reassemble == NULL)
        r->reassemble = reassemble_new();
    if (r->reassemble == NULL || !reassemble_add(r->reassemble, datagram, fragment, &ip, &parts))
        return false;
    r->counts->fragments -= parts;
    r->counts->reassembled++;
    if (capture_udp(ip, datagram) == CAPTURE_DATAGRAM)
        return true;
    r->counts->malformed++;
    return false;
}

/* False: the reader wants no more. */
static bool take_frame(struct reading *r, int link_type, uint64_t time_us, const uint8_t *bytes,
                       size_t len)
{
    struct capture_datagram datagram = {.time_us = time_us};
    struct capture_fragment fragment;
    struct capture_counts *counts = r->counts;
    counts->frames++;
    switch (capture_frame(link_type, bytes, len, &datagram, &fragment)) {
    case CAPTURE_NOT_IP:
        counts->not_ip++;
        return true;
    case CAPTURE_NOT_UDP:
        counts->not_udp++;
        return true;
    case CAPTURE_FRAGMENT:
        if (!take_fragment(r, &datagram, &fragment))
            return true;
        break;
    case CAPTURE_MALFORMED:
        counts->malformed++;
        return true;
    case CAPTURE_CUT:
        counts->cut++;
        break;
    case CAPTURE_DATAGRAM:
        break;
    }
    counts->datagrams++;
    return r->on_datagram(r->owner, &datagram);
}

/* A time before 1970 is as good as none. */
static uint64_t time_of(const struct pcap_pkthdr *head)
{
    if (head->ts.tv_sec <= 0)
        return 0;
    return (uint64_t)head->ts.tv_sec * 1000000 +
           (head->ts.tv_usec > 0 && head->ts.tv_usec < 1000000 ? (uint64_t)head->ts.tv_usec : 0);
}

static void say_unknown_link(const struct reading *r, int link_type)
{
    const char *name = pcap_datalink_val_to_name(link_type);
    text_addf(r->why, "%s: frames of link type %s (%d) are not read", r->path,
              name != NULL ? name : "?", link_type);
}

/* By its first octet, as no more than one can be put back; libpcap has said that it is no capture.
 */
static void hint_unpacking(const struct reading *r, int first)
{
    static const struct {
        int first;
        const char *unpack;
    } packers[] = {{0x1f, "gzip -dc"}, {0xfd, "xz -dc"}, {0x28, "zstd -dc"}, {'B', "bzip2 -dc"}};
    for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++)
        if (packers[i].first == first)
            text_addf(r->why,
                      " (pcap, pcapng and IPFIX are read; if it is packed: %s FILE | weir … -)",
                      packers[i].unpack);
}

static enum status read_pcap(struct reading *r, FILE *file, int first)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    struct pcap_pkthdr *head;
    const u_char *bytes;
    pcap_t *pcap = pcap_fopen_offline(file, error);
    if (pcap == NULL) {
        (void)fclose(file);
        (void)fail(r, STATUS_MALFORMED, error);
        hint_unpacking(r, first);
        return STATUS_MALFORMED;
    }
    int link_type = pcap_datalink(pcap), next = 0;
    if (!capture_link_is_known(link_type)) {
        say_unknown_link(r, link_type);
        pcap_close(pcap);
        return STATUS_UNSUPPORTED;
    }
    bool wanted = true;
    while (wanted && (next = pcap_next_ex(pcap, &head, &bytes)) == 1)
        wanted = take_frame(r, link_type, time_of(head), bytes, head->caplen);
    enum status status = STATUS_OK;
    if (wanted && next == PCAP_ERROR) {
        text_addf(r->why, "%s: after frame %" PRIu64 ": %s", r->path, r->counts->frames,
                  pcap_geterr(pcap));
        status = STATUS_TRUNCATED;
    }
    pcap_close(pcap);
    return status;
}

/* --- pcapng -------------------------------------------------------------------------------------
 */

enum { LINKTYPE_RAW = 101, LINKTYPE_NONE = -1 };

struct several {
    struct reading *reading;
    int unknown_link; /* of the last frame whose link type is not read */
    bool any_known;
};

static bool on_pcapng_frame(void *owner, const struct pcapng_frame *frame)
{
    struct several *several = owner;
    int link_type = frame->link_type == LINKTYPE_RAW ? DLT_RAW : frame->link_type;
    if (capture_link_is_known(link_type))
        several->any_known = true;
    else
        several->unknown_link = link_type; /* its frames are counted as no IP */
    return take_frame(several->reading, link_type, frame->time_us, frame->bytes, frame->len);
}

static enum status read_pcapng(struct reading *r, FILE *file)
{
    struct several several = {.reading = r, .unknown_link = LINKTYPE_NONE};
    struct text why;
    text_init(&why, 0);
    enum status status = pcapng_read(file, on_pcapng_frame, &several, &why);
    (void)fclose(file);
    if (status != STATUS_OK) {
        text_addf(r->why, "%s: after frame %" PRIu64 ": %s", r->path, r->counts->frames,
                  text_str(&why));
    } else if (!several.any_known && several.unknown_link != LINKTYPE_NONE) {
        say_unknown_link(r, several.unknown_link);
        status = STATUS_UNSUPPORTED;
    }
    text_done(&why);
    return status;
}

enum status capture_read(const char *path, capture_on_datagram on_datagram, void *owner,
                         struct capture_counts *ret_counts, struct text *why)
{
    bool is_stdin = strcmp(path, "-") == 0;
    struct reading r = {.on_datagram = on_datagram,
                        .owner = owner,
                        .counts = ret_counts,
                        .why = why,
                        .path = is_stdin ? "standard input" : path};
    *ret_counts = (struct capture_counts){0};
    FILE *file = is_stdin ? stdin : fopen(path, "rbe");
    if (file == NULL)
        return fail(&r, STATUS_IO, strerror(errno));
    errno = 0;
    int first = fgetc(file);
    if (first == EOF) {
        enum status s = errno != 0 ? fail(&r, STATUS_IO, strerror(errno))
                                   : fail(&r, STATUS_TRUNCATED, "the file is empty");
        (void)fclose(file);
        return s;
    }
    (void)ungetc(first, file);
    /* No capture begins with a 0; an IPFIX message does (version 10 in two octets). */
    if (first != 0) {
        enum status s = first == '\n' ? read_pcapng(&r, file) : read_pcap(&r, file, first);
        reassemble_free(r.reassemble);
        return s; /* both have closed the file */
    }
    enum status s = read_ipfix(&r, file);
    (void)fclose(file);
    return s;
}
