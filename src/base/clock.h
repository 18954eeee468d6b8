/* clock.h - time. */
#ifndef LETHE_BASE_CLOCK_H
#define LETHE_BASE_CLOCK_H

#include <stddef.h>

/* Seconds on a clock that never goes back. */
double lethe__clock_seconds(void);
/* Now, UTC, RFC 3339: "2026-11-25T01:55:31Z". */
void lethe__clock_text(char text[32]);

#endif
