/* status.h - what a function of lethe answers, and where to read the sentence behind a failure.
 *
 * Every function that can fail returns a lethe_status; results come back through its last arguments and are
 * untouched on failure. The library never prints, never exits and never asserts on what a caller gave. */
#ifndef LETHE_STATUS_H
#define LETHE_STATUS_H

#include <lethe/export.h>

/* X(NAME, exit code of the program, text) */
#define LETHE_STATUS_LIST(X)                                                                                 \
    X(OK, 0, "done")                                                                                         \
    X(FAILED, 1, "failed while running")                                                                     \
    X(MEMORY, 1, "out of memory")                                                                            \
    X(USAGE, 2, "wrong usage")                                                                               \
    X(INPUT, 3, "an input is missing, damaged or not what it claims")                                        \
    X(DIVERGED, 4, "the optimisation diverged")                                                              \
    X(STOPPED, 75, "stopped after a checkpoint; run again to continue")

typedef enum lethe_status {
#define LETHE_STATUS_ENUM(name, exit_code, text) LETHE_##name,
    LETHE_STATUS_LIST(LETHE_STATUS_ENUM)
#undef LETHE_STATUS_ENUM
} lethe_status;

/* The general meaning of `status` ("wrong usage"); never NULL. */
LETHE_API const char *lethe_status_text(lethe_status status);

/* The exit code that a program returns for `status`. */
LETHE_API int lethe_status_exit_code(lethe_status status);

/* The sentence that the last failing call of this thread recorded: what was wrong, where, and what to do.
 * Lent until the next failing call of the same thread; "" if nothing has failed. */
LETHE_API const char *lethe_last_message(void);

#endif
