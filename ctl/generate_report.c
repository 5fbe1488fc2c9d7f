#include "ctl/generate.h"

#include <inttypes.h>
#include <stdio.h>

static void print_volume(const char *name, const char *flows, const struct export_volume *v)
{
    printf("\"%s\": {\"%s\": %" PRIu64 ", \"packets\": %" PRIu64 ", \"octets\": %" PRIu64 "}", name,
           flows, v->flows, v->packets, v->bytes);
}

static void sum(const struct generate_run *run, struct exporter *ret_all)
{
    *ret_all = (struct exporter){0};
    for (uint32_t i = 0; i < run->plan.export.exporters; i++) {
        const struct exporter *x = &run->export.exporters[i];
        ret_all->truth = export_sum(&ret_all->truth, &x->truth);
        ret_all->seen = export_sum(&ret_all->seen, &x->seen);
        ret_all->attack_truth = export_sum(&ret_all->attack_truth, &x->attack_truth);
        ret_all->attack_seen = export_sum(&ret_all->attack_seen, &x->attack_seen);
    }
}

static void print_json(const struct generate_run *run, const struct exporter *all)
{
    const struct outlet *o = &run->outlet;
    printf(
        "{\"datagrams\": %" PRIu64 ", \"octets_sent\": %" PRIu64 ", \"records\": %" PRIu64
        ", \"attack_records\": %" PRIu64 ", \"attack_bytes\": %" PRIu64
        ", \"first_attack_ms\": %" PRIu64 ", \"last_attack_ms\": %" PRIu64
        ", \"send_failures\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"behind_ms\": %" PRIu64 ", ",
        o->datagrams, o->octets, all->seen.flows, all->attack_seen.flows, all->attack_truth.bytes,
        run->first_attack_ms, run->last_attack_ms, o->failures, o->refused, run->behind_us / 1000);
    print_volume("truth", "flows", &all->truth);
    printf(", ");
    print_volume("exported", "records", &all->seen);
    printf(", ");
    print_volume("attack_truth", "flows", &all->attack_truth);
    printf(", \"exporters\": [");
    for (uint32_t i = 0; i < run->plan.export.exporters; i++) {
        const struct exporter *x = &run->export.exporters[i];
        char address[ADDR_TEXT_MAX];
        printf("%s{\"address\": \"%s\", \"domain\": %" PRIu32 ", \"datagrams\": %" PRIu64 ", ",
               i == 0 ? "" : ", ", addr_format(&x->agent, address),
               run->plan.export.first_domain + i * run->plan.export.domains + 1, x->datagrams);
        print_volume("truth", "flows", &x->truth);
        printf(", ");
        print_volume("exported", "records", &x->seen);
        printf("}");
    }
    printf("]}\n");
}

static void print_text(const struct generate_run *run, const struct exporter *all)
{
    const struct outlet *o = &run->outlet;
    char bytes[TEXT_QUANTITY_MAX], truth[TEXT_QUANTITY_MAX];
    printf("%s %" PRIu64 " records in %" PRIu64 " datagrams, %" PRIu64 " of them attack",
           o->sends ? "sent" : "wrote", all->seen.flows, o->datagrams, all->attack_seen.flows);
    if (o->sends)
        printf("; %" PRIu64 " datagrams could not be sent", o->failures);
    printf("\n");
    printf("the records say %" PRIu64 " packets, %s", all->seen.packets,
           text_format_size((double)all->seen.bytes, bytes));
    if (run->plan.export.sampling > 1)
        printf("; sampled 1 in %" PRIu32 " of %" PRIu64 " flows, %" PRIu64 " packets, %s",
               run->plan.export.sampling, all->truth.flows, all->truth.packets,
               text_format_size((double)all->truth.bytes, truth));
    printf("\n");
}

void generate_report(const struct command_context *context, const struct generate_run *run)
{
    struct exporter all;
    sum(run, &all);
    if (context->json)
        print_json(run, &all);
    else
        print_text(run, &all);
    if (run->behind_us > 100000)
        fprintf(stderr,
                "weir generate: this machine is too slow for that rate, or paused: what was due in "
                "%.1f s is missing\n",
                (double)run->behind_us / 1e6);
}
