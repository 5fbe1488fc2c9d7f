#ifndef SPEAKER_SPEAKER_METRICS_H
#define SPEAKER_SPEAKER_METRICS_H

#include "speaker/desired.h"
#include "speaker/peer.h"

/* The metrics of the process, each in one place. */
void speaker_metrics_declare(void);
void speaker_metrics_peer_new(const char *name);
void speaker_metrics_peer(const struct peer *peer);
/* Every second: it is not for each message. */
void speaker_metrics_peer_routes(const struct peer *peer, size_t refused_now);
void speaker_metrics_peer_gone(const char *name);
void speaker_metrics_session_lost(const char *peer);
void speaker_metrics_update(const char *peer, bool withdrawal, size_t routes);
void speaker_metrics_notification(const char *peer, const struct bgp_error *error, bool sent);
void speaker_metrics_tolerated(const char *peer, unsigned int mistakes); /* of received.h */
void speaker_metrics_result(enum result_kind kind, const char *why);
/* A route was quarantined; another one may have had to make room. */
void speaker_metrics_quarantine(bool crowds_out);
void speaker_metrics_ended(enum desired_end end);
void speaker_metrics_job_written(uint64_t took_us);
void speaker_metrics_deployed(uint64_t since_crossed_us); /* 0: not known */
/* gap: entries of the stream were missed. */
enum job_outcome { JOB_TAKEN, JOB_OLDER, JOB_UNREADABLE, JOB_GAP, JOB_OUTCOMES };
void speaker_metrics_job(enum job_outcome outcome);
void speaker_metrics_stranger(void);
/* A connection of a peer that was turned away. */
enum connection_refusal {
    CONNECTION_NOT_NOW,   /* it has a session, is not to connect, or flaps */
    CONNECTION_TOO_FAR,   /* gtsm_hops */
    CONNECTION_UNSIGNED,  /* its password could not be set */
    CONNECTION_LIMIT,     /* max_sessions, or all places are taken */
    CONNECTION_BROKEN,    /* gone, or the kernel refused an option */
    CONNECTION_ELSEWHERE, /* to another address than local_address */
    CONNECTION_REFUSALS
};
void speaker_metrics_connection_refused(enum connection_refusal why);
void speaker_metrics_result_lost(void);
void speaker_metrics_results_waiting(size_t number);
void speaker_metrics_differences(size_t untold, size_t unwritten, size_t unwanted);
void speaker_metrics_journal_failed(void);
void speaker_metrics_dry_run(bool is_dry);
/* What ExaBGP has answered to a command. */
enum speaker_exabgp {
    SPEAKER_EXABGP_DONE,
    SPEAKER_EXABGP_ERROR,
    SPEAKER_EXABGP_LOST,
    SPEAKER_EXABGP_ANSWERS
};
void speaker_metrics_exabgp(enum speaker_exabgp answer);
void speaker_metrics_standing(size_t count, size_t missing);

#endif
