/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/verbs.h"

#define AT(member) offsetof(EnvOptions, member)

static const Option options[] = {
    {"mode", 'm', OPTION_TEXT, AT(mode), "MODE",
     "its overlay (thole.MODE.yaml) and how it is provisioned; local unless said", NULL,
     "create|attach|provision|hook"},
    {"branch", 'b', OPTION_TEXT, AT(branch), "BRANCH", "of its worktree; NAME unless said", NULL,
     "create|provision"},
    {"base", 0, OPTION_TEXT, AT(base), "REF", "what a new branch begins at", NULL,
     "create|provision"},
    {"path", 0, OPTION_TEXT, AT(path), "DIR", "where its worktree is to be", NULL,
     "create|provision"},
    {"worktree", 'w', OPTION_TEXT, AT(worktree), "DIR",
     "the tree that is there already; never removed by us", NULL, "attach"},
    {"copy", 0, OPTION_TEXTS, AT(copy), "FILE",
     "also bring this ignored file along, link:FILE as a link to it; may be given again", NULL,
     "create|attach|provision"},
    {"ttl", 0, OPTION_DURATION, AT(ttl_ms), "DURATION", "`gc` may remove it after this long", NULL,
     "create|attach|provision"},
    {"from", 0, OPTION_TEXT, AT(from), "STEP", "do this step and those behind it again", NULL,
     "create|attach|provision|run|refresh"},
    {"no-cache", 0, OPTION_FLAG, AT(no_cache), NULL, "do every step again", NULL,
     "create|attach|provision|run"},
    {"only", 0, OPTION_TEXT, AT(only), "STEP,…", "only these steps", NULL, "refresh"},
    {"manifest", 0, OPTION_TEXT, AT(manifest), "FILE",
     "all that is known of the environment; .thole.json or .previewctl.json here unless said", NULL,
     "run|stop"},
    {"dry-run", 0, OPTION_FLAG, AT(dry_run), NULL,
     "only show what would be done, or how a file would change", NULL,
     "create|attach|provision|step|gc"},
    {"print", 0, OPTION_FLAG, AT(print), NULL, "only print what the step would write", NULL,
     "step"},
    {"force", 0, OPTION_FLAG, AT(force), NULL,
     "also with uncommitted work, or though something cannot be removed", NULL, "delete"},
    {"keep-worktree", 0, OPTION_FLAG, AT(keep_worktree), NULL, "leave its worktree where it is",
     NULL, "delete"},
    {"audit", 0, OPTION_FLAG, AT(audit), NULL, "what was done, when, where and by whom", NULL,
     "list|steps"},
    {"reveal", 0, OPTION_FLAG, AT(reveal), NULL, "secrets as they are", NULL,
     "env|store|list|step"},
    {"yes", 'y', OPTION_FLAG, AT(yes), NULL, "do not ask", NULL, "gc"},
    {"follow", 'f', OPTION_FLAG, AT(log.follow), NULL, "go on until the step is over", NULL,
     "logs"},
    {"tail", 'n', OPTION_NUMBER, AT(log.tail), "N", "only the last N lines", NULL, "logs"},
    {"run", 0, OPTION_NUMBER, AT(log.run), "N", "only this run of the step", NULL, "logs"},
    {"since", 0, OPTION_TEXT, AT(log.since), "TIME", "only from then on: 10m (ago), 15:04", NULL,
     "logs"},
    {"until", 0, OPTION_TEXT, AT(log.until), "TIME", "only before", NULL, "logs"},
    {"grep", 0, OPTION_TEXT, AT(log.grep), "RE", "only lines that match", NULL, "logs"},
    {"stream", 0, OPTION_TEXT, AT(log.stream), "STREAM", "only out, or err", "out|err", "logs"},
};

static void prepare(void *given) {
    EnvOptions *ask = given;
    ask->log.tail = ask->log.run = -1;
}

/* ---- which ---- */

typedef struct EnvVerb {
    Verb verb;
    int (*run)(Cli *cli, const EnvOptions *ask, Err *err);
    bool any; /* words may be empty, or no UTF-8 */
} EnvVerb;

#define VERBS                                                                                \
    "create|attach|list|show|delete|start|stop|steps|step|refresh|invalidate|provision|run|" \
    "hook|exec|env|logs|gc|store|export|import"

static const EnvVerb rows[] = {
    {{"create", "a NAME", 1, 1, "text|json"}, env_create},
    {{"attach", "at most a NAME", 0, 1, "text|json"}, env_attach},
    {{"list", NULL, 0, 0, "text|json"}, env_list},
    {{"show", "at most a NAME", 0, 1, "text|json"}, env_show},
    {{"delete", "at most a NAME", 0, 1, "text|json"}, env_delete},
    {{"start", "at most a NAME", 0, 1, "text|json"}, env_start},
    {{"stop", "at most a NAME", 0, 1, "text|json"}, env_stop},
    {{"steps", "at most a NAME", 0, 1, "text|json"}, env_steps},
    {{"step", "[NAME] STEP", 1, 2, "text|json"}, env_step},
    {{"refresh", "at most a NAME", 0, 1, "text|json"}, env_refresh},
    {{"invalidate", "[NAME] STEP", 1, 2, "text|json"}, env_invalidate},
    {{"provision", "at most a NAME", 0, 1, "text|json"}, env_provision},
    {{"run", NULL, 0, 0, "text|json"}, env_run},
    {{"hook", "SERVICE init|seed|reset|destroy [NAME]", 2, 3, "text|json"}, env_hook},
    {{"exec", "[NAME] -- COMMAND…", 0, SIZE_MAX, "text"}, env_exec, true},
    {{"env", "[NAME] [SERVICE]", 0, 2, "text|json"}, env_variables},
    {{"logs", "[NAME] STEP", 1, 2, "text|json|raw"}, env_logs},
    {{"gc", NULL, 0, 0, "text|json"}, env_gc},
    {{"store", "set|get|list|unset [NAME] …", 1, SIZE_MAX, "text|json"}, env_store, true},
    {{"export", NULL, 0, 0, "json"}, env_export},
    {{"import", "a FILE, or - for stdin", 1, 1, "text|json"}, env_import},
};

static const Verbs verbs = {"env", VERBS, rows, COUNT(rows), sizeof(rows[0])};

const char *env_outputs(const char *verb) {
    return verb_outputs(&verbs, verb);
}

/* What the server could not be told, or what a variable of a script that was not set has left. */
static const char *fault_of(const char *word) {
    return !*word ? "empty" : utf8_valid(word, strlen(word)) ? NULL : "not UTF-8";
}

static int check_words(const Cli *cli, const EnvVerb *row, Err *err) {
    for (size_t i = 1; i < cli->names.n && !row->any; i++) {
        const char *fault = fault_of(cli->names.at[i]);
        if (fault)
            return err_set(err, ERR_INVALID, "thole env %s: a word is %s", row->verb.name, fault);
    }
    return 0;
}

/* The texts that were given of an option. */
static TextList texts_of(const Option *option, const void *given) {
    const void *member = (const char *)given + option->offset;
    if (option->kind == OPTION_TEXTS)
        return *(const TextList *)member;
    const char *const *text = member;
    bool any = option->kind == OPTION_TEXT && *text;
    return (TextList){.at = (const char **)text, .n = any ? 1 : 0};
}

static int check_texts(const void *given, const EnvVerb *row, Err *err) {
    for (size_t i = 0; i < COUNT(options); i++) {
        TextList texts = texts_of(&options[i], given);
        for (size_t n = 0; n < texts.n; n++) {
            const char *fault = fault_of(texts.at[n]);
            if (fault)
                return err_set(err, ERR_INVALID, "thole env %s: --%s is %s", row->verb.name,
                               options[i].name, fault);
        }
    }
    return 0;
}

/* THOLE_STORE is for who starts a server: one that runs keeps the store that it has. */
static void say_other_store(Cli *cli) {
    const char *meant = getenv("THOLE_STORE");
    const Value *server;
    Err unused; /* what is asked for next says it */
    if (!meant || !*meant ||
        client_ask(&cli->client, "GET", THOLE_API "/servers/local", NULL, &cli->arena, &server,
                   &unused) < 0)
        return;
    const Value *status = value_get(server, "status");
    AUTO_FREE char *own = meant[0] == '/' ? path_resolve(meant) : xstrdup(meant);
    AUTO_FREE char *kept = path_resolve(env_text(status, "store"));
    if (strcmp(own, kept) != 0)
        cli_say("THOLE_STORE=%s is not heard: the server (process %lld) has its environments in "
                "%s; `thole server stop` ends it, and leaves what runs alone",
                meant, (long long)value_get_int(status, "pid", 0), kept);
}

static int run(Cli *cli, void *given, Err *err) {
    const Verb *verb;
    if (verb_choose(&verbs, cli, &verb, err) < 0)
        return -1;
    const EnvVerb *row = container_of(verb, EnvVerb, verb);
    if (check_words(cli, row, err) < 0 || check_texts(given, row, err) < 0)
        return -1;
    if (row->run != env_run) /* which needs no store */
        say_other_store(cli);
    return row->run(cli, given, err);
}

const Command command_env = {
    .name = "env",
    .args =
        "create NAME [-m MODE] [-b BRANCH] [--base REF] [--path DIR] [--ttl D] "
        "[--copy [link:]FILE]… [--from STEP] [--no-cache] [--dry-run] | "
        "attach [NAME] --worktree DIR … | list [--audit] | show [NAME] | "
        "delete [NAME] [--force] [--keep-worktree] | start [NAME] | stop [NAME|--manifest FILE] | "
        "steps [NAME] [--audit] | step [NAME] STEP [--print|--dry-run] [--reveal] | "
        "refresh [NAME] [--only STEP,…] [--from STEP] | invalidate [NAME] STEP | "
        "provision [NAME] … | run [--manifest FILE] [--from STEP] | "
        "hook SERVICE init|seed|reset|destroy [NAME] [-m MODE] | exec [NAME] -- CMD… | "
        "env [NAME] [SERVICE] [--reveal] | logs [NAME] STEP [-f] [-n N] | "
        "gc [--dry-run] [-y] | store set [NAME] K=V… | store get [NAME] K | "
        "store list [NAME] | store unset [NAME] K… | export | import FILE",
    .words = VERBS,
    .doc = "Isolated copies of the project, one for each branch",
    .more = "Where NAME is left out the environment is meant whose worktree contains the working\n"
            "directory. ^C ends what is under way, so that the same command goes on with it; ^C "
            "again,\nor HUP, leaves it alone.",
    .outputs = "text|json|raw",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(EnvOptions),
    .prepare = prepare,
    .run = run,
    .any_words = true,
    .once = true,
};
