/* SPDX-License-Identifier: Apache-2.0 */
/* thole: the command line. Finds the command, takes its options, runs it. Everything else is asked of the server. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "config.h"

enum { COMMANDS_MOST = 64 };

static const Option global_options[] = {
    {"dir", 'C', OPTION_TEXT, offsetof(Cli, dir), "DIR", "work in DIR", NULL},
    {"file", 0, OPTION_TEXT, offsetof(Cli, file), "FILE", "the project's config file", NULL},
    {"session", 0, OPTION_TEXT, offsetof(Cli, session), "NAME", "a further session of the same file", NULL},
    {"output", 'o', OPTION_TEXT, offsetof(Cli, output), "FORMAT", "how it is printed", NULL},
    {"json", 0, OPTION_FLAG, offsetof(Cli, json), NULL, "the same as -o json", NULL},
    {"help", 'h', OPTION_FLAG, offsetof(Cli, help), NULL, "this text", NULL},
};

static void print_commands(void) {
    printf("thole %s: runs what a repository needs while people work on it\n\nusage: thole [-C DIR] [--file FILE] COMMAND …\n\n",
           THOLE_VERSION);
    for (const Command *const *at = commands; *at; at++)
        printf("  %-10s %s\n", (*at)->name, (*at)->doc);
    printf("\n`thole help COMMAND` says more about one.\n");
}

static void print_command(const Command *command) {
    OptionSet sets[] = {{command->options, command->option_n, NULL}, {global_options, COUNT(global_options), NULL}};
    printf("usage: thole %s %s\n\n%s.\n\n", command->name, command->args, command->doc);
    if (command->outputs)
        printf("-o takes %s.\n\n", command->outputs);
    options_print(sets, COUNT(sets));
}

static const Command *find_command(const char *name) {
    for (const Command *const *at = commands; *at; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}

static int unknown_command(const char *name, Err *err) {
    const char *names[COMMANDS_MOST];
    size_t n = 0;
    for (const Command *const *at = commands; *at && n < COMMANDS_MOST; at++)
        names[n++] = (*at)->name;
    const char *like = str_suggest(name, names, n);
    return err_set(err, ERR_INVALID, "there is no command \"%.60s\"%s%s%s; `thole help` lists them", name,
                   like ? "; did you mean " : "", like ? like : "", like ? "?" : "");
}

static int cli_help(Cli *cli, void *options) {
    (void)options;
    Err err;
    if (!cli->names.n) {
        print_commands();
        return EXIT_DONE;
    }
    const Command *command = find_command(cli->names.at[0]);
    if (!command) {
        unknown_command(cli->names.at[0], &err);
        return cli_fail(&err);
    }
    print_command(command);
    return EXIT_DONE;
}

static bool knows_output(const char *outputs, const char *output) {
    const char *at = outputs ? strstr(outputs, output) : NULL;
    size_t n = strlen(output);
    return at && (at == outputs || at[-1] == '|') && (at[n] == '|' || !at[n]);
}

static int check(Cli *cli, Err *err) {
    const Command *command = cli->command;
    const char *output = cli->json ? "json" : cli->output;
    if (output && !knows_output(command->outputs, output))
        return err_set(err, ERR_INVALID, "thole %s has no output \"%.40s\"%s%s", command->name, output,
                       command->outputs ? "; there is " : "", command->outputs ? command->outputs : "");
    if (command->no_names && cli->names.n)
        return err_set(err, ERR_INVALID, "thole %s takes no \"%.60s\"", command->name, cli->names.at[0]);
    if (cli->dir && chdir(cli->dir) < 0)
        return err_sys(err, errno, "-C %s", cli->dir);
    return 0;
}

static int run(Cli *cli, int argc, char **argv, Err *err) {
    const Command *command = cli->command;
    AUTO_FREE void *options = xcalloc(1, command->options_size + 1);
    OptionSet sets[] = {{command->options, command->option_n, options}, {global_options, COUNT(global_options), cli}};
    cli->names.n = 0;
    if (command->prepare)
        command->prepare(options);
    if (options_parse(sets, COUNT(sets), argv, argc, false, &cli->names, err) < 0)
        return err_in(err, "thole %s", command->name);
    if (cli->help) {
        print_command(command);
        return EXIT_DONE;
    }
    if (check(cli, err) < 0 || client_init(&cli->client, err) < 0)
        return -1;
    return command->run(cli, options);
}

int main(int argc, char **argv) {
    Cli cli = {.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
    Err err;
    OptionSet global = {global_options, COUNT(global_options), &cli};
    AUTO_FREE const char **words = xcalloc((size_t)argc + 1, sizeof(*words));
    int at = 1;
    cli.names.at = words;
    signal(SIGPIPE, SIG_IGN);
    while (at < argc && argv[at][0] == '-') /* global options stand before the command */
        at += (strcmp(argv[at], "-C") == 0 || strcmp(argv[at], "--dir") == 0 || strcmp(argv[at], "--file") == 0 ||
               strcmp(argv[at], "--session") == 0) ? 2 : 1;
    if (at > argc)
        at = argc;
    if (options_parse(&global, 1, argv, at, false, &cli.names, &err) < 0)
        return cli_fail(&err);
    if (at == argc || cli.help) {
        print_commands();
        return at == argc && !cli.help ? EXIT_USAGE : EXIT_DONE;
    }
    cli.command = find_command(argv[at]);
    if (!cli.command) {
        unknown_command(argv[at], &err);
        return cli_fail(&err);
    }
    int r = run(&cli, argc - at, argv + at, &err);
    if (r < 0)
        r = cli_fail(&err);
    client_deinit(&cli.client);
    free(cli.config_file);
    return r;
}

const Command command_help = {
    .name = "help", .args = "[COMMAND]", .doc = "Says what there is, or more about one command", .run = cli_help,
};
