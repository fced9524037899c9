/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of what thole.yaml says of environments. */
#include "spec/environment_config.h"

#include "spec/names.h"

SCHEMA_DECLARE(t_ssh, SshConfig);
SCHEMA_DECLARE(t_provisioned_services, ProvisionedService);
SCHEMA_DECLARE(t_infra_service, InfraService);
SCHEMA_DECLARE(t_infra_services, InfraService);
SCHEMA_DECLARE(t_runner_proxy, RunnerProxy);
SCHEMA_DECLARE(t_runner_compose, RunnerCompose);
SCHEMA_DECLARE(t_proxy_target, ProxyTarget);

/* --- hooks --- */

static const char *check_hook(const char *text) {
    return text[strspn(text, " \t\r\n")] ? NULL : "the command is empty";
}

static const Field hook_fields[] = {
    FIELD_SET(EnvironmentHook),
    FIELD(EnvironmentHook, command, "command", t_string, .flags = FIELD_REQUIRED,
          .check = check_hook, .aka = "run cmd script", .doc = "what `sh -c` runs"),
    FIELD(EnvironmentHook, allow_cache, "allow_cache", t_bool, .dflt = "true", .aka = "cache",
          .doc = "`false`: it runs each time, also when it was done and nothing has changed"),
    FIELD(EnvironmentHook, timeout_ms, "timeout", t_duration, .dflt = "0s",
          .doc = "a hook that takes longer is stopped, and has failed; 0: no limit"),
};
SCHEMA_STRUCT(
    type_hook, EnvironmentHook, "hook", hook_fields, .scalar = "command",
    .expected = "a hook: a command for the shell, or a map {command, allow_cache, timeout}");

/* --- provisioner --- */

static const Field ssh_fields[] = {
    FIELD(SshConfig, proxy_command, "proxy_command", t_string, .flags = FIELD_TEMPLATE, .min = 1,
          .doc = "the ProxyCommand of ssh; `{{store.KEY}}` stands for a value of the environment"),
    FIELD(SshConfig, user, "user", t_string, .flags = FIELD_TEMPLATE, .min = 1,
          .doc = "who logs in"),
    FIELD(SshConfig, user_command, "user_command", t_string, .check = check_hook,
          .doc = "a command that prints who logs in; it wins over `user`"),
    FIELD(SshConfig, identity_file, "identity_file", t_string, .min = 1, .aka = "key identity",
          .doc = "the key; `~/` is the home directory"),
    FIELD(SshConfig, root, "root", t_string, .flags = FIELD_TEMPLATE, .min = 1,
          .doc = "the project's directory there"),
};
SCHEMA_STRUCT(t_ssh, SshConfig, "ssh", ssh_fields);

static const Field compute_fields[] = {
    FIELD_SET(ComputeConfig),
    FIELD(ComputeConfig, create, "create", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "makes the machine; prints `NAME=value` lines"),
    FIELD(ComputeConfig, destroy, "destroy", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "removes it again"),
    FIELD(ComputeConfig, outputs, "outputs", t_strings, .check = check_env_name,
          .doc = "names that `create` must print"),
    FIELD(ComputeConfig, ssh, "ssh", t_ssh, .flags = FIELD_OPTIONAL,
          .doc = "how it is reached; used by a later version"),
};
SCHEMA_STRUCT(type_compute, ComputeConfig, "compute", compute_fields);

static const Field provisioned_fields[] = {
    FIELD_SET(ProvisionedService),
    FIELD(ProvisionedService, name, "name", t_string, .flags = FIELD_KEY,
          .check = check_service_name),
    FIELD(ProvisionedService, outputs, "outputs", t_strings, .check = check_env_name,
          .doc = "names that `seed` and `reset` must print, each as a `NAME=value` line; at least "
                 "one. `{{provisioner.<name>.<NAME>}}` is its value"),
    FIELD(ProvisionedService, init, "init", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "prepares once what all environments share, such as a template database"),
    FIELD(ProvisionedService, seed, "seed", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "makes the one of this environment, and prints its outputs"),
    FIELD(ProvisionedService, reset, "reset", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "makes it as new, and prints its outputs"),
    FIELD(ProvisionedService, destroy, "destroy", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "removes it"),
    FIELD_AT(ProvisionedService),
};
SCHEMA_STRUCT(type_provisioned, ProvisionedService, "provisioner service", provisioned_fields);
SCHEMA_MAP(t_provisioned_services, type_provisioned);

static const Field provisioner_fields[] = {
    FIELD_SET(ProvisionerConfig),
    FIELD(ProvisionerConfig, before, "before", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "runs first"),
    FIELD(ProvisionerConfig, after, "after", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "runs when everything is provisioned"),
    FIELD(ProvisionerConfig, compute, "compute", type_compute, .flags = FIELD_OPTIONAL,
          .doc = "the machine it runs on; without it, this one, in a git worktree"),
    FIELD_LIST(ProvisionerConfig, services, "services", t_provisioned_services,
               .doc = "what each environment has of its own, by name: a database, a bucket, an "
                      "account"),
};
SCHEMA_STRUCT(type_provisioner, ProvisionerConfig, "provisioner", provisioner_fields);

/* --- infrastructure --- */

static const Field infra_fields[] = {
    FIELD(InfraService, name, "name", t_string, .flags = FIELD_KEY),
    FIELD(InfraService, image, "image", t_string, .doc = "what it is made from"),
    FIELD(InfraService, port, "port", t_int, .doc = "the first of this machine"),
    FIELD(InfraService, env_var, "env_var", t_string, .doc = "the variable that sets the port"),
};
SCHEMA_STRUCT(t_infra_service, InfraService, "infrastructure service", infra_fields);
SCHEMA_MAP(t_infra_services, t_infra_service);

static const Field infrastructure_fields[] = {
    FIELD_SET(InfrastructureConfig),
    FIELD(InfrastructureConfig, compose_file, "compose_file", t_string, .flags = FIELD_REQUIRED,
          .min = 1, .aka = "compose file",
          .doc = "the file of docker compose whose services each environment has for itself"),
    FIELD_LIST(InfrastructureConfig, services, "services", t_infra_services,
               .flags = FIELD_INTERNAL),
};
SCHEMA_STRUCT(type_infrastructure, InfrastructureConfig, "infrastructure", infrastructure_fields);

/* --- runner --- */

static const Field runner_proxy_fields[] = {
    FIELD_SET(RunnerProxy),
    FIELD(RunnerProxy, enabled, "enabled", t_bool, .dflt = "true",
          .doc = "`false`: there is no proxy"),
    FIELD(RunnerProxy, domain, "domain", t_string, .min = 1, .check = check_host,
          .doc = "services are `https://<environment>--<service>.<domain>`"),
    FIELD(RunnerProxy, type, "type", t_string, .dflt = "nginx", .min = 1,
          .doc = "which proxy; used by a later version"),
};
SCHEMA_STRUCT(t_runner_proxy, RunnerProxy, "proxy", runner_proxy_fields);

static const Field runner_compose_fields[] = {
    FIELD_SET(RunnerCompose),
    FIELD(RunnerCompose, autostart, "autostart", t_strings, .aka = "auto_start",
          .doc = "the services that start with the environment; used by a later version"),
    FIELD(RunnerCompose, image, "image", t_string, .min = 1,
          .doc = "what its containers are made from; used by a later version"),
    FIELD(RunnerCompose, proxy, "proxy", t_runner_proxy, .flags = FIELD_OPTIONAL,
          .doc = "what makes services reachable by name"),
};
SCHEMA_STRUCT(t_runner_compose, RunnerCompose, "runner compose", runner_compose_fields);

static const Field runner_fields[] = {
    FIELD_SET(RunnerConfig),
    FIELD(RunnerConfig, before, "before", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "runs before services are started"),
    FIELD(RunnerConfig, build, "build", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "one build of everything"),
    FIELD(RunnerConfig, deploy, "deploy", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "starts what `thole up` does not"),
    FIELD(RunnerConfig, after, "after", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "runs when everything is there"),
    FIELD(RunnerConfig, destroy, "destroy", type_hook, .flags = FIELD_OPTIONAL,
          .doc = "runs before an environment is removed"),
    FIELD(RunnerConfig, compose, "compose", t_runner_compose, .flags = FIELD_OPTIONAL,
          .doc = "a compose file that is generated; used by a later version, but for its domain"),
};
SCHEMA_STRUCT(type_runner, RunnerConfig, "runner", runner_fields);

/* --- of a service --- */

static const Field proxy_target_fields[] = {
    FIELD(ProxyTarget, service, "service", t_string, .flags = FIELD_REQUIRED, .min = 1,
          .doc = "the service that answers"),
};
SCHEMA_STRUCT(t_proxy_target, ProxyTarget, "proxy target", proxy_target_fields);

static const Field proxy_rule_fields[] = {
    FIELD(ProxyRule, path, "path", t_string, .flags = FIELD_REQUIRED, .min = 1,
          .check = check_url_path, .doc = "what is asked for"),
    FIELD(ProxyRule, target_path, "target_path", t_string, .min = 1, .check = check_url_path,
          .doc = "what is asked for there; default: `path`"),
    FIELD(ProxyRule, to, "to", t_proxy_target, .flags = FIELD_REQUIRED, .doc = "who answers"),
};
SCHEMA_STRUCT(type_proxy_rule, ProxyRule, "proxy rule", proxy_rule_fields);
