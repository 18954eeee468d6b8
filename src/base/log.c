/* log.c - one sentence to the callback of the runtime.
 *
 * The library itself never prints: without a callback the sentence is not even formatted. Sentences longer
 * than the buffer are cut. */
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

void lethe__log(const lethe_runtime *runtime, lethe_log_level level, const char *format, ...) {
    if (runtime->log == NULL)
        return;
    char sentence[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    runtime->log(runtime->user, level, sentence);
}
