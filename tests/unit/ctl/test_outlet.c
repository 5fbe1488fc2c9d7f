#include "ctl/outlet.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <netinet/in.h>
#include <unistd.h>

static const struct command command = {.name = "replay"};
static const struct command_context context = {.command = &command};
static struct outlet outlet;
static struct sockaddr_in address; /* of a port that was free */

static int listen_there(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(address);
    cr_assert_geq(fd, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, len), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return fd;
}

static void set_up(void)
{
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    cr_redirect_stderr();
    (void)close(listen_there());
    const struct ip_endpoint to = {addr_from_ipv4(0x7f000001), ntohs(address.sin_port)};
    cr_assert(outlet_init(&outlet, &context, &to, true, NULL, NULL));
}

static void tear_down(void)
{
    cr_assert(outlet_done(&outlet, &context));
}

TestSuite(outlet, .init = set_up, .fini = tear_down);

/* One datagram from each of so many senders that are new. */
static void put(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        cr_assert(outlet_add_sender(&outlet, &context, NULL, false));
        outlet_put(&outlet, outlet.sender_count - 1, (const uint8_t *)"x", 1, 0);
    }
    outlet_flush(&outlet);
}

Test(outlet, the_last_refusal_of_each_sender_is_known)
{
    put(100);
    outlet_settle(&outlet);
    cr_assert_eq(outlet.datagrams, 100);
    cr_assert_eq(outlet.refused, 100);
    cr_assert_not(outlet_sent_all(&outlet, &context));
}

Test(outlet, one_datagram_that_nobody_hears_is_a_failure)
{
    put(1);
    outlet_settle(&outlet);
    cr_assert_eq(outlet.refused, 1);
    cr_assert_not(outlet_sent_all(&outlet, &context));
}

Test(outlet, few_refusals_are_no_failure)
{
    put(2);
    int fd = listen_there();
    put(3);
    outlet_settle(&outlet);
    cr_assert_eq(outlet.datagrams, 5);
    cr_assert_eq(outlet.refused, 2);
    cr_assert(outlet_sent_all(&outlet, &context));
    (void)close(fd);
}

Test(outlet, what_was_heard_before_a_refusal_stays_heard)
{
    int fd = listen_there();
    cr_assert(outlet_add_sender(&outlet, &context, NULL, false));
    for (int i = 0; i < 10; i++)
        outlet_put(&outlet, 0, (const uint8_t *)"x", 1, 0);
    outlet_flush(&outlet);
    (void)close(fd);
    put(1);
    outlet_put(&outlet, 0, (const uint8_t *)"x", 1, 0);
    outlet_settle(&outlet);
    cr_assert_eq(outlet.refused, 2);
    cr_assert_eq(outlet.unheard, 2, "the ten before were heard");
    cr_assert(outlet_sent_all(&outlet, &context));
}
