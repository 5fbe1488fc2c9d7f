#include "collector/interfaces_internal.h"

#include <stdlib.h>

static struct interface_info info_of(const struct interface *i)
{
    return (struct interface_info){.agent = i->reading.agent,
                                   .sub_agent = i->reading.sub_agent,
                                   .index = i->reading.index,
                                   .is_up = i->reading.is_up,
                                   .has_rates = i->has_rates,
                                   .speed_bps = i->reading.speed_bps,
                                   .read_ms = i->read_ms,
                                   .restarts = i->restarts,
                                   .rates = i->rates,
                                   .in = interface_check_share(&i->in),
                                   .out = interface_check_share(&i->out)};
}

static bool speaks_against(const struct interface_share *share)
{
    return share->verdict == INTERFACE_LOW || share->verdict == INTERFACE_HIGH;
}

static bool is_wrong(const struct interface_info *info)
{
    return speaks_against(&info->in) || speaks_against(&info->out);
}

static double carries(const struct interface_info *info)
{
    return info->rates.in_bps + info->rates.out_bps;
}

static int by_weight(const void *a, const void *b)
{
    const struct interface_info *x = a, *y = b;
    if (is_wrong(x) != is_wrong(y))
        return is_wrong(x) ? -1 : 1;
    if (carries(x) != carries(y))
        return carries(x) > carries(y) ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

bool interfaces_tell(const struct interfaces *t, const struct ip_addr *exporter, uint64_t now_ms,
                     struct interfaces_summary *ret_summary,
                     void (*on_interface)(void *owner, const struct interface_info *info),
                     void *owner)
{
    struct interfaces_exporter *e = interfaces_at(t, exporter);
    struct interface_info *all = e != NULL ? calloc(e->count, sizeof(*all)) : NULL;
    if (all == NULL)
        return false;
    size_t count = 0;
    *ret_summary = (struct interfaces_summary){0};
    for (struct chain *l = e->interfaces.next; l != &e->interfaces; l = l->next) {
        const struct interface *i = CHAIN_OWNER(l, struct interface, of_exporter);
        if (now_ms - i->read_ms > INTERFACE_MOST_MS)
            break; /* those behind it were read before it */
        all[count++] = info_of(i);
        ret_summary->wrong += is_wrong(&all[count - 1]) ? 1 : 0;
    }
    qsort(all, count, sizeof(*all), by_weight);
    ret_summary->count = count;
    if (ret_summary->wrong > 0)
        ret_summary->worst = all[0];
    for (size_t i = 0; on_interface != NULL && i < count && i < INTERFACES_TOLD; i++)
        on_interface(owner, &all[i]);
    free(all);
    return true;
}
