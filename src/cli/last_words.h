/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "client/client.h"

/* The last lines that a target wrote, on stderr, to go with the news that it failed. */
void last_words(Client *client, const char *slug, const char *target);
