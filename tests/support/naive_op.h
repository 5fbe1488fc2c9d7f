#ifndef TESTS_SUPPORT_NAIVE_OP_H
#define TESTS_SUPPORT_NAIVE_OP_H

#include "flowspec/rule.h"

/* One operator against a value, a second time and straight from RFC 8955 4.2.1, for tests of what
 * does it in other ways. */
static inline bool naive_op_holds(bool is_bits, const struct rule_op *op, uint64_t value)
{
    if (is_bits) {
        uint64_t common = value & op->value;
        bool any = (op->bits & OP_MATCH) != 0 ? common == op->value : common != 0;
        return any != ((op->bits & OP_NOT) != 0);
    }
    return ((op->bits & OP_LT) != 0 && value < op->value) ||
           ((op->bits & OP_GT) != 0 && value > op->value) ||
           ((op->bits & OP_EQ) != 0 && value == op->value) ||
           (op->bits & (OP_LT | OP_GT | OP_EQ)) == (OP_LT | OP_GT | OP_EQ);
}

#endif
