#ifndef COLLECTOR_EXPORTER_DOMAINS_H
#define COLLECTOR_EXPORTER_DOMAINS_H

#include "collector/decode/decode.h"
#include "common/base/text.h"

/*
 * An exporter's observation domains as a JSON array, for the field domain_list of its hash: at most
 * EXPORTER_DOMAINS_TOLD, from the one heard last, each with at most DECODE_TEMPLATES_TOLD
 * templates. wall_less_mono_ms makes Unix times of the decoder's.
 */
enum { EXPORTER_DOMAINS_TOLD = 8 };
void exporter_domains_add(struct text *text, const struct decode_exporter_info *info,
                          int64_t wall_less_mono_ms);

#endif
