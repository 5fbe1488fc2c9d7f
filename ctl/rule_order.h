#ifndef CTL_RULE_ORDER_H
#define CTL_RULE_ORDER_H

#include "ctl/rule_forms.h"

/* The orders in which routers try rules. */
enum rule_order {
    RULE_ORDER_RFC8955, /* 5.1, and RFC 8956, 4 */
    RULE_ORDER_DRAFT6   /* draft-ietf-idr-flow-spec-06: Junos' term-order legacy */
};

/* Which of two goes first: 0, 1, or -1 for neither; and the first part of them that decides. */
int rule_order_first(enum rule_order order, const struct rule_forms forms[2], struct text *ret_why);

#endif
