/* SPDX-License-Identifier: Apache-2.0 */
/* Which `thole up` began a session in the foreground, so that a later command can say that it has
 * gone and left the session behind. A note in the runtime directory; nothing depends on it. */
#pragma once

#include "client/client.h"

void presence_note(const Client *client, const char *slug);
void presence_forget(const Client *client, const char *slug);
/* Says so, once, if the process that noted itself is gone. how: what stops the session. */
void presence_check(const Client *client, const char *slug, const char *how);
