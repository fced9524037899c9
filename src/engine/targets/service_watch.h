/* SPDX-License-Identifier: Apache-2.0 */
/* What is done when the files of a service change (keys `watch`, `trigger`). A service that watches
 * has one ServiceWatch; it hangs on the target of its command.
 *
 * A change counts for what somebody wants to run, and not in `ci`. It is a wish like others: the
 * build, or the job, runs again once its present run has ended, and the server is replaced when the
 * build has succeeded; or the server is restarted, or gets a signal. With `trigger: manual` it is
 * remembered instead, also over a change of servers, until somebody asks.
 *
 * Not to run for ever because of what its runs write themselves: `outputs` never count. What else
 * changes while the job runs (of a server: within 300 ms of its start) may be its own doing or
 * somebody's, which nobody can tell apart; so it counts, unless the same file changed in every one
 * of its runs so far, and there were three of them, or in ten in a row (of a server: in twenty).
 * Then a job is not run again, and a server only after a pause that grows; the message names the
 * file. */
#pragma once

#include "engine/targets/target.h"

/* As the config says it now: makes, renews and drops watches. */
void watches_follow(Session *session);
ServiceWatch *service_watch_free(ServiceWatch *watch);

/* The target of its service's command, and of its build (NULL: it has none, or is a job). */
Target *target_main(const Target *target);
Target *target_build(const Target *target);
/* ... of a run that is alive the end is waited for, before it is run again. */
bool target_patient(const Target *target);

/* What there is to say: changes that wait to be applied, files that are looked at by polling, … "":
 * nothing. */
void service_watch_describe(const ServiceWatch *watch, char *text, size_t size);
/* Does what `on_change` says. */
void service_watch_apply(Target *main, const char *cause);
/* Takes the changes that wait: in `cause` what they are. False: there are none. */
bool service_watch_take(ServiceWatch *watch, char *cause, size_t size);

/* For session.json. */
typedef struct PendingChanges {
    size_t n;
    const char *first; /* a path; NULL: none */
} PendingChanges;
PendingChanges service_watch_pending(const Target *main);
void service_watch_remember(Target *main,
                            const PendingChanges *pending); /* before watches_follow */
