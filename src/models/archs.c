/* archs.c - the shelf of architectures: finding one by name in the registry that the build made. */
#include "base/fail.h"
#include "models/model.h"
#include <stdio.h>
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
    char known[512] = "";
    for (const char *const *each = lethe_model_archs(); *each != NULL; each++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used > 0 ? ", " : "", *each);
    }
    LETHE_FAIL(LETHE_USAGE, "unknown architecture '%s'; known are %s", name, known);
}
