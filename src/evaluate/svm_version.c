/* svm_version.c - libsvm counts its versions in hundredths, 324 for 3.24; as text, made once. */
#include "evaluate/svm_version.h"
#include <pthread.h>
#include <stdio.h>
#include <svm.h>

static char text[16];

static void make_text(void) {
    snprintf(text, sizeof text, "%d.%02d", libsvm_version / 100, libsvm_version % 100);
}

const char *lethe__svm_version(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_text);
    return text;
}
