/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/streams.h"

#include <poll.h>
#include <stdio.h>

enum { LOG_FD, EVENTS_FD, SIGNAL_FD, FDS };

StreamsHeard streams_wait(const Streams *streams) {
    HttpLines *events = streams->events;
    struct pollfd fds[FDS] = {[LOG_FD] = {streams->log ? log_feed_fd(streams->log) : -1, POLLIN, 0},
                              [EVENTS_FD] = {events ? http_lines_fd(events) : -1, POLLIN, 0},
                              [SIGNAL_FD] = {streams->signals, POLLIN, 0}};
    fflush(stdout);
    if (poll(fds, FDS, streams->timeout_ms) < 0)
        return (StreamsHeard){0};
    StreamsHeard heard = {.signal = fds[SIGNAL_FD].revents != 0};
    if (fds[LOG_FD].revents)
        log_feed_pump(streams->log);
    else if (fds[EVENTS_FD].revents)
        heard = (StreamsHeard){heard.signal, true, http_lines_fill(events, NULL) < 0};
    return heard;
}
