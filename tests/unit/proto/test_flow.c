#include "proto/flow.h"

#include <criterion/criterion.h>

Test(flow, formats_and_sources_have_names)
{
    cr_assert_str_eq(flow_format_name(FORMAT_NETFLOW5), "netflow5");
    cr_assert_str_eq(flow_format_name(FORMAT_NETFLOW9), "netflow9");
    cr_assert_str_eq(flow_format_name(FORMAT_IPFIX), "ipfix");
    cr_assert_str_eq(flow_format_name(FORMAT_SFLOW5), "sflow5");
    cr_assert_str_eq(flow_format_name(FORMAT_COUNT), "unknown");
    cr_assert_str_eq(sampling_source_name(SAMPLING_UNKNOWN), "unknown");
    cr_assert_str_eq(sampling_source_name(SAMPLING_OVERRIDE), "override");
    cr_assert_str_eq(sampling_source_name(SAMPLING_OPTIONS), "options");
    cr_assert_str_eq(sampling_source_name(SAMPLING_DEFAULT), "default");
}
