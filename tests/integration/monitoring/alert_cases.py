"""When each alert of weir.rules.yaml fires and when it does not, as promtool takes it: series of one scrape each 15 s.

A case is (labels of the alert, series with which it fires, sets of series with which it is silent). Series have
a job and instance="h:1" besides the labels that are written here. As all rules tell jobs apart, the cases are all
asked at once, each as a job of its own: minutes less than one after the other. Only of `up` the rules name the job."""
INTERVAL_S, LENGTH = 15, 300
AT, AT_S = "70m", 4200
LAST = AT_S // INTERVAL_S  # the scrape at that time
AT_OF_UP, LAST_OF_UP = "10m", 40

GROWS, STAYS, ONCE = f"0+1x{LENGTH}", f"7x{LENGTH}", f"0x4 9x{LENGTH - 4}"  # counters: all the time, not, long ago
ON, OFF = f"1x{LENGTH}", f"0x{LENGTH}"
# Just before the end: for half a minute, and at the last scrape.
DIPS, RISES = f"1x{LAST - 3} 0x{LENGTH}", f"0x{LAST - 3} 1x{LENGTH}"
LAST_DIPS, LAST_RISES = f"1x{LAST - 1} 0x{LENGTH}", f"0x{LAST - 1} 1x{LENGTH}"
FLAPS = "1 0 " * (LENGTH // 2)

JOB, BOTH = ["job"], ["job", "instance"]


def growing(metric, *labels, keep=BOTH):
    """Fires while a counter grows, and neither at rest nor for what was an hour ago."""
    name = f"{metric}{{{','.join(labels)}}}"
    return ([*keep, *labels], {name: GROWS}, [{name: STAYS}, {name: ONCE}])


CASES = {
    # Processes
    "WeirProcessDown": (BOTH, {"up": OFF}, [{"up": ON}, {"up": f"1x{LAST_OF_UP - 3} 0x{LENGTH}"}]),
    "WeirNotScraped": (JOB, {'up{job="else"}': ON}, [{"up": ON}, {"up": OFF}]),
    "WeirRestarts": (BOTH, {"weir_process_start_time_seconds": f"0x{LAST - 20} " + "7 8 9 " * 20},
                     [{"weir_process_start_time_seconds": STAYS}, {"weir_process_start_time_seconds": RISES}]),
    "WeirReloadRefused": growing("weir_policy_reloads_total", 'result="refused"'),
    "WeirVersionsDiffer": (JOB, {'weir_build_info{version="1"}': ON, 'weir_build_info{version="2",instance="h:2"}': ON},
                           [{'weir_build_info{version="1"}': ON, 'weir_build_info{version="1",instance="h:2"}': ON}]),
    "WeirMetricsOverflow": (BOTH, {"weir_metrics_overflow_total": GROWS}, [{"weir_metrics_overflow_total": STAYS}, {"weir_metrics_overflow_total": ONCE}]),
    "WeirDryRun": (BOTH, {"weir_speaker_dry_run": f"1x{LENGTH}"}, [{"weir_speaker_dry_run": OFF, "weir_policy_dry_run": OFF}]),
    # Flows
    "WeirNoFlows": (JOB, {'weir_collector_records_total{format="ipfix"}': OFF, 'weir_collector_records_total{format="sflow5"}': STAYS},
                    [{'weir_collector_records_total{format="ipfix"}': GROWS, 'weir_collector_records_total{format="sflow5"}': STAYS}]),
    "WeirExporterSilent": (["job", 'exporter="192.0.2.1"'],
                           {'weir_collector_exporter_datagrams_total{exporter="192.0.2.1"}': f"0+1x100 100x{LENGTH}",
                            'weir_collector_exporter_datagrams_total{exporter="192.0.2.2"}': GROWS},
                           [{'weir_collector_exporter_datagrams_total{exporter="192.0.2.1"}': GROWS},
                            {'weir_collector_exporter_datagrams_total{exporter="192.0.2.1"}': STAYS}]),
    "WeirKernelDrops": (BOTH, {'weir_collector_kernel_drops_total{worker="0"}': STAYS, 'weir_collector_kernel_drops_total{worker="1"}': GROWS},
                        [{'weir_collector_kernel_drops_total{worker="0"}': STAYS}, {'weir_collector_kernel_drops_total{worker="0"}': ONCE}]),
    "WeirReceiveErrors": growing("weir_collector_receive_errors_total"),
    # 1 of 51 does not count; then 1 of 1001, and none.
    "WeirRefusals": ([*BOTH, 'format="ipfix"', 'reason="UNLISTED"'],
                     {'weir_collector_records_total{format="ipfix"}': f"0+50x{LENGTH}",
                      'weir_collector_refused_total{format="ipfix",reason="UNLISTED"}': GROWS},
                     [{'weir_collector_records_total{format="ipfix"}': f"0+1000x{LENGTH}",
                       'weir_collector_refused_total{format="ipfix",reason="UNLISTED"}': GROWS},
                      {'weir_collector_records_total{format="ipfix"}': f"0+50x{LENGTH}"}]),
    "WeirSequenceGaps": growing("weir_collector_sequence_gaps_total", 'exporter="192.0.2.1"', keep=JOB),
    "WeirTwoSenders": (["job", 'exporter="192.0.2.1"'], {'weir_collector_two_senders{exporter="192.0.2.1"}': ON},
                       [{'weir_collector_two_senders{exporter="192.0.2.1"}': OFF}, {'weir_collector_two_senders{exporter="192.0.2.1"}': RISES}]),
    "WeirSamplingUnknown": growing("weir_collector_sampling_unknown_total"),
    "WeirSamplingMismatch": (["job", 'exporter="192.0.2.1"'], {'weir_collector_rate_mismatches{exporter="192.0.2.1"}': ON},
                             [{'weir_collector_rate_mismatches{exporter="192.0.2.1"}': OFF},
                              {'weir_collector_rate_mismatches{exporter="192.0.2.1"}': RISES}]),
    "WeirEvictions": growing("weir_collector_evicted_total", 'what="template"'),
    # Counts
    "WeirRedisDown": ([*BOTH, 'server="state"'], {'weir_redis_up{server="state"}': OFF},
                      [{'weir_redis_up{server="state"}': ON}, {'weir_redis_up{server="state"}': LAST_DIPS}]),
    "WeirRedisSlow": ([*BOTH, 'server="state"'],
                      {'weir_redis_command_seconds_bucket{server="state",le="0.5"}': f"0+95x{LENGTH}",
                       'weir_redis_command_seconds_bucket{server="state",le="2.5"}': f"0+100x{LENGTH}",
                       'weir_redis_command_seconds_bucket{server="state",le="+Inf"}': f"0+100x{LENGTH}"},
                      [{f'weir_redis_command_seconds_bucket{{server="{server}",le="{le}"}}': f"0+{n}x{LENGTH}"
                        for le, n in (("0.5", fast), ("2.5", 1000), ("+Inf", 1000))}
                       for server, fast in (("state", 995), ("state-reader", 10))]),
    "WeirRedisRefused": growing("weir_redis_refused_total", 'server="t1"', 'reason="away"'),
    "WeirRedisFull": growing("weir_redis_full_total", 'server="t1"'),
    "WeirStreamsTrimmed": growing("weir_redis_trimmed_entries_total", 'server="t1"'),
    "WeirDeltasMerged": growing("weir_collector_delta_merged_total"),
    "WeirDeltasLost": growing("weir_collector_delta_dropped_total"),
    "WeirBatchesMissing": growing("weir_aggregator_missing_batches_total"),
    "WeirAggregatorLag": (BOTH, {"weir_aggregator_lag_seconds": f"3x{LENGTH}"},
                          [{"weir_aggregator_lag_seconds": ON}, {"weir_aggregator_lag_seconds": f"0x{LAST - 2} 30x{LENGTH}"}]),
    "WeirCollectorBlind": (BOTH, {"weir_aggregator_blind_contributors": ON}, [{"weir_aggregator_blind_contributors": OFF}]),
    "WeirTwinCollectors": growing("weir_aggregator_twin_batches_total"),
    "WeirBatchesUnreadable": (BOTH, {"weir_aggregator_malformed_batches_total": STAYS, "weir_aggregator_refused_rows_total": GROWS},
                              [{"weir_aggregator_malformed_batches_total": STAYS, "weir_aggregator_refused_rows_total": ONCE}]),
    "WeirConfigurationsDiffer": growing("weir_aggregator_unknown_rows_total"),
    "WeirKeysFull": (BOTH, {"weir_aggregator_evicted_keys_total": GROWS, "weir_aggregator_crowded_rows_total": STAYS},
                     [{"weir_aggregator_evicted_keys_total": STAYS, "weir_aggregator_crowded_rows_total": ONCE}]),
    "WeirTicksTruncated": growing("weir_aggregator_truncated_ticks_total"),
    "WeirTicksSuperseded": growing("weir_aggregator_superseded_ticks_total"),
    "WeirClocksDiffer": growing("weir_aggregator_future_batches_total"),
    # Policy
    "WeirNoLeader": (JOB, {"weir_policy_leader": OFF, 'weir_policy_leader{instance="h:2"}': OFF},
                     [{"weir_policy_leader": OFF, 'weir_policy_leader{instance="h:2"}': ON},
                      {"weir_policy_leader": LAST_DIPS}]),
    # A standby says 0 of every shard.
    "WeirShardBlind": (["job", 'shard="s0"'], {'weir_policy_shard_blind{shard="s0"}': ON, 'weir_policy_shard_blind{shard="s0",instance="h:2"}': OFF},
                       [{'weir_policy_shard_blind{shard="s0"}': OFF}, {'weir_policy_shard_blind{shard="s0"}': LAST_RISES}]),
    "WeirTicksUnusable": ([*BOTH, 'outcome="stale"'],
                          {'weir_policy_ticks_total{outcome="stale"}': GROWS, 'weir_policy_ticks_total{outcome="used"}': GROWS},
                          [{'weir_policy_ticks_total{outcome="stale"}': STAYS, 'weir_policy_ticks_total{outcome="used"}': GROWS},
                           {'weir_policy_ticks_total{outcome="idle"}': GROWS}]),
    "WeirAlarmsFrozen": (JOB, {'weir_policy_alarms{severity="minor",state="frozen"}': ON},
                         [{'weir_policy_alarms{severity="minor",state="active"}': ON, 'weir_policy_alarms{severity="minor",state="frozen"}': OFF}]),
    "WeirAttack": (JOB, {'weir_policy_alarms{severity="critical",state="active"}': ON},
                   [{'weir_policy_alarms{severity="notice",state="active"}': ON}, {'weir_policy_alarms{severity="critical",state="clearing"}': ON},
                    {'weir_policy_alarms{severity="critical",state="active"}': OFF}]),
    "WeirAttackUnanswered": (JOB, {'weir_policy_alarms{severity="critical",state="active"}': ON, 'weir_policy_mitigations{state="active"}': OFF,
                                   'weir_policy_mitigations{state="withdrawing"}': ON},
                             [{'weir_policy_alarms{severity="critical",state="active"}': ON, 'weir_policy_mitigations{state="active"}': ON},
                              {'weir_policy_alarms{severity="minor",state="active"}': ON, 'weir_policy_mitigations{state="active"}': OFF},
                              {'weir_policy_alarms{severity="critical",state="active"}': RISES, 'weir_policy_mitigations{state="active"}': OFF}]),
    "WeirMitigationStuck": (["job", 'state="announcing"'], {'weir_policy_mitigations{state="announcing"}': ON},
                            [{'weir_policy_mitigations{state="active"}': ON}, {'weir_policy_mitigations{state="announcing"}': FLAPS}]),
    "WeirGuardRefusals": growing("weir_policy_guard_refusals_total", 'reason="protected"', keep=JOB),
    "WeirPolicyFull": ([*BOTH, 'what="keys"'], {'weir_policy_at_maximum{what="keys"}': ON}, [{'weir_policy_at_maximum{what="keys"}': OFF}]),
    "WeirWritesFail": ([*BOTH, 'outcome="REFUSED"'], {'weir_policy_writes_total{outcome="REFUSED"}': GROWS},
                       [{'weir_policy_writes_total{outcome="OK"}': GROWS, 'weir_policy_writes_total{outcome="HELD"}': GROWS},
                        {'weir_policy_writes_total{outcome="REFUSED"}': STAYS}]),
    "WeirStateLost": (BOTH, {"weir_policy_state_lost_total": f"0x{LAST // 2} 1x{LENGTH}"}, [{"weir_policy_state_lost_total": STAYS}, {"weir_policy_state_lost_total": ONCE}]),
    "WeirSlowToMitigate": (JOB, {f'weir_time_to_mitigate_seconds_bucket{{le="{le}"}}': f"0+{n}x{LENGTH}"
                                 for le, n in (("1", 8), ("3", 8), ("5", 10), ("+Inf", 10))},
                           [{f'weir_time_to_mitigate_seconds_bucket{{le="{le}"}}': f"0+{n}x{LENGTH}"
                             for le, n in (("1", 8), ("3", 10), ("5", 10), ("+Inf", 10))},
                            {f'weir_time_to_mitigate_seconds_bucket{{le="{le}"}}': OFF for le in ("1", "+Inf")}]),
    # Speaker
    "WeirPeerDown": ([*BOTH, 'peer="edge1"'], {'weir_speaker_peer_up{peer="edge1"}': OFF, 'weir_speaker_peer_up{peer="edge2"}': ON},
                     [{'weir_speaker_peer_up{peer="edge1"}': ON}, {'weir_speaker_peer_up{peer="edge1"}': DIPS}]),
    "WeirPeerFlaps": ([*BOTH, 'peer="edge1"'], {'weir_speaker_peer_up{peer="edge1"}': FLAPS},
                      [{'weir_speaker_peer_up{peer="edge1"}': ON}, {'weir_speaker_peer_up{peer="edge1"}': DIPS}]),
    "WeirRoutesRefused": growing("weir_speaker_refused_total", 'reason="budget"', keep=JOB),
    "WeirMitigationsMissing": (BOTH, {"weir_speaker_missing_mitigations": ON},
                               [{"weir_speaker_missing_mitigations": OFF}, {"weir_speaker_missing_mitigations": LAST_RISES}]),
    "WeirEndedAlone": ([*BOTH, 'reason="orphan"'], {'weir_speaker_ended_total{reason="orphan"}': GROWS},
                       [{'weir_speaker_ended_total{reason="until"}': GROWS}, {'weir_speaker_ended_total{reason="orphan"}': STAYS}]),
    "WeirResultsLost": growing("weir_speaker_results_lost_total"),
    "WeirJournalErrors": growing("weir_speaker_journal_errors_total"),
    "WeirStrangers": growing("weir_speaker_strangers_total"),
}


def _labels(shown, job):
    """["job", 'reason="x"'] → {"job": job, "reason": "x"}"""
    known = {"job": job, "instance": "h:1"}
    return {name: value.strip('"') or known[name] for name, _, value in (label.partition("=") for label in shown)}


def _selector(metric, labels):
    return metric + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _series(name, job):
    metric, _, own = name.partition("{")
    return _selector(metric, {"job": job, "instance": "h:1", **_labels([l for l in own.rstrip("}").split(",") if l], job)})


def _asked(alert, severity, series, labels, job):
    """(series, question) of one case; labels: None where it is silent."""
    samples = []
    if labels is not None:
        shown = {"alertname": alert, "alertstate": "firing", "severity": severity, **_labels(labels, job)}
        samples = [{"labels": _selector("ALERTS", shown), "value": 1}]
    return ([{"series": _series(name, job), "values": values} for name, values in series.items()],
            {"expr": _selector("ALERTS", {"alertname": alert, "alertstate": "firing", "job": job}),
             "eval_time": AT_OF_UP if job == "weir" else AT, "exp_samples": samples})


def labels_of(alert):
    return set(_labels(CASES[alert][0], ""))


def promtool_tests(severities):
    """The file for `promtool test rules`, as JSON is YAML; severities: {alert: severity}, a label of each alert."""
    together, alone = [], []
    for alert, (labels, fires, silent) in CASES.items():
        is_of_job = any(name.startswith("up") for name in fires)
        for i, series in enumerate([fires, *silent]):
            job = "weir" if is_of_job else f"{alert}-{i}"
            (alone if is_of_job else together).append(_asked(alert, severities[alert], series, None if i else labels, job))
    tests = [([one for series, _ in together for one in series], [question for _, question in together]),
             *((series, [question]) for series, question in alone)]
    return {"rule_files": ["weir.rules.yaml"], "evaluation_interval": f"{INTERVAL_S}s",
            "tests": [{"interval": f"{INTERVAL_S}s", "input_series": series, "promql_expr_test": questions} for series, questions in tests]}
