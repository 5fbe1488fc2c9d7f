#include "common/model/model.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* The judge sees each, also what was read only in part. A file is either a configuration without
 * errors, or it has at least one line that says why. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, "fuzz");
    enum status status =
        config_parse_judged(&config, (const char *)bytes, len, "fuzz", model_check, &errors);
    if ((status == STATUS_OK) != (config != NULL) || (status == STATUS_OK) != (errors.count == 0))
        abort();
    if (config != NULL) {
        struct model *model = model_new(config, &errors);
        if (model == NULL)
            abort(); /* what the judge takes is fit for use */
        model_free(model);
    }
    config_free(config);
    config_errors_done(&errors);
    return 0;
}
