/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: `{{self.port}}` and its kin in the texts of thole.yaml. A text is scanned from left to
 * right; a reference is `{{`, one or more bytes other than `}`, `}}`. What stands inside is trimmed
 * and split at its dots. Values are inserted once: what they hold is not looked at again.
 *
 *     self.port  self.ports.<name>  services.<service>.port  services.<service>.ports.<name>
 *     project.name  project.root  vars.<name>
 *
 * and those whose values only an environment has:
 *
 *     env.name  infrastructure.<name>.port  provisioner.<service>.<OUTPUT>  store.<KEY>
 *     proxy.domain  proxy.url.<service>
 *
 * Strict (values of `env`): every reference must be one of these, and `{{{{` is a literal `{{`.
 * Lenient (commands, probes, hooks): only what begins with one of the namespaces is a reference;
 * everything else stays as it is, and `{{{{` is a literal `{{` only before what would be a
 * reference. */
#pragma once

#include "spec/port_table.h"
#include "spec/template_scan.h"

typedef struct TemplateValues {
    const Config *config;
    const PortTable *ports;
    const char *self; /* a service; NULL: `self` means nothing here */
    /* Its ports win over the table. NULL: there is none. */
    const EnvironmentEntry *environment;
    bool checking; /* of what nobody knows yet some value is taken: names are what is looked at */
} TemplateValues;

/* One thing that is wrong: "{{self.prot}}: expected self.port or self.ports.<name>", and the way
 * out or NULL. */
typedef void (*TemplateProblemFn)(void *arg, const char *message, const char *hint);

/* Told of problems, which leave their reference as it is written; NULL: the text was checked when
 * it was loaded. */
typedef struct TemplateProblems {
    TemplateProblemFn fn;
    void *arg;
} TemplateProblems;

/* The text with values in the place of references; the text itself if it has none. In `arena`. */
const char *template_render(const char *text, TemplateMode mode, const TemplateValues *values,
                            const TemplateProblems *problems, Arena *arena);

/* The text with the values of values->environment in the place of the references that only an
 * environment knows; the others stay, for template_render(), which gives these values back as they
 * are. */
const char *template_place(const char *text, TemplateMode mode, const TemplateValues *values,
                           const TemplateProblems *problems, Arena *arena);

/* Of texts that were checked: copies where something changes, the same where nothing does. */
StrMap template_env(const StrMap *env, const TemplateValues *values, Arena *arena);
Command template_command(const Command *command, const TemplateValues *values, Arena *arena);
/* ... and with its port: given here, or the service's own. */
Probe template_probe(const Probe *probe, const TemplateValues *values, Arena *arena);

/* What is known of a config before its ports are: for each `auto` some number of 5 digits. */
TemplateValues template_values_of(const Config *config, Arena *arena);
/* Of a service that is written the same with both values: the key of the first text that comes out
 * otherwise ("env.URL"); NULL: there is none. */
const char *template_change(const Service *service, const TemplateValues *a,
                            const TemplateValues *b, Arena *arena);
