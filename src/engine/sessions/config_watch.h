/* SPDX-License-Identifier: Apache-2.0 */
/* A session looks at the files that its config was read from, and takes up what changes in them
 * (reload.h). A ci session does not. */
#pragma once

#include <stdbool.h>

typedef struct Session Session;
typedef struct ConfigWatch ConfigWatch;

/* Looks at the files of the present generation, from now on; what has changed since they were read
 * is taken up at once. Of a ci session no more. */
void config_watch_follow(Session *session);
/* Do the files hold something else than what was read last, or was that no good? Blocks for as long
 * as reading them takes. */
bool config_changed(const Session *session);
ConfigWatch *config_watch_free(ConfigWatch *watch); /* NULL is fine, returns NULL */
