/* status.c - status codes as text, and the sentence behind the last failure of each thread.
 *
 * The sentence lives in one fixed buffer a thread, so recording it cannot fail itself, also when memory has
 * run out, and two threads never see each other's failures. A new sentence is built beside the old one,
 * because its arguments may quote the old one. */
#include "base/fail.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_SIZE = 1024 };

static _Thread_local char message[MESSAGE_SIZE];

static const struct {
    int exit_code;
    const char *text;
} statuses[] = {
#define STATUS_ROW(name, exit_code, text) {exit_code, text},
    LETHE_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static bool is_known(lethe_status status) {
    return (size_t)status < sizeof statuses / sizeof *statuses;
}

const char *lethe_status_text(lethe_status status) {
    return is_known(status) ? statuses[status].text : "unknown status";
}

int lethe_status_exit_code(lethe_status status) {
    return is_known(status) ? statuses[status].exit_code : 1;
}

const char *lethe_last_message(void) {
    return message;
}

lethe_status lethe__fail(lethe_status status, const char *format, ...) {
    char sentence[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    memcpy(message, sentence, sizeof message);
    return status;
}

lethe_status lethe__fail_in(lethe_status status, const char *place) {
    char sentence[MESSAGE_SIZE];
    memcpy(sentence, message, sizeof sentence);
    return lethe__fail(status, "%s: %s", place, sentence);
}
