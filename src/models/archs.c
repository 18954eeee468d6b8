/* archs.c - the shelf of architectures: finding one by name in the registry that the build made. */
#include "base/suggest.h"
#include "models/model.h"
#include <pthread.h>
#include <string.h>

enum { MOST_NAMES = 63 };
static const char *names[MOST_NAMES + 1];
static size_t n_names;

static void collect_names(void) {
    for (const lethe__arch *const *family = lethe__arch_families(); *family != NULL; family++)
        for (const lethe__arch *arch = *family; arch->name != NULL && n_names < MOST_NAMES; arch++)
            names[n_names++] = arch->name;
}

const char *const *lethe_model_archs(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, collect_names);
    return names;
}

lethe_status lethe__arch_find(const char *name, const lethe__arch **out) {
    for (const lethe__arch *const *family = lethe__arch_families(); *family != NULL; family++)
        for (const lethe__arch *arch = *family; arch->name != NULL; arch++)
            if (strcmp(arch->name, name) == 0) {
                *out = arch;
                return LETHE_OK;
            }
    const char *const *known = lethe_model_archs(); /* before n_names is read */
    LETHE_FAIL_UNKNOWN("architecture", name, known, n_names);
}
