#include "common/model/model_internal.h"
#include "flowspec/guard_budget.h"

#include <stdlib.h>
#include <string.h>

static size_t prefixes_total(const struct config *config)
{
    size_t total = 0;
    for (size_t i = 0; i < config->network_count; i++)
        total += config->networks[i].prefixes.count;
    return total;
}

/* The id of a network: of its prefixes, merged. */
static enum status network_id(const struct config_network *network, uint64_t *ret_id)
{
    size_t count = network->prefixes.count;
    struct ip_prefix *merged = calloc(count + 1, sizeof(*merged));
    if (merged == NULL)
        return STATUS_NO_MEMORY;
    if (count > 0)
        memcpy(merged, network->prefixes.items, count * sizeof(*merged));
    enum status status = prefixes_id(ret_id, merged, prefixes_merge(merged, count));
    free(merged);
    return status;
}

/* A prefix that stands in several networks is labelled by the first of them. */
static enum status add_networks(struct model *model, const struct config *config)
{
    for (size_t i = 0; i < config->network_count; i++) {
        const struct config_network *network = &config->networks[i];
        enum status status = network_id(network, &model->networks.ids[i]);
        for (size_t j = 0; j < network->prefixes.count && status == STATUS_OK; j++) {
            status = lpm_add(model->networks.ours, &network->prefixes.items[j], (int32_t)i);
            if (status == STATUS_EXISTS)
                status = STATUS_OK;
        }
        if (status != STATUS_OK)
            return status;
    }
    return lpm_seal(model->networks.ours);
}

static void build_exporters(struct model_judge *judge)
{
    const struct config *config = judge->config;
    if (config->exporter_count == 0)
        return;
    struct lpm *exporters = lpm_new(config->exporter_count);
    judge->model->exporters = exporters;
    enum status status = exporters == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    for (size_t i = 0; i < config->exporter_count && status == STATUS_OK; i++) {
        if (config->exporters[i].address.addr.family == ADDR_NONE)
            continue; /* could not be read */
        status = lpm_add(exporters, &config->exporters[i].address, (int32_t)i);
        if (status == STATUS_EXISTS)
            status = STATUS_OK; /* the reader has said so */
    }
    if (status == STATUS_OK)
        status = lpm_seal(exporters);
    if (status != STATUS_OK)
        model_out_of_memory(judge);
}

/* A prefix may stand in several networks, and one may hold another. */
static enum status count_hosts(struct model *model, const struct config *config)
{
    size_t n = 0;
    struct ip_prefix *all = calloc(prefixes_total(config) + 1, sizeof(*all));
    if (all == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < config->network_count; i++)
        for (size_t j = 0; j < config->networks[i].prefixes.count; j++)
            all[n++] = config->networks[i].prefixes.items[j];
    n = prefixes_merge(all, n);
    for (size_t i = 0; i < n; i++)
        *(all[i].addr.family == ADDR_IPV4 ? &model->networks.hosts4 : &model->networks.hosts6) +=
            guard_hosts(&all[i]);
    free(all);
    return STATUS_OK;
}

void networks_build(struct model_judge *judge)
{
    struct model *model = judge->model;
    const struct config *config = judge->config;
    model->networks.ours = lpm_new(prefixes_total(config) + 1);
    model->networks.label = model->networks.ours;
    model->networks.ids = calloc(config->network_count + 1, sizeof(uint64_t));
    model->networks.count = config->network_count;
    if (model->networks.ours == NULL || model->networks.ids == NULL ||
        add_networks(model, config) != STATUS_OK || count_hosts(model, config) != STATUS_OK)
        model_out_of_memory(judge);
    build_exporters(judge);
}

void networks_done(struct model *model)
{
    lpm_free(model->networks.ours);
    free(model->networks.ids);
    lpm_free(model->exporters);
}

const char *model_network_name(const struct model *model, uint64_t id)
{
    for (size_t i = 0; i < model->networks.count; i++)
        if (model->networks.ids[i] == id)
            return model->config->networks[i].name;
    return NULL;
}

static bool is_ours(const struct model *model, const struct flow_record *flow, uint32_t has,
                    const struct ip_addr *addr)
{
    return (flow->has & has) != 0 && lpm_lookup(model->networks.ours, addr) != LPM_NONE;
}

enum direction model_direction(const struct model *model, const struct flow_record *flow)
{
    bool from_us = is_ours(model, flow, FLOW_SRC_ADDR, &flow->src_addr);
    bool to_us = is_ours(model, flow, FLOW_DST_ADDR, &flow->dst_addr);
    if (to_us)
        return from_us ? DIRECTION_INTERNAL : DIRECTION_INCOMING;
    return from_us ? DIRECTION_OUTGOING : DIRECTION_TRANSIT;
}

const struct config_exporter *model_exporter(const struct model *model, const struct ip_addr *addr)
{
    int32_t at = model->exporters == NULL ? LPM_NONE : lpm_lookup(model->exporters, addr);
    return at == LPM_NONE ? NULL : &model->config->exporters[at];
}

bool model_is_host(const struct config_exporter *exporter)
{
    const struct ip_prefix *address = &exporter->address;
    return address->addr.family != ADDR_NONE && address->len == addr_bits(&address->addr);
}
