/* SPDX-License-Identifier: Apache-2.0 */
/* What a kind of machine is called in Backend.platform. */
#pragma once

/* "x86_64" (uname, Docker) → "amd64"; what is not known keeps its name. */
const char *platform_machine(const char *machine);
