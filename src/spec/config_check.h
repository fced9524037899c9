/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that concern more than one key. Each is one sentence with its place and the way out. */
#pragma once

#include "spec/config.h"
#include "spec/source.h"
#include "spec/template.h"

/* The place of a key of a service ("" for the service itself); lives in the source's arena. */
const char *service_key_path(const Source *source, const Service *service, const char *key);
/* A problem with that key; what follows the hint is a format and its values. */
#define PROBLEM(source, service, key, hint, ...) \
    source_problem(source, service_key_path(source, service, key), hint, __VA_ARGS__)

static inline bool has(const Service *service, const char *key) {
    return schema_has(&type_service, service, key);
}

/* Names in depends_on: that they exist, and that nothing waits for itself. */
void config_check_graph(const Config *config, const Source *source);
/* Takes what is of the provisioner or the infrastructure out of depends_on, into `needs`: it is
 * there before a service is started, and a session waits for services. */
void config_split_dependencies(Config *config, Arena *arena);
/* What fits a service of its kind. */
void config_check_services(const Config *config, const Source *source);
/* `key` of the service is a command, and it is empty. */
void config_check_command(const Source *source, const Service *service, const char *key,
                          const Command *command);
/* config_check_runs.c: live, locks, replicas, schedule, hooks, enabled. */
void config_check_runs(const Source *source, const Service *service);
/* config_check_watch.c: watch, trigger, inputs, outputs. */
void config_check_watch(const Source *source, const Service *service);
/* config_check_terminal.c: tty, stdin, stop.command. */
void config_check_terminal(const Source *source, const Service *service);
/* After the environment is known: the values of `secrets`. */
void config_check_secrets(const Config *config, const Source *source);
/* Ports: numbers and the variables that tell of them. */
void config_check_ports(const Config *config, const Source *source);
/* Hooks, names and files of environments; after paths are resolved. */
void config_check_environment(const Config *config, const Source *source);
/* After the environment is known: env files can hold what services have. */
void config_check_env_files(const Config *config, const Source *source);
/* Each {{ reference }} in the file, as it is written: before the environment is merged. */
void config_check_templates(const Config *config, const Source *source);
