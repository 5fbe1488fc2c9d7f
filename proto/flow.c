#include "proto/flow.h"

const char *flow_format_name(enum flow_format format)
{
    switch (format) {
    case FORMAT_NETFLOW5:
        return "netflow5";
    case FORMAT_NETFLOW9:
        return "netflow9";
    case FORMAT_IPFIX:
        return "ipfix";
    case FORMAT_SFLOW5:
        return "sflow5";
    case FORMAT_COUNT:
        break;
    }
    return "unknown";
}

const char *sampling_source_name(enum sampling_source source)
{
    switch (source) {
    case SAMPLING_UNKNOWN:
        return "unknown";
    case SAMPLING_OVERRIDE:
        return "override";
    case SAMPLING_SAMPLE:
        return "sample";
    case SAMPLING_HEADER:
        return "header";
    case SAMPLING_RECORD:
        return "record";
    case SAMPLING_OPTIONS:
        return "options";
    case SAMPLING_EXPORTER:
        return "exporter";
    case SAMPLING_DEFAULT:
        return "default";
    }
    return "unknown";
}
