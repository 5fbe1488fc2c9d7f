#include "speaker/speaker_metrics.h"

#include "common/base/metrics.h"
#include "speaker/bgp/received.h"

#include <string.h>

/* Labels by peer have as many series as there can be peers, and some that went. */
enum { PEERS = 2 * DESIRED_PEERS_MAX };

static struct metric_family peer_up = {.name = "weir_speaker_peer_up",
                                       .help = "1 while the BGP session is established",
                                       .type = METRIC_GAUGE,
                                       .labels = {"peer"},
                                       .series_max = PEERS};
static struct metric_family active_rules = {.name = "weir_flowspec_active_rules",
                                            .help = "routes that the peer was sent and has",
                                            .type = METRIC_GAUGE,
                                            .labels = {"peer", "family"},
                                            .series_max = 2 * PEERS};
static struct metric_family peer_routes = {
    .name = "weir_speaker_peer_routes",
    .help = "routes of a peer: wanted, those of them that wait for their turn (pending), those "
            "that its profile or a limit does not take (refused), and those that its session fell "
            "over again and again, wanted or not (quarantined)",
    .type = METRIC_GAUGE,
    .labels = {"peer", "state"},
    .series_max = 4 * PEERS};
static struct metric_family falls = {.name = "weir_speaker_sessions_lost_total",
                                     .help = "established sessions that ended",
                                     .type = METRIC_COUNTER,
                                     .labels = {"peer"},
                                     .series_max = PEERS};
static struct metric_family deployed = {.name = "weir_flowspec_rules_deployed_total",
                                        .help = "mitigations that reached at least one peer",
                                        .type = METRIC_COUNTER};
static struct metric_family time_to_mitigate = {
    .name = "weir_time_to_mitigate_seconds",
    .help = "threshold crossed to the first UPDATE written",
    .type = METRIC_HISTOGRAM,
    .buckets = {0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300}};
static struct metric_family job_written = {
    .name = "weir_speaker_job_seconds",
    .help = "entry of the job stream read to its UPDATEs written, to all peers that took them",
    .type = METRIC_HISTOGRAM,
    .buckets = {0.0002, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
                1, 2, 5}};
static struct metric_family updates = {.name = "weir_speaker_updates_sent_total",
                                       .help = "UPDATE messages written",
                                       .type = METRIC_COUNTER,
                                       .labels = {"peer", "kind"},
                                       .series_max = 2 * PEERS};
static struct metric_family routes = {.name = "weir_speaker_routes_sent_total",
                                      .help = "routes in those UPDATEs",
                                      .type = METRIC_COUNTER,
                                      .labels = {"peer", "kind"},
                                      .series_max = 2 * PEERS};
/* By their number; 0 is for what is none of them. */
static const char *const notification_codes[] = {"other", "header", "open", "update",
                                                 "hold",  "fsm",    "cease"};
enum { NOTIFICATION_CODES = sizeof(notification_codes) / sizeof(notification_codes[0]) };
static const char *const directions[] = {"in", "out"};
static struct metric_family notifications = {.name = "weir_speaker_notifications_total",
                                             .help = "NOTIFICATION messages by direction and code",
                                             .type = METRIC_COUNTER,
                                             .labels = {"peer", "direction", "code"},
                                             .series_max = 2 * NOTIFICATION_CODES * PEERS};
static struct metric_family tolerated = {
    .name = "weir_speaker_updates_tolerated_total",
    .help = "UPDATEs of the peer with a mistake that costs their sender routes and not the session",
    .type = METRIC_COUNTER,
    .labels = {"peer", "mistake"},
    .series_max = RECEIVED_MISTAKES * PEERS};
static struct metric_family results = {.name = "weir_speaker_results_total",
                                       .help = "what peers were sent or refused",
                                       .type = METRIC_COUNTER,
                                       .labels = {"result"},
                                       .series_max = RESULT_KIND_COUNT};
static struct metric_family refused = {.name = "weir_speaker_refused_total",
                                       .help = "routes not sent, by reason",
                                       .type = METRIC_COUNTER,
                                       .labels = {"reason"},
                                       .series_max = 16};
static const char *const quarantine_outcomes[] = {"taken", "crowded-out"};
static struct metric_family quarantine = {
    .name = "weir_speaker_quarantine_total",
    .help = "routes that a peer's session fell over again and again, and that it is not sent any "
            "more (taken); the oldest where there are too many, which is tried again (crowded-out)",
    .type = METRIC_COUNTER,
    .labels = {"outcome"},
    .series_max = 2};
static struct metric_family ended = {.name = "weir_speaker_ended_total",
                                     .help = "mitigations that ended here without policy's word",
                                     .type = METRIC_COUNTER,
                                     .labels = {"reason"},
                                     .series_max = 4};
static struct metric_family jobs = {.name = "weir_speaker_jobs_total",
                                    .help = "entries of the job stream by outcome",
                                    .type = METRIC_COUNTER,
                                    .labels = {"outcome"},
                                    .series_max = 8};
static struct metric_family strangers = {.name = "weir_speaker_strangers_total",
                                         .help = "connections from addresses that are no peer",
                                         .type = METRIC_COUNTER};
static const char *const connection_refusals[CONNECTION_REFUSALS] = {
    "not-now", "too-far", "unsigned", "limit", "broken", "elsewhere"};
static struct metric_family connections_refused = {
    .name = "weir_speaker_connections_refused_total",
    .help = "connections of peers that were turned away: one that has a session, is not to connect "
            "or flaps (not-now), gtsm_hops (too-far), a password that could not be set (unsigned), "
            "max_sessions or no place (limit), the connection was gone (broken), or it came to "
            "another address than local_address (elsewhere)",
    .type = METRIC_COUNTER,
    .labels = {"reason"},
    .series_max = CONNECTION_REFUSALS};
static struct metric_family results_lost = {.name = "weir_speaker_results_lost_total",
                                            .help = "results that the state server did not take; "
                                                    "they are said again when it does",
                                            .type = METRIC_COUNTER};
static struct metric_family differences = {
    .name = "weir_speaker_differences_total",
    .help = "what differed when all was compared, and was repaired: changes that no job had told, "
            "mitigations that the journal lacked, routes of a peer",
    .type = METRIC_COUNTER,
    .labels = {"what"},
    .series_max = 4};
static const char *const difference_names[] = {"untold", "journal", "routes"};
static struct metric_family results_waiting = {
    .name = "weir_speaker_results_waiting",
    .help =
        "results that were not told yet: those in the queue, and mitigations that found no room "
        "in it",
    .type = METRIC_GAUGE};
static struct metric_family journal_errors = {.name = "weir_speaker_journal_errors_total",
                                              .help = "writes that the journal's disk refused",
                                              .type = METRIC_COUNTER};
static struct metric_family standing = {.name = "weir_speaker_mitigations",
                                        .help = "mitigations that must stand",
                                        .type = METRIC_GAUGE};
static struct metric_family dry_run = {
    .name = "weir_speaker_dry_run",
    .help = "1 while the configuration's dry_run holds: no route is sent",
    .type = METRIC_GAUGE};
static struct metric_family missing = {
    .name = "weir_speaker_missing_mitigations",
    .help = "mitigations that stand here and that the state server has lost",
    .type = METRIC_GAUGE};

static const char *const refusal_reasons[] = {
    "guard", "profile", "family", "budget", "shadow", "encoding", "quarantine", "exabgp", "other"};
enum { REFUSAL_REASONS = sizeof(refusal_reasons) / sizeof(refusal_reasons[0]) };
static const char *const route_states[] = {"wanted", "pending", "refused", "quarantined"};
enum { ROUTE_STATES = sizeof(route_states) / sizeof(route_states[0]) };
static const char *const update_kinds[] = {"announce", "withdraw"};
static const char *const end_names[] = {"until", "lease", "orphan"};

static const char *const exabgp_answers[SPEAKER_EXABGP_ANSWERS] = {"done", "error", "lost"};
static struct metric_family exabgp = {
    .name = "weir_speaker_exabgp_answers_total",
    .help =
        "commands to ExaBGP by its answer; lost: it is not known which, and they are said again",
    .type = METRIC_COUNTER,
    .labels = {"answer"},
    .series_max = SPEAKER_EXABGP_ANSWERS};

void speaker_metrics_declare(void)
{
    struct metric_family *const all[] = {&peer_up,       &active_rules,
                                         &peer_routes,   &falls,
                                         &deployed,      &time_to_mitigate,
                                         &updates,       &routes,
                                         &notifications, &results,
                                         &refused,       &ended,
                                         &jobs,          &strangers,
                                         &results_lost,  &results_waiting,
                                         &differences,   &journal_errors,
                                         &standing,      &missing,
                                         &dry_run,       &connections_refused,
                                         &job_written,   &tolerated,
                                         &exabgp,        &quarantine};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        metrics_declare(all[i]);
    /* From 0 on: of a series that begins at 1, Prometheus does not see the first step. */
    for (size_t i = 0; i < REFUSAL_REASONS; i++)
        (void)metric_at(&refused, &refusal_reasons[i]);
    for (size_t i = 0; i < sizeof(end_names) / sizeof(end_names[0]); i++)
        (void)metric_at(&ended, &end_names[i]);
    for (size_t i = 0; i < CONNECTION_REFUSALS; i++)
        (void)metric_at(&connections_refused, &connection_refusals[i]);
    for (size_t i = 0; i < SPEAKER_EXABGP_ANSWERS; i++)
        (void)metric_at(&exabgp, &exabgp_answers[i]);
    speaker_metrics_differences(0, 0, 0);
    for (int i = 0; i < RESULT_KIND_COUNT; i++)
        (void)metric_at(&results, (const char *const[]){result_kind_name((enum result_kind)i)});
}

static void count(struct metric_family *family, const char *label)
{
    metric_add(metric_at(family, &label), 1);
}

void speaker_metrics_job_written(uint64_t took_us)
{
    metric_observe(metric_of(&job_written), (double)took_us / 1e6);
}

void speaker_metrics_exabgp(enum speaker_exabgp answer)
{
    count(&exabgp, exabgp_answers[answer]);
}

void speaker_metrics_peer_new(const char *name)
{
    /* From 0 on, as the others: what is sent or comes first is otherwise not seen. */
    (void)metric_at(&falls, &name);
    for (size_t i = 0; i < sizeof(update_kinds) / sizeof(update_kinds[0]); i++) {
        const char *labels[] = {name, update_kinds[i]};
        (void)metric_at(&updates, labels);
        (void)metric_at(&routes, labels);
    }
    for (enum received_mistake m = 0; m < RECEIVED_MISTAKES; m++)
        (void)metric_at(&tolerated, (const char *const[]){name, received_mistake_name(m)});
    for (size_t i = 0; i < 2 * NOTIFICATION_CODES; i++) {
        const char *labels[] = {name, directions[i % 2], notification_codes[i / 2]};
        (void)metric_at(&notifications, labels);
    }
}

/* The name alone is Flowspec, which came first. */
static const char *family_label(enum bgp_family family)
{
    static const char *const names[BGP_FAMILIES] = {[BGP_FLOW4] = "ipv4",
                                                    [BGP_FLOW6] = "ipv6",
                                                    [BGP_UNICAST4] = "ipv4-unicast",
                                                    [BGP_UNICAST6] = "ipv6-unicast"};
    return names[family];
}

void speaker_metrics_peer(const struct peer *peer)
{
    const char *name = peer->settings.name;
    if (!peer->told)
        return; /* it came from a prefix, and may be anybody */
    metric_set(metric_at(&peer_up, &name), peer_is_up(peer) ? 1 : 0);
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
        const char *labels[] = {name, family_label(f)};
        metric_set(metric_at(&active_rules, labels), (double)peer->rib_out.announced[f]);
    }
}

void speaker_metrics_peer_routes(const struct peer *peer, size_t refused_now)
{
    const char *name = peer->settings.name;
    const uint64_t numbers[ROUTE_STATES] = {rib_out_wanted_count(&peer->rib_out),
                                            rib_out_pending(&peer->rib_out), refused_now,
                                            peer->quarantined};
    for (size_t i = 0; i < ROUTE_STATES; i++)
        metric_set(metric_at(&peer_routes, (const char *const[]){name, route_states[i]}),
                   (double)numbers[i]);
}

void speaker_metrics_session_lost(const char *peer)
{
    count(&falls, peer);
}

void speaker_metrics_peer_gone(const char *name)
{
    metric_drop(&peer_up, &name);
    for (enum bgp_family f = 0; f < BGP_FAMILIES; f++)
        metric_drop(&active_rules, (const char *const[]){name, family_label(f)});
    for (size_t i = 0; i < ROUTE_STATES; i++)
        metric_drop(&peer_routes, (const char *const[]){name, route_states[i]});
}

void speaker_metrics_update(const char *peer, bool withdrawal, size_t route_count)
{
    const char *labels[] = {peer, update_kinds[withdrawal]};
    metric_add(metric_at(&updates, labels), 1);
    metric_add(metric_at(&routes, labels), route_count);
}

void speaker_metrics_notification(const char *peer, const struct bgp_error *error, bool sent)
{
    const char *labels[] = {peer, directions[sent],
                            notification_codes[error->code < NOTIFICATION_CODES ? error->code : 0]};
    metric_add(metric_at(&notifications, labels), 1);
}

void speaker_metrics_tolerated(const char *peer, unsigned int mistakes)
{
    for (enum received_mistake m = 0; m < RECEIVED_MISTAKES; m++) {
        const char *labels[] = {peer, received_mistake_name(m)};
        if ((mistakes >> m & 1) != 0)
            metric_add(metric_at(&tolerated, labels), 1);
    }
}

void speaker_metrics_result(enum result_kind kind, const char *why)
{
    /* The way by its name takes longer than all else that is done with a result here. */
    static struct metric_series *of_kind[RESULT_KIND_COUNT];
    if (of_kind[kind] == NULL)
        of_kind[kind] = metric_at(&results, (const char *const[]){result_kind_name(kind)});
    metric_add(of_kind[kind], 1);
    if (kind != RESULT_REFUSED)
        return;
    size_t i = 0, len = 0;
    for (; i < REFUSAL_REASONS - 1; i++) {
        len = strlen(refusal_reasons[i]);
        if (strncmp(why, refusal_reasons[i], len) == 0 && why[len] == ':')
            break;
    }
    count(&refused, refusal_reasons[i]); /* the last one is for what is none of them */
}

void speaker_metrics_quarantine(bool crowds_out)
{
    count(&quarantine, quarantine_outcomes[0]);
    if (crowds_out)
        count(&quarantine, quarantine_outcomes[1]);
}

void speaker_metrics_ended(enum desired_end end)
{
    count(&ended, end == DESIRED_UNTIL ? "until" : end == DESIRED_LEASE ? "lease" : "orphan");
}

void speaker_metrics_deployed(uint64_t since_crossed_us)
{
    metric_add(metric_of(&deployed), 1);
    if (since_crossed_us != 0)
        metric_observe(metric_of(&time_to_mitigate), (double)since_crossed_us / 1e6);
}

void speaker_metrics_job(enum job_outcome outcome)
{
    static const char *const names[JOB_OUTCOMES] = {"taken", "older", "unreadable", "gap"};
    static struct metric_series *of[JOB_OUTCOMES];
    if (of[outcome] == NULL)
        of[outcome] = metric_at(&jobs, &names[outcome]);
    metric_add(of[outcome], 1);
}

void speaker_metrics_stranger(void)
{
    metric_add(metric_of(&strangers), 1);
}

void speaker_metrics_connection_refused(enum connection_refusal why)
{
    count(&connections_refused, connection_refusals[why]);
}

void speaker_metrics_result_lost(void)
{
    metric_add(metric_of(&results_lost), 1);
}

void speaker_metrics_differences(size_t untold, size_t unwritten, size_t unwanted)
{
    const size_t numbers[] = {untold, unwritten, unwanted};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        metric_add(metric_at(&differences, &difference_names[i]), numbers[i]);
}

void speaker_metrics_results_waiting(size_t number)
{
    metric_set(metric_of(&results_waiting), (double)number);
}

void speaker_metrics_journal_failed(void)
{
    metric_add(metric_of(&journal_errors), 1);
}

void speaker_metrics_dry_run(bool is_dry)
{
    metric_set(metric_of(&dry_run), is_dry);
}

void speaker_metrics_standing(size_t number, size_t missing_number)
{
    metric_set(metric_of(&standing), (double)number);
    metric_set(metric_of(&missing), (double)missing_number);
}
