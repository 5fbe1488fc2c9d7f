#include "speaker/out_exabgp.h"

#include "common/base/hash.h"
#include "common/base/log.h"
#include "speaker/exabgp/answer.h"
#include "speaker/exabgp_internal.h"
#include "speaker/out_results.h"
#include "speaker/speaker_metrics.h"
#include "speaker/turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what was not taken -------------------------------------------------------------------------
 */

static bool was_refused(const struct exabgp *e, uint32_t nlri, uint32_t attributes)
{
    for (size_t i = 0; i < e->refused_count; i++)
        if (e->refused[i].nlri == nlri && e->refused[i].attributes == attributes)
            return true;
    return false;
}

void exabgp_forget_refused(struct exabgp *e)
{
    for (size_t i = 0; i < e->refused_count; i++) {
        rib_release_nlri(e->speaker->rib, e->refused[i].nlri);
        rib_release_attributes(e->speaker->rib, e->refused[i].attributes);
    }
    e->refused_count = 0;
}

/* Where there are too many, the first of them have another try. */
static void remember_refused(struct exabgp *e, uint32_t nlri, uint32_t attributes)
{
    if (was_refused(e, nlri, attributes))
        return;
    if (e->refused_count == EXABGP_REFUSED_MAX)
        exabgp_forget_refused(e);
    rib_hold_nlri_again(e->speaker->rib, nlri);
    rib_hold_attributes_again(e->speaker->rib, attributes);
    e->refused[e->refused_count].nlri = nlri;
    e->refused[e->refused_count++].attributes = attributes;
}

/* --- routes as commands -------------------------------------------------------------------------
 */

static bool is_flow(enum bgp_family family)
{
    return family == BGP_FLOW4 || family == BGP_FLOW6;
}

static enum status format_route(struct exabgp *e, uint32_t nlri, uint32_t attributes,
                                struct rule_error *ret_error)
{
    struct rib_nlri value = rib_nlri(e->speaker->rib, nlri);
    bool is6 = value.family == BGP_FLOW6 || value.family == BGP_UNICAST6;
    struct command_route route = {.is_flow = is_flow(value.family),
                                  .family = is6 ? ADDR_IPV6 : ADDR_IPV4,
                                  .nlri = value.bytes,
                                  .nlri_len = value.len};
    if (attributes == 0)
        return command_withdraw(&route, &e->rule, &e->line, ret_error);
    struct communities communities = rib_attributes(e->speaker->rib, attributes);
    struct command_path path = {.ibgp = e->peer->path.ibgp,
                                .no_export = e->peer->path.no_export,
                                .local_preference = e->peer->path.local_preference};
    return command_announce(&route, &communities, &path, &e->rule, &e->line, ret_error);
}

bool out_exabgp_takes(const struct speaker *speaker, uint32_t nlri, uint32_t attributes,
                      char why[REASON_MAX])
{
    struct exabgp *e = speaker->exabgp;
    struct rule_error error = {0};
    if (e->peer == NULL)
        return true;
    if (was_refused(e, nlri, attributes)) {
        (void)snprintf(why, REASON_MAX, "exabgp: it has refused it before; its log says why");
        return false;
    }
    if (format_route(e, nlri, attributes, &error) == STATUS_OK)
        return true;
    (void)snprintf(why, REASON_MAX, "exabgp: %.180s", error.why);
    return false;
}

/* --- answers ------------------------------------------------------------------------------------
 */

void exabgp_release(struct exabgp *e, const struct asked_item *item)
{
    if (item->question)
        return;
    rib_release_nlri(e->speaker->rib, item->nlri);
    if (item->attributes != 0)
        rib_release_attributes(e->speaker->rib, item->attributes);
}

static void refuse(struct exabgp *e, const struct asked_item *item, const char *said)
{
    char why[REASON_MAX];
    speaker_metrics_exabgp(SPEAKER_EXABGP_ERROR);
    /* What has changed since has an answer of its own under way. */
    if (rib_out_announced(&e->peer->rib_out, item->nlri) != item->attributes)
        return;
    remember_refused(e, item->nlri, item->attributes);
    (void)snprintf(why, sizeof(why), "exabgp: %s", said);
    desired_refused(e->speaker->desired, e->peer->options.number, item->nlri, why);
}

/* A withdrawal is done either way: what ExaBGP cannot read it has not taken before. */
static void settle(struct exabgp *e, const struct asked_item *item)
{
    if (item->refused && !item->withdraws) {
        refuse(e, item, e->why[0] != '\0' ? e->why : "error; its log says why");
        return;
    }
    speaker_metrics_exabgp(SPEAKER_EXABGP_DONE);
    if (item->withdraws && rib_out_announced(&e->peer->rib_out, item->nlri) == 0)
        told_drop(e->speaker, &e->told, item->nlri);
    desired_sent(e->speaker->desired, e->peer->options.number, item->nlri);
}

/* Nobody knows which of them has which answer: each is said again, alone. One that has been and
 * has no answer gets none. */
static void ask_again(struct exabgp *e, const struct asked_item *item, enum asked_news news)
{
    speaker_metrics_exabgp(SPEAKER_EXABGP_LOST);
    if (item->alone && news == ASKED_LOST) {
        if (!item->withdraws)
            refuse(e, item, "no answer; its log says why");
        return;
    }
    rib_hold_nlri_again(e->speaker->rib, item->nlri);
    e->again[e->again_count++] = item->nlri;
}

static void take_segment(struct exabgp *e, size_t count, enum asked_news news)
{
    for (; count > 0; count--) {
        struct asked_item item = asked_take(&e->asked);
        if (news == ASKED_KNOWN)
            settle(e, &item);
        else if (!item.question)
            ask_again(e, &item, news);
        exabgp_release(e, &item);
    }
    e->why[0] = '\0';
}

static void take_table(struct exabgp *e)
{
    size_t count;
    enum asked_news news = asked_table(&e->asked, &count);
    e->seen_count = 0;
    if (news == ASKED_LOST)
        log_warn("ExaBGP has not answered each command: they are said again one by one",
                 "peer=%s commands=%zu", e->peer->settings.name, count);
    if (news == ASKED_CONFUSED)
        log_warn("ExaBGP answers what was not asked: does anybody else use its pipes?", "peer=%s",
                 e->peer->settings.name);
    if (news == ASKED_CONFUSED)
        count = e->asked.count;
    take_segment(e, count, news);
    if (news == ASKED_CONFUSED)
        exabgp_begin(e);
}

static void take_answer(struct exabgp *e, const struct answer *answer)
{
    bool refused = answer->kind == ANSWER_ERROR;
    if (refused)
        (void)snprintf(e->why, sizeof(e->why), "%s", answer->why);
    if (asked_answer(&e->asked, refused) != ASKED_WHOLE)
        return;
    if (e->state == EXABGP_ASKING)
        exabgp_ready(e);
    exabgp_set_neighbors(e);
    turns_due(e->speaker, e->peer->options.number);
}

void exabgp_take_line(struct exabgp *e, const char *line, size_t len)
{
    struct answer answer = answer_parse(line, len);
    e->heard_ms = speaker_now_ms(e->speaker);
    if (e->peer == NULL)
        return;
    switch (answer.kind) {
    case ANSWER_DONE:
    case ANSWER_ERROR:
        take_answer(e, &answer);
        break;
    case ANSWER_TABLE:
        take_table(e);
        break;
    case ANSWER_NEIGHBOR:
        if (e->asked.in_table && e->seen_count < EXABGP_NEIGHBORS_MAX)
            e->seen[e->seen_count++] = answer.neighbor;
        break;
    case ANSWER_UP:
    case ANSWER_DOWN:
        exabgp_note_neighbor(e, &answer.neighbor, answer.kind == ANSWER_UP, answer.why);
        break;
    case ANSWER_SHUTDOWN:
        log_info("ExaBGP ends", "peer=%s", e->peer->settings.name);
        break;
    case ANSWER_OTHER:
        break;
    }
}

/* --- sending ------------------------------------------------------------------------------------
 */

static bool ask(struct exabgp *e, const char *question)
{
    e->asked_ms = speaker_now_ms(e->speaker);
    return channel_write(&e->channel, question, strlen(question)) == STATUS_OK;
}

void exabgp_ask(struct exabgp *e)
{
    if (asked_room(&e->asked) > 0 && ask(e, COMMAND_NEIGHBORS))
        asked_question(&e->asked);
}

/* Where the series has no room, silence follows, and it is begun anew. */
void exabgp_begin(struct exabgp *e)
{
    uint16_t series = asked_begin(&e->asked, (uint16_t)hash_random_seed());
    for (int bit = ASKED_SERIES - 1; bit >= 0; bit--)
        (void)ask(e, (series >> bit & 1) != 0 ? COMMAND_NEIGHBORS : COMMAND_NOTHING);
}

/* The last place is that of a question. Those to be said again need theirs, too. */
static bool may_say(const struct exabgp *e)
{
    return e->state == EXABGP_READY && !e->asked.beginning &&
           asked_room(&e->asked) > 3 + e->again_count && channel_has_room(&e->channel);
}

static void say(struct exabgp *e, uint32_t nlri, bool alone)
{
    struct rule_error error = {0};
    uint32_t attributes = rib_out_announced(&e->peer->rib_out, nlri);
    struct asked_item item = {
        .nlri = nlri, .attributes = attributes, .withdraws = attributes == 0, .alone = alone};
    /* The judge has seen that there are words for what is announced. */
    if (format_route(e, nlri, attributes, &error) != STATUS_OK)
        return;
    if (attributes != 0 && told_add(e->speaker, &e->told, nlri) != STATUS_OK)
        log_error("out of memory: a route may stand at ExaBGP that a restart of weir does not know",
                  "peer=%s", e->peer->settings.name);
    if (channel_write(&e->channel, e->line.at, e->line.len) != STATUS_OK)
        return;
    rib_hold_nlri_again(e->speaker->rib, nlri);
    if (attributes != 0)
        rib_hold_attributes_again(e->speaker->rib, attributes);
    asked_put(&e->asked, &item);
    e->asked_ms = speaker_now_ms(e->speaker);
}

static void say_again(struct exabgp *e)
{
    uint32_t nlri = e->again[--e->again_count];
    if (e->asked.since > 0)
        exabgp_ask(e);
    say(e, nlri, true);
    rib_release_nlri(e->speaker->rib, nlri);
    exabgp_ask(e);
}

static void count_batch(const struct exabgp *e)
{
    struct peer *peer = e->peer;
    bool withdrawal = e->batch.kind == RIB_OUT_WITHDRAW;
    peer->updates_sent++;
    peer->routes_withdrawn += withdrawal ? e->batch.count : 0;
    peer->routes_announced += withdrawal ? 0 : e->batch.count;
    speaker_metrics_update(peer->settings.name, withdrawal, e->batch.count);
}

/* What would be the next message of a session. False: there is none now. */
static bool next_batch(struct exabgp *e)
{
    uint8_t bytes[BGP_MESSAGE_MAX];
    struct peer *peer = e->peer;
    rib_out_batch_done(&peer->rib_out, &e->batch);
    e->batch_at = 0;
    rib_out_next(&peer->rib_out, &peer->path, clock_mono_us(&e->speaker->clock), bytes,
                 sizeof(bytes), &e->batch);
    bool routes = e->batch.kind == RIB_OUT_WITHDRAW || e->batch.kind == RIB_OUT_ANNOUNCE;
    if (e->batch.kind == RIB_OUT_UNFIT)
        desired_unfit(e->speaker->desired, peer->options.number, e->batch.nlri[0]);
    if (routes)
        count_batch(e);
    else
        rib_out_batch_done(&peer->rib_out, &e->batch);
    return e->batch.kind != RIB_OUT_NONE && e->batch.kind != RIB_OUT_WAIT;
}

void out_exabgp_send(struct speaker *speaker)
{
    struct exabgp *e = speaker->exabgp;
    if (e->peer == NULL)
        return;
    while (e->again_count > 0 && may_say(e))
        say_again(e);
    while (e->again_count == 0 && may_say(e)) {
        if (e->batch_at == e->batch.count && !next_batch(e))
            break;
        if (e->batch_at < e->batch.count)
            say(e, e->batch.nlri[e->batch_at++], false);
        if (e->asked.since == EXABGP_SEGMENT_MAX)
            exabgp_ask(e);
    }
    if (e->asked.since > 0)
        exabgp_ask(e);
}
