/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the command, takes its options, runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/commands.h"

enum { COMMANDS_MOST = 64 };

const Option global_options[GLOBAL_OPTION_N] = {
    {"dir", 'C', OPTION_TEXT, offsetof(Cli, dir), "DIR", "work in DIR", NULL},
    {"file", 0, OPTION_TEXT, offsetof(Cli, file), "FILE", "the project's config file", NULL},
    {"session", 0, OPTION_TEXT, offsetof(Cli, session), "NAME",
     "a further session of the same file", NULL},
    {"output", 'o', OPTION_TEXT, offsetof(Cli, output), "FORMAT",
     "how it is printed, where there is a choice", NULL},
    {"json", 0, OPTION_FLAG, offsetof(Cli, json), NULL, "the same as -o json", NULL},
    {"help", 'h', OPTION_FLAG, offsetof(Cli, help), NULL, "this text", NULL},
};

const Command *command_find(const char *name) {
    for (const Command *const *at = commands; *at; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}

int command_unknown(const char *name, Err *err) {
    const char *names[COMMANDS_MOST];
    size_t n = 0;
    for (const Command *const *at = commands; *at && n < COMMANDS_MOST; at++)
        names[n++] = (*at)->name;
    const char *like = str_suggest(name, names, n);
    err_set(err, ERR_INVALID, "there is no command \"%.60s\"", name);
    return err_suggest(err, like, "; `thole help` lists them");
}

static int check_session(const Cli *cli, Err *err) {
    const char *name = cli->session;
    size_t n = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") : 1;
    if (name && (n == 0 || name[n] || n > MAX_SESSION_NAME || name[0] == '-' || name[n - 1] == '-'))
        return err_set(err, ERR_INVALID,
                       "--session \"%.40s\": use a-z, 0-9 and -, at most %d of them", name,
                       MAX_SESSION_NAME);
    return 0;
}

static int check(Cli *cli, Err *err) {
    const Command *command = cli->command;
    const char *output = cli->json ? "json" : cli->output;
    if (output && (!command->outputs || !option_is_choice(command->outputs, output)))
        return err_set(err, ERR_INVALID, "thole %s has no output \"%.40s\"%s%s", command->name,
                       output, command->outputs ? "; there is " : "",
                       command->outputs ? command->outputs : "");
    if (command->no_names && cli->names.n)
        return err_set(err, ERR_INVALID, "thole %s takes no NAME (\"%.60s\")", command->name,
                       cli->names.at[0]);
    for (size_t i = 0; i < cli->names.n && !command->any_words; i++)
        if (!utf8_valid(cli->names.at[i], strlen(cli->names.at[i])) || !cli->names.at[i][0])
            return err_set(err, ERR_INVALID, "thole %s: a word is %s", command->name,
                           cli->names.at[i][0] ? "not UTF-8" : "empty");
    if (check_session(cli, err) < 0)
        return -1;
    if (cli->dir && chdir(cli->dir) < 0)
        return err_sys(err, errno, "-C %s", cli->dir);
    return 0;
}

/* On a terminal the end of a line is a whole one, whatever the terminal is like. */
static void say_waiting(const char *what) {
    fprintf(stderr, "thole: %s%s\n", what, isatty(STDERR_FILENO) ? "\r" : "");
}

static int run_with(Cli *cli, OptionWords *words, void *options, Err *err) {
    const Command *command = cli->command;
    OptionSet sets[] = {{command->options, command->option_n, options},
                        {global_options, GLOBAL_OPTION_N, cli}};
    if (command->outputs)
        snprintf(cli->usual_output, sizeof(cli->usual_output), "%.*s",
                 (int)strcspn(command->outputs, "|"), command->outputs);
    if (command->prepare)
        command->prepare(options);
    if (options_parse(sets, COUNT(sets), words, &cli->names, err) < 0)
        return err_in(err, "thole %s", command->name);
    cli->dashed = words->dashed;
    cli->before = words->before;
    if (cli->help) {
        help_command(command, cli->names.n ? cli->names.at[0] : NULL);
        return EXIT_DONE;
    }
    if (cli->names.n && options_check_verb(words, command->name, cli->names.at[0], err) < 0)
        return -1;
    if (check(cli, err) < 0 || (!command->offline && client_init(&cli->client, err) < 0))
        return -1;
    cli->client.may_repeat = !command->once;
    cli->client.say = isatty(STDERR_FILENO) ? say_waiting : NULL;
    cli->client.warn = say_waiting;
    return command->run(cli, options, err);
}

static int run_command(Cli *cli, int argc, char **argv, Err *err) {
    const Command *command = cli->command;
    AUTO_FREE void *options = xcalloc(1, command->options_size + 1);
    OptionWords words = {.argv = argv, .argc = argc};
    int r = run_with(cli, &words, options, err);
    options_free(&(OptionSet){command->options, command->option_n, options});
    return r;
}

static int run(Cli *cli, int argc, char **argv, Err *err) {
    OptionSet global = {global_options, GLOBAL_OPTION_N, cli};
    bool version = argc == 2 && strcmp(argv[1], "--version") == 0; /* as every program has it */
    OptionWords words = {.argv = argv, .argc = argc, .stop_at_word = true};
    if (version)
        words.at = 1;
    else if (options_parse(&global, 1, &words, &cli->names, err) < 0)
        return -1;
    int at = words.at;
    if (at == argc) {
        help_commands();
        return cli->help ? EXIT_DONE : EXIT_USAGE;
    }
    cli->command = command_find(version ? "version" : argv[at]);
    if (!cli->command)
        return command_unknown(argv[at], err);
    return run_command(cli, argc - at, argv + at, err);
}

/* Where one of the three was closed nothing of ours may come to stand, least of all a socket. */
static void keep_streams(void) {
    int fd;
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0 && fd <= STDERR_FILENO)
        ;
    if (fd >= 0)
        close(fd);
}

int cli_run(int argc, char **argv) {
    keep_streams();
    bool plain = (getenv("NO_COLOR") && getenv("NO_COLOR")[0]) || str_same(getenv("TERM"), "dumb");
    Cli cli = {.terminal = isatty(STDOUT_FILENO)};
    AUTO_FREE const char **words = xcalloc((size_t)argc + 1, sizeof(*words));
    Err err;
    cli.color = cli.terminal && !plain;
    cli.color_err = !plain && isatty(STDERR_FILENO);
    cli.names.at = words;
    arena_init(&cli.arena);
    int r = run(&cli, argc, argv, &err);
    if (r < 0)
        r = cli_fail(&err);
    errno = cli.unwritten;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_say("could not write everything: %s", strerror(errno ? errno : EIO));
        r = r == EXIT_DONE ? EXIT_TROUBLE : r;
    }
    client_deinit(&cli.client);
    arena_deinit(&cli.arena);
    free(cli.config_file);
    return r;
}
