/* fail.h - recording why something failed, and passing failures up. Every room includes this. */
#ifndef LETHE_BASE_FAIL_H
#define LETHE_BASE_FAIL_H

#include <lethe/status.h>

/* Records the sentence (printf form) as this thread's last message and returns `status`. */
lethe_status lethe__fail(lethe_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a place in front of the recorded sentence: "FILE: sentence". Returns `status`. */
lethe_status lethe__fail_in(lethe_status status, const char *place);

/* Names the status itself, so that a checker sees that a failure is never LETHE_OK. */
#define LETHE_FAIL(status, ...) return (void)lethe__fail((status), __VA_ARGS__), (status)

/* Forwards a failure of `call` to the caller. Where something must be released first, keep the status in a
 * variable and go to the one exit at the end of the function. */
#define LETHE_TRY(call)                                                                                      \
    do {                                                                                                     \
        lethe_status lethe_try_status_ = (call);                                                             \
        if (lethe_try_status_ != LETHE_OK)                                                                   \
            return lethe_try_status_;                                                                        \
    } while (0)

#endif
