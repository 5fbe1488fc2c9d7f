#include "policy/policy.h"

int main(int argc, char **argv)
{
    struct policy *policy = policy_new();
    if (policy == NULL)
        return 1;
    struct process_hooks hooks = policy_hooks(policy);
    int status = process_run(argc, argv, &hooks);
    policy_free(policy);
    return status;
}
