/* SPDX-License-Identifier: Apache-2.0 */
/* What `vet` and `config` have in common: the server reads the project's config file. */
#pragma once

#include "cli/cli.h"

/* The whole ConfigReview of cli->config_file; nothing is said. */
MUST int review_request(Cli *cli, const Value **ret, Err *err);

/* The status of the ConfigReview: valid, problems, warnings, config. -1: there is none; problems
 * that came with the refusal have been said. */
MUST int review_ask(Cli *cli, const Value **ret_status, Err *err);

/* What of a file of another tool is not followed here, said when it is begun; of a thole.yaml `vet`
 * says such things. */
void review_say_foreign(Cli *cli);
