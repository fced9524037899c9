/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a thole.yaml from what the project has: package.json, Procfile, process-compose,
 * compose.yaml, Makefile. What is only a guess stands there as a comment. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/init_sources.h"
#include "cli/review.h"
#include "cli/report_print.h"
#include "data/yaml_write.h"
#include "spec/foreign/process_compose_names.h"
#include "spec/routes.h"

typedef struct InitOptions {
    bool force, to_stdout;
    const char *from;
} InitOptions;

static const char header[] =
    "# What runs here while people work on it: `thole up`, `thole ps`, `thole logs`.\n"
    "# `thole vet` checks this file; thole.yaml(5) has every key.\n";

static const char example[] =
    "version: 1\n"
    "services:\n"
    "  hello:                                   # a job runs to its end\n"
    "    type: job\n"
    "    command: echo \"hello from thole\"\n"
    "  clock:                                   # a server runs until it is stopped\n"
    "    command: while sleep 1; do date; done\n"
    "    depends_on: [hello]                    # a job has completed, a server is ready\n"
    "    # port: 8080                           # it gets PORT\n"
    "    # ready: {http: {path: /}}             # when it answers\n"
    "    # watch: [src]                         # it is run again when one of these changes\n";

/* ---- what it is made from ---- */

/* The thole.yaml that the file means, as the server understands it. */
static int from_file(Cli *cli, Buf *out, Err *err) {
    const Value *status;
    if (review_ask(cli, &status, err) < 0)
        return -1;
    report_print_review(cli, status);
    if (!value_get_bool(status, "valid", false))
        return err_set(err, ERR_INVALID, "%s is not valid", cli->config_file);
    const Value *written = value_get(status, "written");
    if (!written)
        return err_set(err, ERR_INVALID, "%s is a thole.yaml already", cli->config_file);
    const char *name = path_base(cli->config_file);
    buf_printf(out, "%s# Made from %s: `thole --file %s vet` says what of it is not followed.\n",
               header, name, name);
    yaml_write(written, out);
    return 0;
}

/* A process-compose file says all there is; of the others what is found is put together. */
static int make(Cli *cli, const InitOptions *options, const char *dir, Buf *out, Err *err) {
    const char *from = options->from;
    bool sources = init_has_sources(dir);
    for (size_t i = PC_COMPOSE_NAMES; !from && !sources && i < PC_NAMES; i++) {
        AUTO_FREE char *path = path_join(dir, pc_names[i]);
        if (access(path, F_OK) == 0)
            from = pc_names[i];
    }
    if (from) {
        cli->file = from;
        return cli_project(cli, err) < 0 ? -1 : from_file(cli, out, err);
    }
    buf_puts(out, header);
    if (sources)
        return init_write_sources(dir, out, err);
    AUTO_FREE char *makefile = path_join(dir, "Makefile");
    if (access(makefile, F_OK) == 0)
        buf_puts(out, "# No target of the Makefile is known here (dev, serve, run, build, …).\n");
    buf_puts(out, example);
    return 0;
}

/* ---- where it goes ---- */

static int refuse(const char *path, Err *err) {
    return err_set(err, ERR_INVALID,
                   "%s is there already; --force replaces it, --stdout shows what it would be",
                   path);
}

static int write_file(const char *path, const Buf *text, bool force, Err *err) {
    if (force)
        return file_write_atomic(path, text->p, text->n, 0644, false, err);
    int r = file_write_new(path, text->p, text->n, 0644, err);
    return r < 0 && err->kind == ERR_CONFLICT ? refuse(path, err) : r;
}

/* Sessions of files in this directory; NULL: no server runs, or it does not answer. */
static const Value *sessions(Cli *cli) {
    const Value *list = NULL;
    bool may_start = cli->client.may_start;
    cli->client.may_start = false;
    int r = client_ask(&cli->client, "GET", TILT_API "/sessions", NULL, &cli->arena, &list, NULL);
    cli->client.may_start = may_start;
    return r < 0 ? NULL : value_get(list, "items");
}

/* A session would take up the new file at once, and stop what is not in it. */
static int check_sessions(Cli *cli, const char *path, bool force, Err *err) {
    const Value *items = sessions(cli);
    size_t dir = (size_t)(strrchr(path, '/') - path);
    for (size_t i = 0; i < value_count(items); i++) {
        const Value *session = value_at(items, i);
        const char *slug = value_get_str(value_get(session, "metadata"), "name");
        const char *file = value_get_str(value_get(session, "spec"), "tiltfilePath");
        const char *slash = file ? strrchr(file, '/') : NULL;
        if (!slash || (size_t)(slash - file) != dir || strncmp(file, path, dir) != 0)
            continue;
        if (strcmp(file, path) == 0 && !force)
            return err_set(err, ERR_CONFLICT,
                           "session %s of %s is up and would take up what is written; `thole down` "
                           "stops it, --force writes all the same",
                           slug, path);
        cli_say("session %s of %s is up and %s", slug, slash + 1,
                strcmp(file, path) == 0 ? "takes up what is written" : "goes on");
    }
    return 0;
}

static int run(Cli *cli, void *arg, Err *err) {
    const InitOptions *options = arg;
    char here[PATH_MAX];
    Buf text;
    if (!getcwd(here, sizeof(here)))
        return err_sys(err, errno, "the working directory is gone");
    if (cli->file)
        return err_set(err, ERR_INVALID,
                       "thole init reads with --from FILE, and writes thole.yaml");
    AUTO_FREE char *path = path_join(here, "thole.yaml");
    if (!options->to_stdout && !options->force &&
        faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return refuse(path, err);
    if (!options->to_stdout && check_sessions(cli, path, options->force, err) < 0)
        return -1;
    buf_init(&text, MAX_CONFIG_BYTES);
    int r = make(cli, options, here, &text, err);
    if (r == 0 && options->to_stdout)
        fwrite(text.p, 1, text.n, stdout);
    else if (r == 0 && (r = write_file(path, &text, options->force, err)) == 0)
        cli_say("wrote %s; `thole up` starts it", path);
    buf_deinit(&text);
    return r < 0 ? -1 : EXIT_DONE;
}

static const Option init_options[] = {
    {"force", 0, OPTION_FLAG, offsetof(InitOptions, force), NULL,
     "replace the thole.yaml that is there", NULL},
    {"stdout", 0, OPTION_FLAG, offsetof(InitOptions, to_stdout), NULL, "print it, write no file",
     NULL},
    {"from", 0, OPTION_TEXT, offsetof(InitOptions, from), "FILE",
     "the thole.yaml that this Procfile or process-compose file means", NULL},
};

const Command command_init = {
    .name = "init",
    .args = "[--from FILE] [--force] [--stdout]",
    .doc = "Writes a thole.yaml from package.json, a Procfile, a Makefile, …",
    .more =
        "Servers of package.json (dev, start, …) and of a Procfile start with `thole up`; jobs\n"
        "(build, test, lint) when they are asked for. Guesses stand there as comments.",
    .options = init_options,
    .option_n = COUNT(init_options),
    .options_size = sizeof(InitOptions),
    .run = run,
    .no_names = true,
};
