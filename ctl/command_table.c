#include "ctl/commands.h"
#include "ctl/generate.h"
#include "ctl/up.h"

/* What `weir --help` lists, in this order, and what `weir COMMAND --help` prints. */
#define SCOPES                                                                                     \
    "  --platform P | --peer P | --method M | --alarm ID | --family ipv4|ipv6\n"                   \
    "                  only these; without one of them: all\n"

static const struct command commands[] = {
    {"up", "[--state-dir DIR]",
     "run everything here, with two Redis servers of its own; Ctrl-C stops it",
     "  --state-dir DIR  keep journals, logs and a sample weir.yaml there instead of looking for "
     "one\n",
     up_run},
    {"check", "[FILE] | --reference",
     "read the configuration, say every error with line and column",
     "Errors go to standard error, and the exit status is then 1. Of a valid file: what the\n"
     "sampling of each exporter can show, and what of it deserves a second look.\n\n"
     "  --reference  instead, every key of a configuration in Markdown\n",
     check_run},
    {"status", "", "who is alive, who leads, what is on hold, what differs",
     "Exit status 1 when a Redis server cannot be asked; what else is wrong is in the lines with\n"
     "an exclamation mark (JSON: \"warnings\").\n",
     status_run},
    {"top", "[--policy P] [--once]", "the heaviest keys of each policy, live",
     "Redrawn each second; q ends. One shot where there is no terminal.\n\n"
     "  --policy P  only what this policy counts\n"
     "  --once      one shot\n",
     top_run},
    {"exporters", "[--domains | --interfaces]",
     "who sends flow export: formats, sampling and its source, losses, refusals",
     "With those of the configuration that nobody hears. LOST: by the sequence numbers of the\n"
     "format, records or datagrams that did not arrive. REFUSED: weir exporters --json says "
     "why.\n\n"
     "  --domains     the observation domains of each, with refusals by reason; of an exporter "
     "the\n"
     "                8 heard last\n"
     "  --interfaces  what sFlow agents count themselves of their interfaces: rates, and SAMPLED:\n"
     "                how much of them the samples show. About 1 is right; far from it, the\n"
     "                sampling rate is wrong, or samples are lost. Of an exporter 64: those in "
     "doubt\n"
     "                and the busiest\n",
     exporters_run},
    {"recall", "TARGET… [--now TIME] [--before TIME] [--source]",
     "what hit a host or prefix now and before, by protocol and port",
     "As collectors remember it (collector.recall). Rates stand with the bounds that hold the "
     "true\n"
     "one with 95 %; * is a field in which the records differ, - one that they did not give. JSON\n"
     "has all fields, sources and new connections.\n\n"
     "  --now TIME     the last so long (10s)\n"
     "  --before TIME  and what was before, for so long (5m)\n"
     "  --source       what came from it instead, where a policy counts by src_addr\n",
     recall_run},
    {"alarms", "[--all]", "the alarms that have not ended",
     "  --all  also those that have, as long as Redis has them (7 days)\n", alarms_run},
    {"alarm", "ID", "everything about one alarm", "", alarm_run},
    {"mitigations", "[--all]", "the rules that must stand, and why",
     "PEERS counts what speakers say of each peer: sent, refused, held, dry-run, peer-down.\n\n"
     "  --all  also those that have ended, as long as Redis has them (7 days)\n",
     mitigations_run},
    {"mitigation", "ID", "everything about one mitigation, with each speaker and peer", "",
     mitigation_run},
    {"mitigate",
     "METHOD [--destination A] [--source A] [--platform P] [--for TIME] [--reason TEXT] "
     "[--dry-run]\n"
     "       weir mitigate HOST --blackhole | --divert NEXTHOP [--method METHOD] …",
     "start a method of the configuration by hand",
     "Policy decides, with the same guard as for an alarm, and answers within 5 s.\n\n"
     "  --blackhole      a route to nowhere for HOST: all its traffic is dropped\n"
     "  --divert NEXTHOP  a route to a scrubbing centre for HOST\n"
     "  --method METHOD  which, where several have `blackhole` or `divert`\n"
     "  --destination A  address or prefix, where the method infers it\n"
     "  --source A       likewise\n"
     "  --platform P     only at the peers of this platform\n"
     "  --for TIME       gone after that long, such as 10m\n"
     "  --reason TEXT    kept with it\n"
     "  --dry-run        decide and show, send nothing\n",
     mitigate_run},
    {"announce", "'match … then …' --for TIME [--peer P]… [--reason TEXT] [--dry-run]",
     "announce a rule of your own for a time",
     "such as: weir announce 'match destination 198.51.100.45/32 protocol udp source-port 53 then\n"
     "rate-limit 10Mbps' --for 10m. The rule is one argument, in quotes.\n\n"
     "match  destination source protocol port destination-port source-port icmp-type icmp-code\n"
     "       tcp-flags packet-length dscp fragment flow-label, with values such as 53, "
     ">=1024&<=65535\n"
     "then   discard, or rate-limit and a rate\n\n"
     "The guard judges it like any other. weir rule shows what a rule means, weir rule --names\n"
     "the names of values.\n\n"
     "  --for TIME     gone after that long, such as 1h\n"
     "  --peer P       only to this peer; may be given several times\n"
     "  --reason TEXT  kept with it\n"
     "  --dry-run      decide and show, send nothing\n",
     announce_run},
    {"stop", "ID… [--reason TEXT]", "withdraw mitigations",
     "An alarm whose mitigation was stopped starts nothing again until it has ended.\n", stop_run},
    {"withdraw-all", "[SCOPE] [--reason TEXT]",
     "the way out: withdraw routes and announce no more, without policy",
     SCOPES "  --reason TEXT   shown to everybody while the hold stands\n\n"
            "Exit status 1, and its name, when a speaker has not obeyed within 3 s.\n"
            "Works as long as the state Redis server does. With that away too:\n"
            "weir speaker withdraw-all --socket PATH\n",
     withdraw_all_run},
    {"resume", "[SCOPE] [--reason TEXT]", "end a hold that withdraw-all has set",
     SCOPES
     "\nWithout a scope every hold ends. Exit status 1, and its name, when a speaker has not\n"
     "obeyed within 3 s.\n",
     resume_run},
    {"peers", "[PEER]",
     "BGP sessions: state, families, routes, last error; of one: all that is known",
     "IPV4, IPV6: routes that the peer was sent. WANTED: that it should have; those on the way "
     "are\n"
     "PENDING, those that its profile or a limit does not take REFUSED (weir mitigation ID says\n"
     "why). FLAPS: how often an established session ended.\n",
     peers_run},
    {"routes", "[--peer P] [--order]", "which routes must stand at each peer, and what it was sent",
     "  --peer P  only this peer\n"
     "  --order   as a router tries them (RFC 8955, 5.1, or that of its profile), IPv4\n"
     "            first; else the newest first\n",
     routes_run},
    {"jobs", "[--failed] [--limit N]", "what policy told the speakers, and what came of it",
     "  --failed   only those that a peer refused\n"
     "  --limit N  so many of the newest (100)\n",
     jobs_run},
    {"job", "ID", "one job, or all of a mitigation", "ID is that of a job or of a mitigation.\n",
     job_run},
    {"rule", "INPUT [INPUT] [--family ipv4|ipv6] [--communities HEX,…] | --names",
     "all forms of a rule, the guard's verdict, which routers take it; of two: which goes first",
     "INPUT is 'match … then …', JSON ({\"announce\": {\"flow\": …}}) or an NLRI in hex with its\n"
     "length octets. The guard judges by the configuration (JSON: \"guard\" is null without "
     "one).\n\n"
     "  --family F         the family of hex, and of a rule that does not show its own (ipv4)\n"
     "  --communities HEX  the actions of hex: extended communities of 16 hex digits, with "
     "commas;\n"
     "                     of 40 those of attribute 25\n"
     "  --names            the names that values may have\n",
     rule_run},
    {"speaker",
     "withdraw-all|resume|status [SCOPE] [--socket PATH]… [--reason TEXT] | retry PEER [ID] | dump "
     "FILE|- | forget NAME",
     "talk to a speaker directly: works with everything else down",
     "retry: what a peer's session fell over again and again is not sent to it any more; have all\n"
     "of that tried again, or that of one mitigation (weir peers PEER shows them).\n"
     "dump: what each peer was sent and has, as an MRT file (RFC 6396) for bgpdump and others.\n"
     "forget: of a speaker that is gone for good, and no longer runs, nothing waits any more, and\n"
     "withdraw-all and resume do not ask for it. Needs state Redis and policy.\n\n"
     "  --socket PATH   the speaker's socket; may be given several times (speaker.socket of the\n"
     "                  configuration)\n" SCOPES "  --reason TEXT   shown while the hold stands\n\n"
     "Exit status 1, and its name, when one was not reached.\n",
     speaker_run},
    {"redis-cli", "[--admin] state|NAME [ARGUMENT…]",
     "redis-cli at a Redis server of the configuration, as the user `operator`",
     "NAME is that of a telemetry server; telemetry is the first. What follows is redis-cli's, "
     "such\n"
     "as: weir redis-cli state HGETALL weir:hold\n\n"
     "  --admin  as the user `admin`, who may do everything\n",
     redis_cli_run},
    {"redis-acl", "state|NAME [--to FILE] [--make-passwords]",
     "the ACL file of a Redis server: what each process and people may do there",
     "NAME is that of a telemetry server of the configuration; telemetry is its first. Passwords\n"
     "are those of redis.password_dir/USER.pw, as they are, so keep it to yourself; a user "
     "without\n"
     "one is off. Keys begin with redis.prefix. `weir up` does this for the servers it starts.\n\n"
     "  --to FILE         write it there, readable by its owner alone\n"
     "  --make-passwords  first make those that are missing\n",
     redis_acl_run},
    {"decode", "FILE|- … [--text] [--all-fields] [--hold-back]",
     "flow records of captures or IPFIX files as JSON, one a line",
     "FILE is pcap, pcapng or IPFIX messages, such as the collector's archive has them; - is\n"
     "standard input. What was refused is counted on standard error by reason. Octets and packets\n"
     "are as exported, before scaling; counted_octets and counted_packets beside them are what\n"
     "counts where earlier records of the flow told a part of them. What a NAT or a firewall made "
     "of\n"
     "the packets (post_nat_source_ipv4_address, nat_event, …) is printed, and counts nowhere. "
     "With\n"
     "--config the sampling rates that it says for exporters count.\n\n"
     "  --text        a line for people\n"
     "  --all-fields  also each field of NetFlow 9 and IPFIX by its name, used by weir or not\n"
     "  --hold-back   data before its template waits for it, as in the collector\n",
     decode_run},
    {"replay", "FILE --to HOST:PORT [OPTIONS]", "send the export datagrams of a capture again",
     "FILE is pcap, pcapng or IPFIX messages; - is standard input. Datagrams go out as they are, "
     "in\n"
     "their order and at their times; fragments are put together first.\n\n"
     "  --to HOST:PORT         such as 127.0.0.1:2055\n"
     "  --speed 10x            that much faster than it was captured (1x)\n"
     "  --rate 100k            so many datagrams a second instead; max: as fast as it goes\n"
     "  --loop N               so often, one after the other; 0: until Ctrl-C (1)\n"
     "  --from ADDRESS         send from this address of this machine\n"
     "  --exporters-as PREFIX  each exporter of the capture from an address of its own out of "
     "this\n"
     "                         prefix, such as 127.0.1.0/24, in the order in which they come\n"
     "  --map FROM=AS,…        the exporter FROM from the address AS of this machine\n"
     "  --port N               only datagrams that went to that port\n\n"
     "Without the three of them what arrives comes from this machine's address, whoever exported "
     "it.\n",
     replay_run},
    {"generate", "--proto sflow|netflow5|netflow9|ipfix --to HOST:PORT|--write FILE [OPTIONS]",
     "send, or write, the flow export of a network and of an attack",
     "such as: weir generate --to 127.0.0.1:2055 --proto netflow9 --attack dns-amplification\n"
     "--attack-volume 3Gbps --duration 1m. On a terminal it says what it does; at the end what "
     "was\n"
     "there before sampling, and what the records say.\n\n"
     "  --write FILE           a capture, beside sending; without --to in a time of its own, at\n"
     "                         once, and the same for the same options\n"
     "  --start TIME           when that begins (2026-01-01T00:00:00Z)\n"
     "  --rate N               records (sFlow: samples) a second of ordinary traffic (1k); with\n"
     "                         --volume flows before sampling; max: as fast as it goes\n"
     "  --volume RATE          what it adds up to before sampling, such as 200Mbps; 0: as it "
     "comes\n"
     "  --duration TIME        stop after that long; 0s: at Ctrl-C (10s)\n"
     "  --seed N               other seeds, other flows (1)\n\n"
     "the network\n"
     "  --network LIST         prefixes, or names of networks of the configuration; else with\n"
     "                         --config all that are ours, or 198.51.100.0/24\n"
     "  --hosts N              hosts in it (200)\n"
     "  --sources N            hosts outside (5k)\n"
     "  --zipf X               the n-th host has 1/n^X of the first one's traffic (1); 0: all "
     "alike\n"
     "  --tail X               exponent of the sizes of flows, from 1: few are very large (1.2), "
     "to\n"
     "                         10: all alike\n"
     "  --direction D          both, in or out (both)\n"
     "  --day TIME             how long a day is, 0s: always the same (0s)\n"
     "  --day-swing SHARE      a host's traffic rises and falls by (60%)\n"
     "  --day-at TIME          when in the day it begins (0s: midnight)\n\n"
     "the attack\n"
     "  --attack NAME          a vector: udp-flood, syn-flood, dns-amplification …; ? lists them\n"
     "  --target LIST          addresses and prefixes (the network's first host; carpet-bombing:\n"
     "                         the network)\n"
     "  --attack-rate N        its records a second, as --rate (1k)\n"
     "  --attack-volume RATE   as --volume (0)\n"
     "  --attack-after TIME    when it begins (0s)\n"
     "  --attack-for TIME      how long it lasts, 0s: until the end (0s)\n"
     "  --attack-shape S       constant, ramp (rises through the first period) or pulse (half of\n"
     "                         each) (constant)\n"
     "  --attack-period TIME   (10s)\n"
     "  --attack-sources N     addresses it comes from; 0: as such attacks have (0)\n\n"
     "exporters\n"
     "  --exporters N          routers, which share the traffic (1)\n"
     "  --from LIST            their addresses, or prefixes to take them from (127.0.1.1 and on,\n"
     "                         where it goes to this machine)\n"
     "  --domains N            observation domains, engines or sub-agents of each (1)\n"
     "  --domain N             the number of the first: another for each that sends from one\n"
     "                         address at once, as collectors tell them by it (1)\n"
     "  --sampling N           sampled 1 in N at random (1)\n"
     "  --announce HOW         it is told by options of a sampler, of the exporter, in each "
     "record, or\n"
     "                         never: sampler, exporter, record, none (sampler)\n"
     "  --template-interval T  templates and options come again after (10s)\n"
     "  --counter-interval T   interface counters of sFlow after (20s); 0s: never\n"
     "  --hold TIME            how long records wait for their datagram to be full (0s; 100ms "
     "with\n"
     "                         --write alone)\n"
     "  --active-timeout TIME  flows last up to that long (0s)\n"
     "  --flow-duration TIME   each lasts that long (0s)\n",
     generate_run},
};

const struct command *command_table(size_t *ret_count)
{
    *ret_count = sizeof(commands) / sizeof(commands[0]);
    return commands;
}
