/* log.h - messages to the runtime's callback. */
#ifndef LETHE_BASE_LOG_H
#define LETHE_BASE_LOG_H

#include <lethe/runtime.h>

void lethe__log(const lethe_runtime *runtime, lethe_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
