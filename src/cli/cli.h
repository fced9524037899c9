/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of `thole` shares. One file per command, named after it; the table is
 * commands.c. */
#pragma once

#include "cli/options.h"
#include "client/client.h"

typedef struct Command Command;

typedef struct Cli {
    /* before (or after) the command */
    const char *dir, *file, *session, *output;
    bool help, json;
    char usual_output[16]; /* without -o: the command's first */
    /* made from them */
    const Command *command;
    TextList names; /* what stands after the command */
    bool dashed;    /* a "--" stood among them, */
    size_t before;  /* ... behind so many of them */
    Client client;
    Arena arena;           /* what a command reads lives as long as it runs */
    char *config_file;     /* absolute; cli_project() finds it */
    bool terminal;         /* stdout is one */
    bool color, color_err; /* of stdout, stderr */
    int unwritten;         /* errno of a larger piece that stdout did not take, and forgot */
} Cli;

struct Command {
    const char *name, *args, *doc;
    const char *more;    /* sentences for its own page, or NULL */
    const char *outputs; /* for -o; the first is the default. NULL: it has none */
    const char *words;   /* what its word may be: "bash|zsh|fish"; NULL: names of the project */
    const Option *options;
    size_t option_n;
    size_t options_size;            /* of its struct of options */
    void (*prepare)(void *options); /* defaults that are not zero; may be NULL */
    /* exit code; -1: err, which is said and decides it */
    int (*run)(Cli *cli, void *options, Err *err);
    bool no_names;  /* takes no words */
    bool any_words; /* they may be empty, or no UTF-8 */
    bool offline;   /* needs no client */
    bool once;      /* to ask twice is not the same: not when the connection broke off */
};

extern const Command *const commands[];        /* ends with NULL */
const Command *command_find(const char *name); /* NULL: there is none */
/* "there is no command x; did you mean y?" */
int command_unknown(const char *name, Err *err);

/* Options that every command has; they may also stand before it. */
enum { GLOBAL_OPTION_N = 6 };
extern const Option global_options[GLOBAL_OPTION_N];

/* The whole program (run.c). Returns the exit code. */
int cli_run(int argc, char **argv);
void help_commands(void);
/* verb: of one that has verbs, that one alone; NULL: all. */
void help_command(const Command *command, const char *verb);

/* Exit codes: docs/cli.md. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_TROUBLE = 3,
    EXIT_TIMEOUT = 4,
    EXIT_INTERRUPTED = 130,
    EXIT_TERMINATED = 143
};

/* "thole: <sentence>" on stderr; returns the exit code that belongs to it. */
int cli_fail(const Err *err);
void cli_say(const char *format, ...) PRINTF(1, 2); /* talk: stderr */
const char *cli_output(const Cli *cli);             /* what -o says, or the command's default */

/* Writes out what was printed, then waits for news of `fd`. False: nobody reads any more what we
 * print. */
MUST bool cli_await(int fd);
/* Puts a tree on stdout as JSON or YAML, whichever -o says. */
void cli_print(Cli *cli, const Value *v);
/* Puts a reply on stdout as it came, and ends its line. */
void cli_print_raw(Cli *cli, const HttpAnswer *answer);
/* Finds the project's config file: --file, or walking up from the working directory. */
MUST int cli_project(Cli *cli, Err *err);
/* The slug of the project's session; NULL: there is none (err says so and how to start it). Also
 * one that is down if `stopped` is not NULL, which then says whether it is. That the directory was
 * moved meanwhile is said. */
const char *cli_session(Cli *cli, bool *stopped, Err *err);
/* The whole object. NULL: none. */
const Value *cli_find_session(Cli *cli, bool stopped, Err *err);
/* Does a session go by the name that --session says (or by none)? */
bool cli_is_meant(const Cli *cli, const Value *session);
/* `spec.tiltfilePath<sign><the config file>`, for fieldSelector. Returns owned. */
char *cli_file_selector(const Cli *cli, const char *sign);
/* The words that do `verb` with the session that is meant here: "thole --session two down". Returns
 * owned. */
char *cli_words(const Cli *cli, const char *verb);
enum { CLI_PATH_BYTES = 16 * 1024 }; /* of a request */
