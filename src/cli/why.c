/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/labelled.h"
#include "cli/targets.h"
#include "cli/why.h"
#include "spec/routes.h"

const Value *why_ask(Cli *cli, const char *slug, const char *name, Err *err) {
    const Value *chain;
    Buf path;
    buf_init(&path, CLI_PATH_BYTES);
    buf_printf(&path, THOLE_API "/namespaces/%s/targets/", slug);
    client_segment(&path, name);
    buf_puts(&path, "/why");
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &chain, err);
    buf_deinit(&path);
    return r < 0 ? NULL : chain;
}

/* Each cause further in than what it causes. */
static void print_chain(const Cli *cli, const Value *chain) {
    const Value *lines = value_get(chain, "lines");
    const char *command = value_get_str(chain, "command");
    for (size_t i = 0; i < value_count(lines); i++) {
        const char *message = value_get_str(value_at(lines, i), "message");
        printf("%*s%s%s\n", i ? 2 * (int)i - 2 : 0, "", i ? "└ " : "", message ? message : "");
    }
    if (!command)
        return;
    AUTO_FREE char *words = cli_words(cli, command);
    printf("→ %s\n", words);
}

static bool is_trouble(const Seen *seen) {
    return seen_is(seen, "failed") || seen_is(seen, "waiting") || seen_is(seen, "backoff") ||
           seen_is(seen, "starting");
}

/* Nobody was named: whatever is not as it should be. */
static int find_trouble(Cli *cli, const char *slug, TextList *ret, Err *err) {
    Targets targets;
    targets_init(&targets, &cli->client, slug);
    int r = targets_read(&targets, err);
    ret->at = arena_alloc(&cli->arena, (targets.all.n + 1) * sizeof(*ret->at));
    for (size_t i = 0; r == 0 && i < targets.all.n; i++)
        if (is_trouble(targets.all.at[i]))
            ret->at[ret->n++] = arena_strdup(&cli->arena, targets.all.at[i]->view.name);
    targets_deinit(&targets);
    return r;
}

/* In one of the chains that were printed already. */
static bool is_told(const Value *const *chains, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        const Value *lines = value_get(chains[i], "lines");
        for (size_t l = 0; l < value_count(lines); l++)
            if (str_same(value_get_str(value_at(lines, l), "target"), name))
                return true;
    }
    return false;
}

static int explain(Cli *cli, const char *slug, const TextList *names, Err *err) {
    bool json = strcmp(cli_output(cli), "json") == 0;
    const Value **told = arena_alloc(&cli->arena, (names->n + 1) * sizeof(*told));
    size_t n = 0;
    for (size_t i = 0; i < names->n; i++) {
        if (!cli->names.n && is_told(told, n, names->at[i]))
            continue;
        const Value *chain = why_ask(cli, slug, names->at[i], err);
        if (!chain)
            return -1;
        told[n++] = chain;
        if (n > 1 && !json)
            putchar('\n');
        if (json)
            cli_print(cli, chain);
        else
            print_chain(cli, chain);
    }
    return EXIT_DONE;
}

typedef struct WhyOptions {
    TextList labels;
} WhyOptions;

static const Option options[] = {
    OPTION_LABELS(WhyOptions),
};

static int run(Cli *cli, void *given, Err *err) {
    const WhyOptions *ask = given;
    bool stopped = false;
    TextList names;
    const char *slug = cli_session(cli, &stopped, err);
    Labelled what = {.slug = slug, .stopped = stopped, .labels = &ask->labels};
    if (!slug || labelled_names(cli, &what, &names, err) < 0)
        return -1;
    if (!names.n && stopped)
        return err_set(err, ERR_INVALID,
                       "session %s is down: name the target whose end is to be explained", slug);
    if (!names.n && find_trouble(cli, slug, &names, err) < 0)
        return -1;
    if (!names.n)
        cli_say("everything that was asked for is ready or done");
    return explain(cli, slug, &names, err);
}

const Command command_why = {
    .name = "why",
    .args = "[-l KEY[=VALUE]] [-o text|json] [NAME…]",
    .doc = "Says why a target is as it is: the chain of causes, to the root",
    .more = "Why it waits, failed, was started again, stopped or skipped; also of a session\n"
            "that is down. Without a NAME: of everything that is not as it should be.",
    .outputs = "text|json",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(WhyOptions),
    .run = run,
};
