#ifndef SPEAKER_SPEAKER_H
#define SPEAKER_SPEAKER_H

#include "common/model/model.h"
#include "common/service/process.h"
#include "speaker/desired.h"
#include "speaker/first_reading.h"
#include "speaker/holds.h"
#include "speaker/journal.h"
#include "speaker/peer.h"

/*
 * The process: what its parts share. Jobs come in by in_jobs.c, UPDATEs go out by out_updates.c,
 * results by out_results.c; control.c is the local socket, adapter.c that of tools that bring
 * rules, store.c what the journal keeps.
 */
struct in_jobs;
struct out_results;
struct control;
struct listeners;
struct parts_scratch;
struct presence;
struct dynamic_group;
struct turns;
struct adapter;
struct exabgp;
struct quarantine;

enum { BOOT_ID_LEN = 36 };

/* State Redis time when it cannot be asked: what it was, and what our clocks said then. */
struct timebase {
    uint64_t redis_ms, wall_ms; /* redis_ms 0: never known */
    int64_t mono_ms;
    char boot[BOOT_ID_LEN + 1]; /* mono_ms means something only in the same boot */
};

/* out_offers.c: what the state server has lost, offered to the leader of this epoch. */
struct offers {
    uint64_t epoch;             /* 0: to nobody */
    uint32_t number;            /* the number of these offers */
    size_t cursor;              /* of desired_next() */
    size_t count, made, flying; /* in all; since the last reading; on their way */
    bool running;
};

struct speaker {
    struct process *process;
    uv_loop_t *loop;
    struct clock clock;
    const struct config *config;
    struct model *model;
    struct rib *rib;
    struct desired *desired;
    struct holds holds;
    struct quarantine *quarantine;
    struct conns conns;
    struct peer *peers[DESIRED_PEERS_MAX];
    struct dynamic_group *groups; /* neighbours by prefix */
    size_t group_count;
    struct journal *journal;
    uint64_t accepting_changed; /* bits of peers: accepting_apply() */
    struct first_reading first_reading;
    struct offers offers;
    struct timebase timebase; /* as the journal had it */
    uint64_t epoch;           /* the highest of policy that was seen */
    char jobs_cursor[48], stops_cursor[48];
    struct listeners *listeners;
    struct in_jobs *in_jobs;
    struct out_results *out_results;
    struct control *control;
    struct adapter *adapter; /* NULL: switched off */
    struct presence *presence;
    struct turns *turns;
    struct exabgp *exabgp;
    bool by_exabgp; /* this process is ExaBGP's, and its standard input and output, too */
    struct parts_scratch *parts_scratch; /* of the judge */
    uv_timer_t tick;
    uv_fs_t sync;
    bool syncing, complete, journal_failed, looking; /* looking: a walk over what stands is on */
    bool restarted; /* the journal is of an earlier process, whose routes peers may still keep */
    bool stopping, withdrawing, ended;
    uint64_t second_at, saved_at, stop_at, compact_at, restart_over_at; /* monotonic ms */
    uint64_t journal_failures; /* writes that the disk did not take */
    size_t missing;            /* mitigations that the state server has lost, as was said last */
    bool checking;             /* what is wanted now was wanted before, or it differs */
    size_t repaired;           /* routes that did */
    size_t closing;            /* parts that have not closed yet */
};

struct desired_time speaker_time(const struct speaker *speaker);
uint64_t speaker_now_ms(const struct speaker *speaker); /* monotonic */
/* The whole desired state is known: End-of-RIB may go. */
void speaker_complete(struct speaker *speaker);
/* Sends what is due to every peer now; what changes otherwise goes at the end of the turn. */
void speaker_flush(struct speaker *speaker);
/* A hold came or went. */
void speaker_holds_changed(struct speaker *speaker);
/* A withdraw-all of that scope has come: the routes go now. */
void speaker_held(struct speaker *speaker, const struct scope *scope);

/* peers.c: the peers of a configuration; those that are new begin with peers_start(). */
void peers_apply(struct speaker *speaker);
void peers_start(struct speaker *speaker);
/* NULL: there are as many as may be. It begins with peer_start(). */
struct peer *peers_add(struct speaker *speaker, const struct peer_settings *settings);
void peers_remove(struct speaker *speaker, size_t number);
/* keep: peers that have agreed to graceful restart keep the routes for its time. */
void peers_stop(struct speaker *speaker, bool keep);
void peers_free(struct speaker *speaker);
/* The platforms that a peer is in, as names. */
size_t peers_platforms(const struct speaker *speaker, const struct peer *peer,
                       const char **ret_names, size_t room);

/* judge.c: the callbacks of desired. */
struct desired_ops judge_ops(struct speaker *speaker);

/* A part has closed; after the last of them the process ends. */
void speaker_part_closed(void *owner);

struct process_hooks speaker_hooks(struct speaker *speaker);

#endif
