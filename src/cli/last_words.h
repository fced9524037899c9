/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/target_view.h"
#include "client/client.h"

/* The last lines that a target's newest run wrote, on stderr, to go with the news that it failed. */
void last_words(Client *client, const char *slug, const TargetView *view);
