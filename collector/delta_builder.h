#ifndef COLLECTOR_DELTA_BUILDER_H
#define COLLECTOR_DELTA_BUILDER_H

#include "collector/tally/tally.h"
#include "proto/delta.h"

/*
 * Rows of one flush, for one shard, made into batches: each names only the exporters that it has
 * rows of or that were heard in its interval.
 *
 * A reader of the shard waits for a worker whose last batch had rows, as more may come. So one that
 * falls quiet says so with an empty batch, after its second tick without rows: where few records
 * come, a single such tick says nothing.
 */
enum { DELTA_QUIET_TICKS = 2 };

struct delta_builder {
    const struct tally *tally; /* lent; its exporters are asked for */
    struct delta_row *rows;    /* DELTA_ROWS_MAX */
    size_t row_count;
    bool is_awaited; /* by readers: the last batch had rows, or left some behind */
    unsigned int quiet_ticks;
};

enum status delta_builder_init(struct delta_builder *builder, const struct tally *tally);
void delta_builder_done(struct delta_builder *builder);
bool delta_builder_is_full(const struct delta_builder *builder);
void delta_builder_add(struct delta_builder *builder, const struct delta_row *row);

/* At the end of a tick, once all its rows are here: whether a batch is due. */
bool delta_builder_tick(struct delta_builder *builder);

/*
 * Empties the builder into *ret_batch, whose arrays are the caller's: rows with exporters by
 * their place in the batch, the model's count ids, the exporters. heard_within_ms: also exporters
 * without rows that were heard at most so long ago. tell_records: the records counted in this
 * interval are given with them. The header's identity is left to the caller; the residual is the
 * tally's.
 */
enum status delta_builder_finish(struct delta_builder *builder, const struct model *model,
                                 uint64_t now_ms, uint64_t heard_within_ms, bool tell_records,
                                 struct delta_batch *ret_batch);

#endif
