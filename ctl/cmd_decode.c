#include "collector/decode/decode.h"
#include "common/base/hash.h"
#include "common/model/model.h"
#include "ctl/archive_read.h"
#include "ctl/capture.h"
#include "ctl/commands.h"
#include "ctl/fields_show.h"
#include "ctl/flow_show.h"
#include "ctl/post_fields.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct decode_run {
    struct decode *decode;
    const struct model *model; /* of --config: sampling rates that the operator says; else NULL */
    struct ip_addr exporter;   /* of the datagram at hand */
    bool as_text, holds_back, all_fields;
    struct text line, fields, post;
    struct element_names *names; /* with --all-fields; else NULL */
    struct archive_read archive; /* of the file at hand */
    bool is_message_file;        /* it is one of IPFIX messages: nobody sent these from anywhere */
    uint64_t now_ms;             /* of the capture; it never goes back */
    struct decode_counters counters; /* of all files that were read */
    struct capture_counts frames;
};

static void on_fields(void *owner, const struct decode_fields *fields)
{
    struct decode_run *run = owner;
    if (run->is_message_file)
        archive_read_fields(&run->archive, fields);
    text_clear(&run->post);
    if (!run->as_text)
        post_fields_show(fields, &run->post);
    if (run->names == NULL)
        return;
    text_clear(&run->fields);
    if (fields->options)
        fields_learn(run->names, fields);
    else
        fields_show(run->names, fields, &run->fields);
}

static void on_record(void *owner, const struct flow_record *flow)
{
    struct decode_run *run = owner;
    struct flow_record shown = *flow;
    const char *fields = run->fields.len > 0 ? text_str(&run->fields) : NULL;
    archive_read_restore(&run->archive, &shown, &run->exporter);
    text_clear(&run->line);
    if (run->as_text)
        flow_show_text(&shown, &run->exporter, fields, &run->line);
    else
        flow_show_json(&shown, &run->exporter, flow->reverse ? "" : text_str(&run->post), fields,
                       &run->line);
    (void)fwrite(text_str(&run->line), 1, run->line.len, stdout);
}

static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct decode_run *run = owner;
    struct decode_source source = {.addr = datagram->from.addr};
    struct decode_sink sink = {.on_record = on_record, .on_fields = on_fields, .owner = run};
    bool is_message = source.addr.family == ADDR_NONE;
    if (is_message && !run->is_message_file)
        element_names_forget(run->names); /* of captures before, which are another stream */
    run->is_message_file = is_message;
    text_clear(&run->fields);
    text_clear(&run->post); /* other formats have neither */
    int32_t index = run->model != NULL && run->model->exporters != NULL
                        ? lpm_lookup(run->model->exporters, &source.addr)
                        : -1;
    if (index >= 0) {
        source.sampling_override = run->model->config->exporters[index].sampling;
        source.sampling_default = run->model->config->exporters[index].default_sampling;
    }
    if (datagram->time_us / 1000 > run->now_ms)
        run->now_ms = datagram->time_us / 1000;
    run->exporter = source.addr;
    (void)decode_datagram(run->decode, &source, datagram->bytes, datagram->len, run->now_ms, &sink);
    return ferror(stdout) == 0;
}

static void say(const char *what, uint64_t count)
{
    if (count > 0)
        fprintf(stderr, "%" PRIu64 " %s\n", count, what);
}

static void report(const struct decode_run *run)
{
    const struct decode_counters *c = &run->counters;
    const struct capture_counts *frames = &run->frames;
    uint64_t records = 0;
    say("frames that are no IP", frames->not_ip);
    say("packets that are no UDP", frames->not_udp);
    say("IP fragments of datagrams that are not whole", frames->fragments);
    say("packets that break IP's or UDP's rules", frames->malformed);
    say("datagrams that the capture does not hold whole", frames->cut);
    for (size_t format = 0; format <= FORMAT_COUNT; format++) {
        const char *name = format < FORMAT_COUNT ? flow_format_name((enum flow_format)format)
                                                 : "datagrams of no known format";
        records += c->records[format];
        for (size_t reason = DECODE_OK + 1; reason < DECODE_REASON_COUNT; reason++)
            if (c->refused[format][reason] > 0)
                fprintf(stderr, "%" PRIu64 " refused: %s: %s (%s)\n", c->refused[format][reason],
                        name, decode_reason_text((enum decode_reason)reason),
                        decode_reason_name((enum decode_reason)reason));
    }
    say("sFlow counter samples, which carry no flow", c->counter_samples);
    say("packets that their exporter dropped, and sampled as dropped", c->discard_samples);
    say("data sets before their template that were decoded when it came", c->held_decoded);
    say("export datagrams missing, by their sequence numbers", c->sequence_lost);
    fprintf(stderr, "%" PRIu64 " records in %" PRIu64 " datagrams\n", records, frames->datagrams);
}

/* Only a file that is named counts: what a capture says must not depend on where one stands. */
static bool open_model(const struct command_context *context, struct config **ret_config,
                       struct model **ret_model)
{
    struct config_errors errors;
    if (context->config == NULL)
        return true;
    *ret_config = session_config(context, false);
    if (*ret_config == NULL)
        return false;
    config_errors_init(&errors, (*ret_config)->file);
    *ret_model = model_new(*ret_config, &errors);
    if (*ret_model == NULL)
        (void)command_failed(context, "the configuration is wrong:\n%s", text_str(&errors.lines));
    config_errors_done(&errors);
    return *ret_model != NULL;
}

/* Both structures hold nothing but counters of this type. */
static void add_counters(void *sum, const void *more, size_t size)
{
    uint64_t *to = sum;
    const uint64_t *from = more;
    for (size_t i = 0; i < size / sizeof(*to); i++)
        to[i] += from[i];
}
_Static_assert(sizeof(struct decode_counters) % sizeof(uint64_t) == 0, "counters only");
_Static_assert(sizeof(struct capture_counts) % sizeof(uint64_t) == 0, "counters only");

static void end_stream(struct decode_run *run)
{
    if (run->decode == NULL)
        return;
    add_counters(&run->counters, decode_counters(run->decode), sizeof(run->counters));
    decode_free(run->decode);
    run->decode = NULL;
    element_names_forget(run->names);
}

static bool begin_stream(struct decode_run *run)
{
    enum { HOLD_BACK_BYTES = 1 << 20 };
    /* Without it a line stands where its record stood in the stream, as other decoders have it. */
    struct decode_limits limits = {.held_bytes = run->holds_back ? HOLD_BACK_BYTES : 0};
    run->decode = decode_new(&limits, hash_random_seed());
    return run->decode != NULL;
}

/* Captures that follow each other are one stream; an IPFIX file is one by itself (RFC 5655, 4). */
static bool read_file(const struct command_context *context, struct decode_run *run,
                      const char *path)
{
    struct capture_counts frames;
    struct text why;
    text_init(&why, 0);
    run->is_message_file = false;
    run->archive = (struct archive_read){0};
    if (run->decode == NULL && !begin_stream(run)) {
        (void)command_failed(context, "out of memory");
        return false;
    }
    enum status status = capture_read(path, on_datagram, run, &frames, &why);
    (void)fflush(stdout);
    add_counters(&run->frames, &frames, sizeof(frames));
    if (run->is_message_file)
        end_stream(run);
    if (status != STATUS_OK)
        (void)command_failed(context, "%s", text_str(&why));
    text_done(&why);
    return status == STATUS_OK;
}

static int read_files(const struct command_context *context, struct decode_run *run, int count,
                      char **paths)
{
    bool all = true;
    for (int i = 0; i < count; i++)
        all = read_file(context, run, paths[i]) && all;
    end_stream(run);
    if (all || run->frames.frames > 0)
        report(run);
    return all ? EXIT_DONE : EXIT_FAILED;
}

int decode_run(const struct command_context *context, int argc, char **argv)
{
    enum { OUTPUT_BUFFER = 1 << 18 };
    struct decode_run run = {0};
    struct config *config = NULL;
    struct model *model = NULL;
    const struct command_option options[] = {COMMAND_FLAG("--text", run.as_text),
                                             COMMAND_FLAG("--hold-back", run.holds_back),
                                             COMMAND_FLAG("--all-fields", run.all_fields)};
    if (!command_options(context, &argc, argv, options, 3))
        return EXIT_USAGE;
    if (argc < 2)
        return command_usage_error(context, "needs a FILE, or - for standard input");
    if (run.as_text && context->json)
        return command_usage_error(context, "--text and --json exclude each other");
    text_init(&run.line, 0);
    text_init(&run.fields, 0);
    text_init(&run.post, 0);
    int result = EXIT_FAILED;
    if (!open_model(context, &config, &model))
        goto done;
    run.model = model;
    run.names = run.all_fields ? element_names_new() : NULL;
    if (run.all_fields && run.names == NULL) {
        (void)command_failed(context, "out of memory");
        goto done;
    }
    (void)setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
    result = read_files(context, &run, argc - 1, argv + 1);
done:
    element_names_free(run.names);
    model_free(model);
    config_free(config);
    text_done(&run.line);
    text_done(&run.fields);
    text_done(&run.post);
    return result;
}
