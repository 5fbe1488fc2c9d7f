#include "ctl/element_names.h"

#include "common/base/hash.h"

#include <ctype.h>
#include <fixbuf/public.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)ELEMENT_STRING == (int)FB_STRING && (int)ELEMENT_IPV6 == (int)FB_IP6_ADDR &&
                   (int)ELEMENT_SUB_TEMPLATE_MULTI_LIST == (int)FB_SUB_TMPL_MULTI_LIST,
               "types have the same numbers");

struct learned {
    uint32_t enterprise;
    uint16_t element;
    struct element_info info;
};

struct element_names {
    fbInfoModel_t *model;
    struct learned *learned; /* ELEMENT_NAMES_LEARNED_MAX of them; NULL until one came */
    size_t count;
    uint64_t seed;
};

struct element_names *element_names_new(void)
{
    struct element_names *names = calloc(1, sizeof(*names));
    if (names == NULL)
        return NULL;
    names->model = fbInfoModelAlloc();
    names->seed = hash_random_seed();
    return names;
}

void element_names_free(struct element_names *names)
{
    if (names == NULL)
        return;
    fbInfoModelFree(names->model);
    free(names->learned);
    free(names);
}

void element_names_forget(struct element_names *names)
{
    if (names != NULL)
        names->count = 0;
}

uint64_t element_names_seed(const struct element_names *names)
{
    return names->seed;
}

static struct learned *find_learned(const struct element_names *names, uint32_t enterprise,
                                    uint16_t element)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->learned[i].enterprise == enterprise && names->learned[i].element == element)
            return &names->learned[i];
    return NULL;
}

void element_names_find(const struct element_names *names, uint32_t enterprise, uint16_t element,
                        struct element_info *ret_info)
{
    const fbInfoElement_t *known = fbInfoModelGetElementByID(names->model, element, enterprise);
    if (known != NULL && known->type < ELEMENT_TYPE_COUNT) {
        (void)snprintf(ret_info->name, sizeof(ret_info->name), "%s", known->ref.name);
        ret_info->type = (enum element_type)known->type;
        return;
    }
    const struct learned *learned = find_learned(names, enterprise, element);
    if (learned != NULL) {
        *ret_info = learned->info;
        return;
    }
    (void)snprintf(ret_info->name, sizeof(ret_info->name), "e%uid%u", enterprise, element);
    ret_info->type = ELEMENT_OCTETS;
}

/* As IANA's are: a letter, then letters and digits, and what enterprises put between them. */
static bool is_name(const uint8_t *name, size_t len)
{
    if (len == 0 || len > ELEMENT_NAME_MAX || !isascii(name[0]) || !isalpha(name[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isascii(name[i]) || (!isalnum(name[i]) && strchr("_.-", name[i]) == NULL))
            return false;
    return true;
}

/* Two elements of one name could not be told apart. */
static bool is_taken(const struct element_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->learned[i].info.name, name) == 0)
            return true;
    return fbInfoModelGetElementByName(names->model, name) != NULL;
}

void element_names_learn(struct element_names *names, uint32_t enterprise, uint16_t element,
                         uint8_t type, const uint8_t *name, size_t name_len)
{
    if (enterprise == 0 || type >= ELEMENT_TYPE_COUNT || !is_name(name, name_len))
        return;
    char text[ELEMENT_NAME_MAX + 1] = "";
    memcpy(text, name, name_len);
    if (is_taken(names, text))
        return;
    if (names->learned == NULL)
        names->learned = calloc(ELEMENT_NAMES_LEARNED_MAX, sizeof(*names->learned));
    struct learned *at = names->learned == NULL ? NULL : find_learned(names, enterprise, element);
    if (names->learned == NULL || (at == NULL && names->count == ELEMENT_NAMES_LEARNED_MAX))
        return;
    if (at == NULL)
        at = &names->learned[names->count++];
    *at = (struct learned){.enterprise = enterprise, .element = element};
    at->info.type = (enum element_type)type;
    memcpy(at->info.name, text, sizeof(text));
}
