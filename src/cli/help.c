/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "config.h"

enum { WIDTH = 80 };

static bool option_of_output(const Option *option) {
    return strcmp(option->name, "output") == 0 || strcmp(option->name, "json") == 0;
}

static bool prints_json(const Command *command) {
    return command->outputs && strstr(command->outputs, "json");
}

/* Of the options that every command may have those of what it prints, or the others. */
static void print_global(bool of_output) {
    Option options[GLOBAL_OPTION_N];
    size_t n = 0;
    for (size_t i = 0; i < GLOBAL_OPTION_N; i++)
        if (option_of_output(&global_options[i]) == of_output)
            options[n++] = global_options[i];
    options_print(&(OptionSet){options, n, NULL}, 1);
}

static void print_who_prints(void) {
    int column = printf("\nThose that print data:");
    for (const Command *const *at = commands; *at; at++) {
        if (!prints_json(*at))
            continue;
        int n = 1 + (int)strlen((*at)->name) + 1;
        if (column + n > WIDTH)
            column = printf("\n") - 1;
        else
            n = printf(" ") + n - 1;
        printf("%s,", (*at)->name);
        column += n;
    }
    printf("%stake besides\n\n", column + 13 > WIDTH ? "\n" : " ");
}

void help_commands(void) {
    printf("thole %s: runs what a repository needs while people work on it\n\n"
           "usage: thole [-C DIR] [--file FILE] [--session NAME] COMMAND …\n\n",
           THOLE_VERSION);
    for (const Command *const *at = commands; *at; at++)
        printf("  %-11s %s\n", (*at)->name, (*at)->doc);
    printf("\nEvery command takes\n\n");
    print_global(false);
    print_who_prints();
    print_global(true);
    printf("\nNAME is a service (web) or a target of it (web:serve, web:update).\n"
           "`thole help COMMAND` says more about one.\n");
}

/* The end of the next piece of a usage: a word, or what stands in brackets. */
static const char *piece_end(const char *at) {
    for (int depth = 0; *at && (depth || *at != ' '); at++)
        depth += (*at == '[') - (*at == ']');
    return at;
}

static int columns_of(const char *from, const char *to) {
    int n = 0;
    for (; from < to; from++)
        n += ((unsigned char)*from & 0xc0) != 0x80;
    return n;
}

/* Lines break between pieces. */
static void print_usage(const Command *command) {
    int indent = printf("usage: thole %s", command->name), column = indent;
    for (const char *at = command->args, *end; *at; at = end + (*end == ' ')) {
        end = piece_end(at);
        int n = columns_of(at, end);
        if (column + 1 + n > WIDTH)
            column = printf("\n%*s", indent, "") - 1;
        printf(" %.*s", (int)(end - at), at);
        column += 1 + n;
    }
    putchar('\n');
}

/* Of the options that every command has those that mean something here. */
static size_t choose_global(const Command *command, Option options[GLOBAL_OPTION_N]) {
    size_t n = 0;
    for (size_t i = 0; i < GLOBAL_OPTION_N; i++) {
        Option option = global_options[i];
        bool form = strcmp(option.name, "output") == 0, json = strcmp(option.name, "json") == 0;
        if ((form && !command->outputs) || (json && !prints_json(command)))
            continue;
        if (form)
            option.doc = command->outputs;
        options[n++] = option;
    }
    return n;
}

void help_command(const Command *command) {
    Option global[GLOBAL_OPTION_N];
    size_t n = choose_global(command, global);
    OptionSet sets[] = {{command->options, command->option_n, NULL}, {global, n, NULL}};
    print_usage(command);
    printf("\n%s.\n", command->doc);
    if (command->more)
        printf("%s\n", command->more);
    putchar('\n');
    options_print(sets, COUNT(sets));
}

static int run(Cli *cli, void *options, Err *err) {
    if (cli->names.n > 1)
        return err_set(err, ERR_INVALID, "thole help takes one COMMAND (\"%.60s\")",
                       cli->names.at[1]);
    if (!cli->names.n) {
        help_commands();
        return EXIT_DONE;
    }
    const Command *command = command_find(cli->names.at[0]);
    if (!command)
        return command_unknown(cli->names.at[0], err);
    help_command(command);
    return EXIT_DONE;
}

const Command command_help = {
    .name = "help",
    .args = "[COMMAND]",
    .doc = "Says what there is, or more about one command",
    .run = run,
    .offline = true,
};
