/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

static LogLevel least = LOG_INFO;

void log_set_level(LogLevel level) {
    least = level;
}

void log_at(LogLevel level, const char *format, ...) {
    static const char *const names[] = {"debug", "info ", "warn ", "error"};
    char line[2048], time[TIME_TEXT];
    if (level < least)
        return;
    time_format_micro(clock_wall_us(), time);
    int at = snprintf(line, sizeof(line), "%s %s ", time, names[level]);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line + at, sizeof(line) - (size_t)at - 1, format, args);
    va_end(args);
    size_t size = (size_t)at + (n < 0 ? 0 : (size_t)n);
    if (size > sizeof(line) - 2)
        size = sizeof(line) - 2;
    line[size++] = '\n';
    (void)!write(STDERR_FILENO, line, size);
}
