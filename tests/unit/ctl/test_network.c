#include "ctl/network.h"

#include <criterion/criterion.h>
#include <math.h>

static struct network_options options_of(const char *const *prefixes, uint32_t hosts)
{
    struct network_options o = {.hosts = hosts, .sources = 100, .exponent = 1};
    for (; prefixes[o.prefix_count] != NULL; o.prefix_count++)
        cr_assert_eq(prefix_parse(&o.prefixes[o.prefix_count], prefixes[o.prefix_count]),
                     STATUS_OK);
    return o;
}

Test(network, hosts_are_different_and_inside_their_prefixes)
{
    static const char *const prefixes[] = {"198.51.100.0/24", "203.0.113.4/30", "192.0.2.7/32",
                                           "2001:db8::/48", NULL};
    struct network network;
    struct network_options o = options_of(prefixes, 600);
    cr_assert_eq(network_init(&network, &o), STATUS_OK);
    cr_assert_eq(network.hosts, 600);
    uint32_t in[4] = {0};
    for (uint32_t i = 0; i < network.hosts; i++) {
        struct ip_addr host = network_host(&network, i);
        for (uint32_t p = 0; p < o.prefix_count; p++)
            in[p] += prefix_contains(&o.prefixes[p], &host);
        for (uint32_t j = 0; j < i; j++) {
            struct ip_addr other = network_host(&network, j);
            cr_assert(!addr_equal(&host, &other), "hosts %u and %u", i, j);
        }
    }
    cr_assert(in[0] == 254 && in[1] == 2 && in[2] == 1 && in[3] == 343);
    network_done(&network);
}

Test(network, there_are_no_more_hosts_than_room)
{
    static const char *const prefixes[] = {"198.51.100.0/29", "192.0.2.0/31", NULL};
    struct network network;
    struct network_options o = options_of(prefixes, 200);
    cr_assert_eq(network_init(&network, &o), STATUS_OK);
    cr_assert_eq(network.hosts, 8);
    network_done(&network);
}

/* A day of a network: how much of all there is at each of its hours, and of whom. */
Test(network, a_day_has_its_mean_and_its_swing_and_hosts_their_own_hours)
{
    enum { STEPS = 200, A_STEP = 2000, WATCHED = 2 };
    static const char *const prefixes[] = {"198.51.100.0/24", NULL};
    struct network network;
    struct random random = {1};
    struct network_options o = options_of(prefixes, 200);
    o.exponent = 0;
    o.day_us = 86400000000ull;
    o.swing = 0.6;
    cr_assert_eq(network_init(&network, &o), STATUS_OK);
    double sum = 0, least = 9, most = 0, host_sum[200] = {0};
    double cosine[200] = {0}, sine[200] = {0};
    for (int step = 0; step < STEPS; step++) {
        network_set_time(&network, o.day_us * (uint64_t)step / STEPS);
        sum += network.level;
        least = fmin(least, network.level);
        most = fmax(most, network.level);
        double angle = 2 * M_PI * step / STEPS;
        for (int i = 0; i < A_STEP; i++) {
            uint32_t host = network_draw_host(&network, &random);
            /* Draws say who, the level how many. */
            host_sum[host] += network.level;
            cosine[host] += network.level * cos(angle);
            sine[host] += network.level * sin(angle);
        }
    }
    cr_assert_float_eq(sum / STEPS, 1, 1e-9);
    cr_assert(least > 0.4 && least < 0.5 && most > 1.5 && most < 1.6, "%g to %g", least, most);
    double earliest = 1, latest = 0;
    for (int h = 0; h < 200; h++) {
        double swing = 2 * hypot(cosine[h], sine[h]) / host_sum[h];
        double peak = fmod(atan2(sine[h], cosine[h]) / (2 * M_PI) + 1, 1);
        cr_assert(fabs(host_sum[h] - A_STEP) < 6 * sqrt(A_STEP * 1.6), "host %d: %g", h,
                  host_sum[h]);
        cr_assert(fabs(swing - 0.6) < 0.25, "host %d swings by %g", h, swing);
        earliest = fmin(earliest, peak);
        latest = fmax(latest, peak);
    }
    cr_assert(earliest > 0.6 && earliest < 0.75 && latest > 0.85 && latest < 1, "%g to %g",
              earliest, latest);
    network_done(&network);
}
