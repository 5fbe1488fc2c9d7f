#ifndef SPEAKER_ADAPTER_AUDIT_H
#define SPEAKER_ADAPTER_AUDIT_H

#include "speaker/speaker.h"

/*
 * What this speaker did without policy, on its way to weir:audit: kept in the journal until the
 * state server has it. An entry may be there twice where the speaker dies in between.
 */
struct adapter_audit;
struct adapter_audit *adapter_audit_new(struct speaker *speaker); /* NULL: out of memory */
void adapter_audit_free(struct adapter_audit *audit);

void adapter_audit(struct speaker *speaker, const char *what, const char *mitigation,
                   const char *why, const char *rule);
/* From the journal: an entry that still has to go; false: it cannot be read. */
bool adapter_audit_load(struct speaker *speaker, const char *key, const uint8_t *bytes, size_t len);
/* Every second. */
void adapter_audit_tick(struct speaker *speaker);

#endif
