/* SPDX-License-Identifier: Apache-2.0 */
/* What an environment has for a session: the files it wrote, its ports, and the values that only it
 * knows. */
#pragma once

#include "spec/config.h"
#include "spec/source.h"

/* Values of files that other tools read too: as they are, no templates. A copy that lives as long
 * as the config (what was read lives as long as the report). */
StrMap config_keep_literal(const StrMap *read, Arena *arena);

/* Reads env_file of each service, where there is one, over its `env`. After paths and env are
 * resolved. */
void config_read_env_files(Config *config, const Source *source);

/* Before ports are looked at: those of source->entry become those of the services. */
void config_place_ports(Config *config, const Source *source);

/* At the end, of a session: the values of source->entry come into the texts. Without it, what needs
 * one is a problem. */
void config_place_values(Config *config, const Source *source);

/* After that, for who looks at it: `env` as the processes of source->entry get it, as far as the
 * environment alone says that. */
void config_show_env(Config *config, const Source *source);

/* Of the whole config: the compose file. Before names are looked at. */
void config_read_infrastructure(Config *config, const Source *source);
