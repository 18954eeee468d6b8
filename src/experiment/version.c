/* version.c - lethe's version, set by the build, and those of its libraries, asked for once. */
#include "base/library_versions.h"
#include "engine/onednn/onednn_version.h"
#include "evaluate/svm_version.h"
#include <lethe/version.h>
#include <pthread.h>
#include <stddef.h>

const char *lethe_version(void) {
    return LETHE_VERSION;
}

static lethe_library libraries[] = {{"oneDNN", NULL},  {"libsvm", NULL},    {"jansson", NULL},
                                    {"libyaml", NULL}, {"libsodium", NULL}, {"zlib", NULL},
                                    {NULL, NULL}};

static void ask(void) {
    const char *(*const versions[])(void) = {lethe__onednn_version,  lethe__svm_version,
                                             lethe__jansson_version, lethe__yaml_version,
                                             lethe__sodium_version,  lethe__zlib_version};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        libraries[i].version = versions[i]();
}

const lethe_library *lethe_libraries(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask);
    return libraries;
}
