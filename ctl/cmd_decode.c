#include "collector/decode/decode.h"
#include "common/base/hash.h"
#include "common/model/model.h"
#include "ctl/capture.h"
#include "ctl/commands.h"
#include "ctl/flow_show.h"
#include "ctl/session.h"
#include "ctl/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct decode_run {
    struct decode *decode;
    const struct model *model; /* of --config: sampling rates that the operator says; else NULL */
    struct ip_addr exporter;   /* of the datagram at hand */
    bool as_text, holds_back;
    struct text line;
    uint64_t now_ms; /* of the capture; it never goes back */
};

static void on_record(void *owner, const struct flow_record *flow)
{
    struct decode_run *run = owner;
    text_clear(&run->line);
    if (run->as_text)
        flow_show_text(flow, &run->exporter, &run->line);
    else
        flow_show_json(flow, &run->exporter, &run->line);
    (void)fwrite(text_str(&run->line), 1, run->line.len, stdout);
}

static bool on_datagram(void *owner, const struct capture_datagram *datagram)
{
    struct decode_run *run = owner;
    struct decode_source source = {.addr = datagram->from.addr};
    struct decode_sink sink = {.on_record = on_record, .owner = run};
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

static void report(const struct decode_run *run, const struct capture_counts *frames)
{
    const struct decode_counters *c = decode_counters(run->decode);
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

int decode_run(const struct command_context *context, int argc, char **argv)
{
    enum { OUTPUT_BUFFER = 1 << 18, HOLD_BACK_BYTES = 1 << 20 };
    struct decode_run run = {0};
    struct capture_counts frames;
    struct config *config = NULL;
    struct model *model = NULL;
    struct text why;
    const struct command_option options[] = {COMMAND_FLAG("--text", run.as_text),
                                             COMMAND_FLAG("--hold-back", run.holds_back)};
    if (!command_options(context, &argc, argv, options, 2))
        return EXIT_USAGE;
    if (argc != 2)
        return command_usage_error(context, "needs one FILE, or - for standard input");
    if (run.as_text && context->json)
        return command_usage_error(context, "--text and --json exclude each other");
    text_init(&why, 0);
    text_init(&run.line, 0);
    int result = EXIT_FAILED;
    if (!open_model(context, &config, &model))
        goto done;
    run.model = model;
    /* Without it a line stands where its record stood in the stream, as other decoders have it. */
    struct decode_limits limits = {.held_bytes = run.holds_back ? HOLD_BACK_BYTES : 0};
    run.decode = decode_new(&limits, hash_random_seed());
    if (run.decode == NULL) {
        (void)command_failed(context, "out of memory");
        goto done;
    }
    (void)setvbuf(stdout, NULL, _IOFBF, OUTPUT_BUFFER);
    enum status status = capture_read(argv[1], on_datagram, &run, &frames, &why);
    (void)fflush(stdout);
    if (status == STATUS_OK || frames.frames > 0)
        report(&run, &frames);
    if (status != STATUS_OK)
        (void)command_failed(context, "%s", text_str(&why));
    result = status == STATUS_OK ? EXIT_DONE : EXIT_FAILED;
done:
    decode_free(run.decode);
    model_free(model);
    config_free(config);
    text_done(&run.line);
    text_done(&why);
    return result;
}
