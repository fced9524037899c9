/* SPDX-License-Identifier: Apache-2.0 */
/* A command in a target's environment and directory. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/exec.h"
#include "cli/remote.h"

enum { EXIT_NOT_FOUND = 127, EXIT_CANNOT = 126 };

int exec_become(const char *const *words, size_t n) {
    VEC(char *) argv = {0};
    const char *shell = getenv("SHELL");
    AUTO_FREE char *own_shell = xstrdup(shell && *shell ? shell : "/bin/sh");
    for (size_t i = 0; i < n; i++)
        VEC_PUSH(argv, (char *)(uintptr_t)words[i]);
    if (!n)
        VEC_PUSH(argv, own_shell);
    VEC_PUSH(argv, NULL);
    execvp(argv.at[0], argv.at);
    int number = errno;
    cli_say("%s: %s", argv.at[0], strerror(number));
    VEC_FREE(argv);
    return number == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT;
}

static const Value *environment_of(Cli *cli, const Remote *remote, Err *err) {
    const Value *reply;
    AUTO_FREE char *path = remote_path(remote, "environment");
    if (client_ask(&cli->client, "GET", path, NULL, &cli->arena, &reply, err) < 0)
        return NULL;
    return value_get(reply, "status");
}

/* It takes the place of ours, but for what says which terminal this is. */
static void take_environment(Cli *cli, const Value *env) {
    const char *term = getenv("TERM");
    AUTO_FREE char *own_term = term ? xstrdup(term) : NULL;
    clearenv();
    for (size_t i = 0; i < value_count(env); i++) {
        const Value *value = env->map.at[i].value;
        const char *coded = value_get_str(value, "base64"), *text = value_str(value);
        size_t n;
        if (coded)
            text = base64_decode(coded, &cli->arena, &n);
        if (text)
            setenv(env->map.at[i].key, text, 1);
    }
    if (own_term && isatty(STDIN_FILENO))
        setenv("TERM", own_term, 1);
}

static int run(Cli *cli, void *given, Err *err) {
    Remote remote;
    if (!cli->names.n)
        return err_set(err, ERR_INVALID, "thole exec needs a NAME (a resource or a target)");
    if (remote_find(cli, cli->names.at[0], &remote, err) < 0)
        return -1;
    const Value *status = environment_of(cli, &remote, err);
    const char *path = value_get_str(status, "path");
    if (!status)
        return -1;
    if (!path || chdir(path) < 0)
        return err_sys(err, errno, "the directory of %s: %s", remote.name, path ? path : "");
    take_environment(cli, value_get(status, "env"));
    return exec_become(cli->names.at + 1, cli->names.n - 1);
}

const Command command_exec = {
    .name = "exec",
    .args = "NAME [-- CMD…]",
    .doc = "Runs a command in a target's environment and directory",
    .more = "Also when the target does not run. Without CMD it is $SHELL. The exit code is the "
            "command's.",
    .run = run,
    .any_words = true,
};
