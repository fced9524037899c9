/* SPDX-License-Identifier: Apache-2.0 */
/* The rules that concern more than one key. Each is one sentence with its place and the way out. */
#pragma once

#include "spec/config.h"
#include "spec/source.h"
#include "spec/template.h"

/* Names in depends_on: that they exist, and that nothing waits for itself. */
void config_check_graph(const Config *config, const Source *source);
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
/* Each {{ reference }} in the file, as it is written: before the environment is merged. */
void config_check_templates(const Config *config, const Source *source);
