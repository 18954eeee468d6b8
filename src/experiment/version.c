/* version.c - lethe's version, set by the build, and those of its libraries, asked for once. */
#include "base/library_versions.h"
#include "engine/onednn/onednn_version.h"
#include "evaluate/svm_version.h"
#include <lethe/version.h>
#include <pthread.h>
#include <string.h>

const char *lethe_version(void) {
    return LETHE_VERSION;
}

static lethe_library libraries[7];

static void ask(void) {
    const lethe_library known[] = {
        {"oneDNN", lethe__onednn_version()},
        {"libsvm", lethe__svm_version()},
        {"jansson", lethe__jansson_version()},
        {"libyaml", lethe__yaml_version()},
        {"libsodium", lethe__sodium_version()},
        {"zlib", lethe__zlib_version()},
        {NULL, NULL},
    };
    memcpy(libraries, known, sizeof libraries);
}

const lethe_library *lethe_libraries(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask);
    return libraries;
}
