#ifndef COMMON_MODEL_MODEL_INTERNAL_H
#define COMMON_MODEL_MODEL_INTERNAL_H

#include "common/model/model.h"

/* What the files of this folder share. Each step adds to errors and fills its part of the model. */

struct model_judge {
    struct model *model;
    const struct config *config;
    struct config_errors *errors;
    struct policy_view *policies; /* in the order of config->policies */
    bool *method_sound;           /* in the order of config->methods: its templates can be used */
};

/* What could be read of a policy, as far as steps depend on it. */
struct policy_view {
    struct count_spec key; /* only its key: what the policy counts together, in order */
    bool key_known, direction_known;
    enum direction direction;
};
/* What an error calls a part of the file whose name may be missing. */
const char *name_or_none(const char *name);

void networks_build(struct model_judge *judge);
void networks_done(struct model *model);
void counts_build(struct model_judge *judge);
void counts_done(struct model *model);
void methods_build(struct model_judge *judge);
void profiles_build(struct model_judge *judge); /* and judges the peers' */
/* After all others: what holds between policies, methods and platforms, as far as these are known.
 */
void check_policies(struct model_judge *judge);

/* One field of a policy's `where` as the filter of a count; the spec owns what it fills. False when
 * an error was added. */
bool where_parse(struct model_judge *judge, const struct config_where *where,
                 struct count_filter *ret_filter);

/*
 * One literal of a component: a number or name with or without its operator ("udp", ">=500",
 * "!=53", "only syn") as operators that hold together. REFUSED, with why.
 */
enum { LITERAL_OPS_MAX = 16 };
struct literal {
    struct rule_op ops[LITERAL_OPS_MAX];
    size_t count;
};
enum status literal_parse(struct literal *ret_literal, enum component c, enum addr_family family,
                          const char *text, struct rule_error *ret_error);

void model_out_of_memory(struct model_judge *judge);

#endif
