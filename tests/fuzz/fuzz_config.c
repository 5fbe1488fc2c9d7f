#include "common/service/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A file is either a configuration without errors, or it has at least one line that says why. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct config_errors errors;
    struct config *config = NULL;
    config_errors_init(&errors, "fuzz");
    enum status status = config_parse(&config, (const char *)bytes, len, "fuzz", &errors);
    if ((status == STATUS_OK) != (config != NULL) || (status == STATUS_OK) != (errors.count == 0))
        abort();
    config_free(config);
    config_errors_done(&errors);
    return 0;
}
