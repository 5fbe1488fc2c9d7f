#include "collector/decode/decode.h"
#include "ctl/archive_read.h"
#include "ctl/capture.h"
#include "ctl/fields_show.h"
#include "ctl/flow_show.h"
#include "ctl/post_fields.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A stranger's file of IPFIX messages through all that `weir decode --all-fields` does with it: as
 * one of our archive too, which it may say to be. */
struct run {
    struct decode *decode;
    struct element_names *names;
    struct archive_read archive;
    struct text out, post;
};

static void on_fields(void *owner, const struct decode_fields *fields)
{
    struct run *run = owner;
    archive_read_fields(&run->archive, fields);
    if (fields->options)
        fields_learn(run->names, fields);
    text_clear(&run->post);
    post_fields_show(fields, &run->post);
    text_clear(&run->out);
    fields_show(run->names, fields, &run->out);
    for (size_t i = 0; i < run->out.len; i++)
        assert((uint8_t)run->out.at[i] >= 0x20 && run->out.at[i] != 0x7f);
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct run *run = owner;
    struct flow_record shown = *flow;
    struct ip_addr exporter = {0};
    archive_read_restore(&run->archive, &shown, &exporter);
    text_clear(&run->out);
    flow_show_json(&shown, &exporter, text_str(&run->post), NULL, &run->out);
    flow_show_text(&shown, &exporter, "{}", &run->out);
    assert(shown.format < FORMAT_COUNT && shown.sampling_source <= SAMPLING_DEFAULT);
}

static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct run *run = owner;
    struct decode_source source = {.addr = datagram->from.addr};
    struct decode_sink sink = {.on_record = on_record, .on_fields = on_fields, .owner = run};
    (void)decode_datagram(run->decode, &source, datagram->bytes, datagram->len, 1, &sink);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[32];
    struct capture_counts counts;
    struct text why;
    static struct element_names *names; /* its model is dear to make */
    if (names == NULL)
        names = element_names_new();
    struct run run = {.decode = decode_new(&(struct decode_limits){.held_bytes = 4096}, 1),
                      .names = names};
    int fd = memfd_create("messages", 0);
    assert(run.decode != NULL && run.names != NULL && fd >= 0);
    text_init(&run.out, 0);
    text_init(&run.post, 0);
    text_init(&why, 0);
    if (len > 0 && bytes[0] == 0 && write(fd, bytes, len) == (ssize_t)len) {
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        (void)capture_read(path, on_datagram, &run, &counts, &why);
    }
    close(fd);
    decode_free(run.decode);
    text_done(&run.out);
    text_done(&run.post);
    text_done(&why);
    return 0;
}
