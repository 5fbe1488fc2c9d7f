#include "collector/decode/element.h"

const struct target element_targets[TARGET_COUNT] = {
#define X(name, member, of_kind, of_has, of_need)                                                  \
    [TARGET_##name] = {.offset = offsetof(struct plan_record, member),                             \
                       .width = sizeof(((struct plan_record *)NULL)->member),                      \
                       .kind = KIND_##of_kind,                                                     \
                       .has = (of_has),                                                            \
                       .need = (of_need)},
    TARGET_LIST(X)
#undef X
};

enum { ELEMENTS_END = 410 };

/* clang-format off */
static const struct element_rule rules[ELEMENTS_END] = {
    [1] = {TARGET_BYTES, RANK_DELTA, 0},            /* octetDeltaCount */
    [2] = {TARGET_PACKETS, RANK_DELTA, 0},          /* packetDeltaCount */
    [4] = {TARGET_PROTOCOL, 0, 0},         /* protocolIdentifier */
    [5] = {TARGET_TOS, 0, 0},              /* ipClassOfService */
    [6] = {TARGET_TCP_FLAGS, 0, 0},        /* tcpControlBits */
    [7] = {TARGET_SRC_PORT, 0, 0},         /* sourceTransportPort */
    [8] = {TARGET_SRC_ADDR, 0, 0},         /* sourceIPv4Address */
    [9] = {TARGET_SRC_MASK, 0, 0},         /* sourceIPv4PrefixLength */
    [10] = {TARGET_INPUT_IF, 0, 0},        /* ingressInterface */
    [11] = {TARGET_DST_PORT, 0, 0},        /* destinationTransportPort */
    [12] = {TARGET_DST_ADDR, 0, 0},        /* destinationIPv4Address */
    [13] = {TARGET_DST_MASK, 0, 0},        /* destinationIPv4PrefixLength */
    [14] = {TARGET_OUTPUT_IF, 0, 0},       /* egressInterface */
    [15] = {TARGET_NEXT_HOP, 0, 0},        /* ipNextHopIPv4Address */
    [16] = {TARGET_SRC_AS, 0, 0},          /* bgpSourceAsNumber */
    [17] = {TARGET_DST_AS, 0, 0},          /* bgpDestinationAsNumber */
    [18] = {TARGET_NEXT_HOP, 1, 0},        /* bgpNextHopIPv4Address */
    [21] = {TARGET_END, 0, UNIT_UPTIME},   /* flowEndSysUpTime */
    [22] = {TARGET_START, 0, UNIT_UPTIME}, /* flowStartSysUpTime */
    [23] = {TARGET_BYTES, RANK_POST_DELTA, 0},      /* postOctetDeltaCount */
    [24] = {TARGET_PACKETS, RANK_POST_DELTA, 0},    /* postPacketDeltaCount */
    [25] = {TARGET_MIN_LENGTH, 0, 0},      /* minimumIpTotalLength */
    [26] = {TARGET_MAX_LENGTH, 0, 0},      /* maximumIpTotalLength */
    [27] = {TARGET_SRC_ADDR, 0, 0},        /* sourceIPv6Address */
    [28] = {TARGET_DST_ADDR, 0, 0},        /* destinationIPv6Address */
    [29] = {TARGET_SRC_MASK, 0, 0},        /* sourceIPv6PrefixLength */
    [30] = {TARGET_DST_MASK, 0, 0},        /* destinationIPv6PrefixLength */
    [31] = {TARGET_FLOW_LABEL, 0, 0},      /* flowLabelIPv6 */
    [32] = {TARGET_ICMP, 0, 0},            /* icmpTypeCodeIPv4 */
    [34] = {TARGET_INTERVAL, 0, 0},        /* samplingInterval */
    [36] = {TARGET_ACTIVE_TIMEOUT, 0, 0},  /* flowActiveTimeout */
    [44] = {TARGET_SRC_ADDR, 1, 0},        /* sourceIPv4Prefix */
    [45] = {TARGET_DST_ADDR, 1, 0},        /* destinationIPv4Prefix */
    [48] = {TARGET_SAMPLER, 0, 0},         /* samplerId */
    [50] = {TARGET_RANDOM_INTERVAL, 0, 0}, /* samplerRandomInterval */
    [52] = {TARGET_TTL, 1, 0},             /* minimumTTL */
    [58] = {TARGET_VLAN, 0, 0},            /* vlanId */
    [61] = {TARGET_DIRECTION, 0, 0},       /* flowDirection */
    [62] = {TARGET_NEXT_HOP, 0, 0},        /* ipNextHopIPv6Address */
    [63] = {TARGET_NEXT_HOP, 1, 0},        /* bgpNextHopIPv6Address */
    [85] = {TARGET_BYTES, RANK_TOTAL, 0},           /* octetTotalCount */
    [86] = {TARGET_PACKETS, RANK_TOTAL, 0},         /* packetTotalCount */
    [88] = {TARGET_FRAGMENT_OFFSET, 0, 0}, /* fragmentOffset */
    [89] = {TARGET_FORWARDING, 0, 0},      /* forwardingStatus */
    [104] = {TARGET_SECTION_FRAME, 1, 0},  /* layer2packetSectionData, which 315 replaces */
    [136] = {TARGET_END_REASON, 0, 0},     /* flowEndReason */
    [139] = {TARGET_ICMP, 0, 0},           /* icmpTypeCodeIPv6 */
    [141] = {TARGET_LINE_CARD, 0, 0},      /* lineCardId */
    [145] = {TARGET_TEMPLATE_ID, 0, 0},    /* templateId */
    [148] = {TARGET_FLOW_ID, 0, 0},        /* flowId */
    [150] = {TARGET_START, 0, UNIT_SECOND},
    [151] = {TARGET_END, 0, UNIT_SECOND},
    [152] = {TARGET_START, 0, UNIT_MILLI},
    [153] = {TARGET_END, 0, UNIT_MILLI},
    [154] = {TARGET_START, 0, UNIT_MICRO},
    [155] = {TARGET_END, 0, UNIT_MICRO},
    [156] = {TARGET_START, 0, UNIT_NANO},
    [157] = {TARGET_END, 0, UNIT_NANO},
    [158] = {TARGET_START, 0, UNIT_DELTA},
    [159] = {TARGET_END, 0, UNIT_DELTA},
    [160] = {TARGET_BOOT, 0, 0},           /* systemInitTimeMilliseconds */
    [161] = {TARGET_DURATION_MS, 0, 0},    /* flowDurationMilliseconds */
    [162] = {TARGET_DURATION_US, 0, 0},    /* flowDurationMicroseconds */
    [169] = {TARGET_DST_ADDR, 1, 0},       /* destinationIPv6Prefix */
    [170] = {TARGET_SRC_ADDR, 1, 0},       /* sourceIPv6Prefix */
    [171] = {TARGET_BYTES, RANK_POST_TOTAL, 0},     /* postOctetTotalCount */
    [172] = {TARGET_PACKETS, RANK_POST_TOTAL, 0},   /* postPacketTotalCount */
    [176] = {TARGET_ICMP_TYPE, 0, 0},      /* icmpTypeIPv4 */
    [177] = {TARGET_ICMP_CODE, 0, 0},      /* icmpCodeIPv4 */
    [178] = {TARGET_ICMP_TYPE, 0, 0},      /* icmpTypeIPv6 */
    [179] = {TARGET_ICMP_CODE, 0, 0},      /* icmpCodeIPv6 */
    [180] = {TARGET_SRC_PORT, 1, 0},       /* udpSourcePort */
    [181] = {TARGET_DST_PORT, 1, 0},       /* udpDestinationPort */
    [182] = {TARGET_SRC_PORT, 1, 0},       /* tcpSourcePort */
    [183] = {TARGET_DST_PORT, 1, 0},       /* tcpDestinationPort */
    [192] = {TARGET_TTL, 0, 0},            /* ipTTL */
    [193] = {TARGET_PROTOCOL, 1, 0},       /* nextHeaderIPv6 */
    [197] = {TARGET_FRAGMENT_FLAGS, 0, 0}, /* fragmentFlags */
    [224] = {TARGET_IP_LENGTH, 0, 0},      /* ipTotalLength */
    [231] = {TARGET_BYTES, RANK_INITIATOR, 0},          /* initiatorOctets */
    [232] = {TARGET_REVERSE_BYTES, RANK_INITIATOR, 0},  /* responderOctets */
    [233] = {TARGET_EVENT, 0, 0},          /* firewallEvent */
    [243] = {TARGET_VLAN, 1, 0},           /* dot1qVlanId */
    [252] = {TARGET_INPUT_IF, 1, 0},       /* ingressPhysicalInterface */
    [253] = {TARGET_OUTPUT_IF, 1, 0},      /* egressPhysicalInterface */
    [298] = {TARGET_PACKETS, RANK_INITIATOR, 0},        /* initiatorPackets */
    [299] = {TARGET_REVERSE_PACKETS, RANK_INITIATOR, 0}, /* responderPackets */
    [302] = {TARGET_SAMPLER, 0, 0},         /* selectorId */
    [304] = {TARGET_ALGORITHM, 0, 0},       /* selectorAlgorithm */
    [305] = {TARGET_PACKET_INTERVAL, 0, 0}, /* samplingPacketInterval */
    [306] = {TARGET_PACKET_SPACE, 0, 0},    /* samplingPacketSpace */
    [309] = {TARGET_SIZE, 0, 0},            /* samplingSize */
    [310] = {TARGET_POPULATION, 0, 0},      /* samplingPopulation */
    [311] = {TARGET_PROBABILITY, 0, 0},     /* samplingProbability */
    [312] = {TARGET_FRAME_LEN, 0, 0},       /* dataLinkFrameSize */
    [313] = {TARGET_SECTION_IP, 0, 0},      /* ipHeaderPacketSection */
    [315] = {TARGET_SECTION_FRAME, 0, 0},   /* dataLinkFrameSection */
    /* The time of an observation ends a flow where nothing else does (ASA). */
    [322] = {TARGET_END, 1, UNIT_SECOND},
    [323] = {TARGET_END, 1, UNIT_MILLI},
    [324] = {TARGET_END, 1, UNIT_MICRO},
    [325] = {TARGET_END, 1, UNIT_NANO},
    [352] = {TARGET_BYTES, RANK_LAYER2_DELTA, 0}, /* layer2OctetDeltaCount */
    [353] = {TARGET_BYTES, RANK_LAYER2_TOTAL, 0}, /* layer2OctetTotalCount */
    /* Flows instead of packets are sampled (RFC 7014), by ipt_NETFLOW: the rate is said alike. */
    [390] = {TARGET_ALGORITHM, 1, 0},       /* flowSelectorAlgorithm, numbered as 304 is */
    [396] = {TARGET_PACKET_INTERVAL, 1, 0}, /* samplingFlowInterval */
    [397] = {TARGET_PACKET_SPACE, 1, 0},    /* samplingFlowSpacing */
    [408] = {TARGET_FRAME_TYPE, 0, 0},     /* dataLinkFrameType */
    [409] = {TARGET_SECTION_OFFSET, 0, 0}, /* sectionOffset */
};
/* clang-format on */

bool element_len_fits(const struct target *target, size_t len)
{
    switch ((enum target_kind)target->kind) {
    case KIND_UINT:
    case KIND_EITHER:
        return len >= 1 && len <= 8;
    case KIND_ADDR:
        return len == 4 || len == 16;
    case KIND_FLOAT:
        return len == 4 || len == 8;
    case KIND_SECTION:
        return len >= 1;
    }
    return false;
}

struct element_rule element_rule_of(uint32_t enterprise, uint16_t element)
{
    static const struct element_rule none = {TARGET_NONE, 0, 0};

    /* NF_F_FW_EVENT of Cisco's firewalls before 233 was given out */
    if (enterprise == 0 && element == 40005)
        return rules[233];
    if (element >= ELEMENTS_END)
        return none;
    if (enterprise == 0)
        return rules[element];
    if (enterprise != ENTERPRISE_REVERSE)
        return none;
    switch (element) { /* the reverse half of a record; all else is as in the forward half */
    case 1:
    case 85:
    case 352:
    case 353:
        return (struct element_rule){TARGET_REVERSE_BYTES, rules[element].rank, 0};
    case 2:
    case 86:
        return (struct element_rule){TARGET_REVERSE_PACKETS, rules[element].rank, 0};
    case 6:
        return (struct element_rule){TARGET_REVERSE_TCP_FLAGS, 0, 0};
    default:
        return none;
    }
}
