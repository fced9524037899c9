/* SPDX-License-Identifier: Apache-2.0 */
/* The script that runs a step's commands inside an image, which has a POSIX shell and `base64` and
 * nothing else of ours: the environment carries it, the entrypoint decodes and runs it. It writes
 * the credentials for git into ~/.netrc where there are any, goes to the working directory, shows
 * each command and runs it, and ends at the first that fails. Byte for byte that of Woodpecker. */
#pragma once

#include "base/buf.h"
#include "spec/step.h"

#define SCRIPT_VARIABLE "CI_SCRIPT" /* its value: the script in base64 */
#define SCRIPT_SHELL    "/bin/sh"   /* of the variable SHELL */

/* argv of it, NULL-terminated. */
extern const char *const script_entrypoint[];

/* The script as it is. An empty working_dir is not gone to. */
void script_put(const Step *step, Buf *out);
/* As the environment carries it. */
void script_put_encoded(const Step *step, Buf *out);
/* A word as a POSIX shell reads it: quoted where it must be, in the way of Woodpecker's scripts,
 * whose logs show it. What thole.yaml is made of is quoted by spec/foreign/shell_quote.h. */
void script_quote(const char *word, Buf *out);
