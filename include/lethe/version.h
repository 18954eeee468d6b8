/* version.h - the version of lethe and of the libraries that it computes with. */
#ifndef LETHE_VERSION_H
#define LETHE_VERSION_H

#include <lethe/export.h>

/* "0.1.0" */
LETHE_API const char *lethe_version(void);

typedef struct lethe_library {
    const char *name, *version;
} lethe_library;

/* Ended by an entry whose name is NULL. */
LETHE_API const lethe_library *lethe_libraries(void);

#endif
