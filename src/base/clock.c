/* clock.c - time: a monotonic clock to measure with, and the wall clock as RFC 3339 text in UTC.
 *
 * Durations never come from the wall clock, which may be set back while a run lasts. Cost: one system call
 * through the vDSO, some tens of nanoseconds. */
#include "base/clock.h"
#include <time.h>

double lethe__clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void lethe__clock_text(char text[32]) {
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
