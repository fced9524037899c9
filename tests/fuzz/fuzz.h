/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzzer is one file fuzz_<name>.c with this one function and a folder corpus/<name>. `./dev fuzz
 * <name>` lets libFuzzer call it; in the ordinary test run replay.c does, with each file of the
 * corpus and with mutations of it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Must survive any bytes: no crash, no leak, no hang. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
