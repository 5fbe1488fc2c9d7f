#include "speaker/bgp/rib_out_marks.h"

#include <assert.h>

void rib_out_marks_end(struct rib_out *out, uint8_t *bytes, size_t room,
                       struct rib_out_batch *batch)
{
    struct update_builder builder;
    batch->family = (enum bgp_family)__builtin_ctz(out->end_of_rib_owed);
    out->end_of_rib_owed &= ~(1U << batch->family);
    update_begin_unreach(&builder, bytes, room, batch->family);
    batch->kind = RIB_OUT_END;
    batch->len = update_end(&builder);
}

bool rib_out_marks_refresh(struct rib_out *out, uint8_t *bytes, size_t room,
                           struct rib_out_batch *batch)
{
    bool begins = out->begin_owed != 0;
    unsigned int of = begins ? out->begin_owed : out->finish_owed;
    if (of == 0 || (!begins && out->resend.count > 0))
        return false;
    batch->family = (enum bgp_family)__builtin_ctz(of);
    unsigned int family = 1U << batch->family;
    out->begin_owed &= ~family;
    out->finish_owed = begins ? out->finish_owed | family : out->finish_owed & ~family;
    enum status status = message_write_refresh(
        batch->family, begins ? BGP_REFRESH_BEGINS : BGP_REFRESH_ENDS, bytes, room, &batch->len);
    assert(status == STATUS_OK);
    batch->kind = RIB_OUT_MARK;
    return true;
}
