/* onednn_version.c - oneDNN's version as text, made once. */
#include "engine/onednn/onednn_version.h"
#include <dnnl.h>
#include <pthread.h>
#include <stdio.h>

static char text[32];

static void make_text(void) {
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
}

const char *lethe__onednn_version(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_text);
    return text;
}
