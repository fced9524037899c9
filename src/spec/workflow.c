/* SPDX-License-Identifier: Apache-2.0 */
/* The tables: every key of a Config is named here, once. Defaults are Go's zero values. */
#include "spec/workflow.h"

#include <string.h>

SCHEMA_DECLARE(t_step_type, StepType);
SCHEMA_DECLARE(t_failure, StepFailure);
SCHEMA_DECLARE(t_tree, const Value *);
SCHEMA_DECLARE(t_host, HostAlias);
SCHEMA_DECLARE(t_hosts, HostAlias);
SCHEMA_DECLARE(t_network, StepNetwork);
SCHEMA_DECLARE(t_networks, StepNetwork);
SCHEMA_DECLARE(t_step_port, StepPort);
SCHEMA_DECLARE(t_step_ports, StepPort);
SCHEMA_DECLARE(t_auth, RegistryAuth);
SCHEMA_DECLARE(t_thole, TholeOptions);
SCHEMA_DECLARE(t_docker, DockerOptions);
SCHEMA_DECLARE(t_options, BackendOptions);
SCHEMA_DECLARE(t_steps, Step);
SCHEMA_DECLARE(t_stage, Stage);
SCHEMA_DECLARE(t_stages, Stage);
SCHEMA_DECLARE(t_secret, WorkflowSecret);
SCHEMA_DECLARE(t_secrets, WorkflowSecret);

static const EnumName step_types[] = {{STEP_COMMANDS, "commands"}, {STEP_CLONE, "clone"},
                                      {STEP_SERVICE, "service"},   {STEP_PLUGIN, "plugin"},
                                      {STEP_CACHE, "cache"},       {0}};
SCHEMA_ENUM(t_step_type, StepType, "type", step_types);

static const EnumName failures[] = {
    {FAILURE_FAIL, "fail"}, {FAILURE_IGNORE, "ignore"}, {FAILURE_CANCEL, "cancel"}, {0}};
SCHEMA_ENUM(t_failure, StepFailure, "failure", failures);

const char *step_type_name(StepType type) {
    for (const EnumName *name = step_types; name->name; name++)
        if (name->value == (int)type)
            return name->name;
    return "process";
}

/* --- what is kept as it was written --- */

static int decode_tree(Decoder *d, const Value *v, void *ret) {
    if (!value_is(v, VALUE_MAP) && !value_is(v, VALUE_NULL))
        return decode_problem(d, v, NULL, "expected a map, not %s", value_kind_name(v->kind));
    *(const Value **)ret = d->copy ? value_copy(v, d->arena) : v;
    return 0;
}

static void encode_tree(const void *member, JsonWriter *out) {
    json_value(out, *(const Value *const *)member);
}

const Type t_tree = {
    .kind = TYPE_CUSTOM,
    .name = "map",
    .size = sizeof(const Value *),
    .align = _Alignof(const Value *),
    .expected = "a map",
    .decode = decode_tree,
    .encode = encode_tree,
    .json_schema = "{\"type\":\"object\"}",
};

/* --- steps --- */

static const Field host_fields[] = {
    FIELD(HostAlias, name, "name", t_string, .flags = FIELD_REQUIRED, .min = 1, .doc = "a host"),
    FIELD(HostAlias, ip, "ip", t_string, .flags = FIELD_REQUIRED, .min = 1, .doc = "its address"),
};
SCHEMA_STRUCT(t_host, HostAlias, "host", host_fields);
SCHEMA_LIST(t_hosts, t_host);

static const Field network_fields[] = {
    FIELD(StepNetwork, name, "name", t_string, .flags = FIELD_REQUIRED, .min = 1,
          .doc = "a network that is there already, or the workflow's own"),
    FIELD(StepNetwork, aliases, "aliases", t_strings, .doc = "what the step is called there"),
};
SCHEMA_STRUCT(t_network, StepNetwork, "network", network_fields);
SCHEMA_LIST(t_networks, t_network);

static const Field port_fields[] = {
    FIELD(StepPort, number, "number", t_int, .flags = FIELD_REQUIRED, .min = 1, .max = 65535,
          .doc = "a port it listens on"),
    FIELD(StepPort, protocol, "protocol", t_string, .doc = "tcp or udp; empty: tcp"),
};
SCHEMA_STRUCT(t_step_port, StepPort, "port", port_fields);
SCHEMA_LIST(t_step_ports, t_step_port);

static const Field auth_fields[] = {
    FIELD(RegistryAuth, username, "username", t_string, .doc = "of the registry"),
    FIELD(RegistryAuth, password, "password", t_string, .flags = FIELD_SECRET,
          .doc = "of the registry"),
};
SCHEMA_STRUCT(t_auth, RegistryAuth, "credentials", auth_fields);

static const Field thole_fields[] = {
    FIELD(TholeOptions, on_cancel, "on_cancel", t_bool,
          .doc = "a step with on_failure runs after a cancel, too: to clean up"),
};
SCHEMA_STRUCT(t_thole, TholeOptions, "thole options", thole_fields);

static const Field docker_fields[] = {
    FIELD(DockerOptions, user, "user", t_string, .doc = "the user, or user:group, it runs as"),
};
SCHEMA_STRUCT(t_docker, DockerOptions, "docker options", docker_fields);

static const Field option_fields[] = {
    FIELD(BackendOptions, timeout_ms, "timeout", t_duration,
          .doc =
              "the step is ended, and has failed, when it runs for longer, from its start and not "
              "from the pull of its image; 0: as long as the workflow may"),
    FIELD(BackendOptions, thole, "thole", t_thole, .doc = "what all our backends understand"),
    FIELD(BackendOptions, docker, "docker", t_docker, .doc = "what the docker backend understands"),
    FIELD(BackendOptions, kubernetes, "kubernetes", t_tree,
          .doc = "what the kubernetes backend understands"),
};
SCHEMA_STRUCT(t_options, BackendOptions, "backend options", option_fields);

static const Field step_fields[] = {
    FIELD(Step, name, "name", t_string, .flags = FIELD_REQUIRED, .min = 1,
          .doc = "for people; of services also the host name"),
    FIELD(Step, org_id, "org_id", t_int, .min = INT64_MIN, .max = INT64_MAX,
          .doc = "whose it is: a label"),
    FIELD(Step, uuid, "uuid", t_string, .flags = FIELD_REQUIRED, .min = 1,
          .doc = "its identity within the workflow"),
    FIELD(Step, type, "type", t_step_type, .doc = "what kind of step it is"),
    FIELD(Step, image, "image", t_string, .doc = "what it runs in; local: its shell or program"),
    FIELD(Step, pull, "pull", t_bool, .doc = "the image is pulled also if it is there"),
    FIELD(Step, detach, "detach", t_bool, .doc = "nobody waits for its end"),
    FIELD(Step, privileged, "privileged", t_bool, .doc = "it may do what root of the machine may"),
    FIELD(Step, working_dir, "working_dir", t_string, .doc = "where it runs"),
    FIELD(Step, workspace_base, "workspace_base", t_string, .doc = "where the volume is"),
    FIELD(Step, environment, "environment", t_env, .doc = "its variables"),
    FIELD(Step, secret_mapping, "secret_mapping", t_env, .flags = FIELD_SECRET,
          .doc = "those that are secret, with their values"),
    FIELD(Step, entrypoint, "entrypoint", t_strings, .doc = "instead of the shell"),
    FIELD(Step, commands, "commands", t_strings, .doc = "what the shell runs, up to a failure"),
    FIELD_LIST(Step, extra_hosts, "extra_hosts", t_hosts, .doc = "lines of its hosts file"),
    FIELD(Step, volumes, "volumes", t_strings, .doc = "[source:]destination[:mode]"),
    FIELD(Step, tmpfs, "tmpfs", t_strings, .doc = "path[:options]"),
    FIELD(Step, devices, "devices", t_strings, .doc = "host[:container[:mode]]"),
    FIELD_LIST(Step, networks, "networks", t_networks, .doc = "networks it is part of"),
    FIELD(Step, dns, "dns", t_strings, .doc = "addresses of name servers"),
    FIELD(Step, dns_search, "dns_search", t_strings, .doc = "domains to look in"),
    FIELD(Step, on_failure, "on_failure", t_bool, .doc = "it runs when the workflow has failed"),
    FIELD(Step, on_success, "on_success", t_bool, .doc = "it runs while all goes well"),
    FIELD(Step, failure, "failure", t_failure, .doc = "what its failure means to the workflow"),
    FIELD(Step, auth_config, "auth_config", t_auth, .doc = "for pulling its image"),
    FIELD(Step, network_mode, "network_mode", t_string, .doc = "instead of networks"),
    FIELD_LIST(Step, ports, "ports", t_step_ports, .doc = "what it listens on"),
    FIELD(Step, backend_options, "backend_options", t_options, .doc = "by backend"),
    FIELD(Step, workflow_labels, "workflow_labels", t_env, .doc = "for what is created for it"),
    FIELD(Step, container_name_scheme, "container_name_scheme", t_string,
          .doc = "hash or descriptive; empty: descriptive"),
    FIELD(Step, depends_on, "depends_on", t_strings,
          .doc = "names of steps that must have ended before it"),
};
SCHEMA_STRUCT(type_step, Step, "step", step_fields);
const Type t_steps = {.kind = TYPE_LIST,
                      .name = "list",
                      .size = sizeof(StrList),
                      .align = _Alignof(StrList),
                      .of = &type_step};

/* --- the whole --- */

static const Field stage_fields[] = {
    FIELD_LIST(Stage, steps, "steps", t_steps, .doc = "they run at the same time"),
};
SCHEMA_STRUCT(t_stage, Stage, "stage", stage_fields);
SCHEMA_LIST(t_stages, t_stage);

static const Field secret_fields[] = {
    FIELD(WorkflowSecret, name, "name", t_string, .doc = "for people"),
    FIELD(WorkflowSecret, value, "value", t_string, .flags = FIELD_SECRET,
          .doc = "what is to be masked"),
};
SCHEMA_STRUCT(t_secret, WorkflowSecret, "secret", secret_fields);
SCHEMA_LIST(t_secrets, t_secret);

static const Field workflow_fields[] = {
    FIELD_LIST(WorkflowConfig, stages, "pipeline", t_stages, .dflt = "[]",
               .doc = "one after the other"),
    FIELD(WorkflowConfig, network, "network", t_string, .doc = "made for the workflow"),
    FIELD(WorkflowConfig, volume, "volume", t_string, .doc = "made for the workflow"),
    FIELD_LIST(WorkflowConfig, secrets, "secrets", t_secrets, .doc = "what is masked"),
};
SCHEMA_STRUCT(type_workflow, WorkflowConfig, "workflow", workflow_fields);
