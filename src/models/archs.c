/* archs.c - the shelf of architectures: finding one by name in the registry that the build made. */
#include "base/suggest.h"
#include "models/model.h"
#include <string.h>

enum { MAX_ARCHS = 64 };

const char *const *lethe_model_archs(void) {
    static const char *names[MAX_ARCHS + 1];
    size_t n = 0;
    for (const lethe__arch *const *family = lethe__arch_families(); *family != NULL; family++)
        for (const lethe__arch *arch = *family; arch->name != NULL && n < MAX_ARCHS; arch++)
            names[n++] = arch->name;
    return names;
}

lethe_status lethe__arch_find(const char *name, const lethe__arch **out) {
    for (const lethe__arch *const *family = lethe__arch_families(); *family != NULL; family++)
        for (const lethe__arch *arch = *family; arch->name != NULL; arch++)
            if (strcmp(arch->name, name) == 0) {
                *out = arch;
                return LETHE_OK;
            }
    size_t n = 0;
    for (const char *const *each = lethe_model_archs(); *each != NULL; each++)
        n++;
    return lethe__fail_unknown("architecture", name, lethe_model_archs(), n);
}
