/* SPDX-License-Identifier: Apache-2.0 */
/* Completions: `thole completion SHELL` prints what the shell is to be told, and that asks `thole
 * completion answer -- =WORD…` at each key: what can stand where the last word does. The tables
 * answer at once; names of the project come from the server, or, while none runs, from a look at
 * the file, within a fifth of a second. Each word has a `=` before it, so that none is empty or
 * looks like an option. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/completion_answer.h"
#include "cli/completion_scripts.h"
#include "cli/env.h"
#include "cli/review.h"
#include "cli/workflow.h"
#include "cli/workflow_view.h"
#include "spec/routes.h"

enum { PATIENCE_MS = 200 };

/* ---- candidates ---- */

void answer_offer(const Answer *a, const char *text, const char *doc) {
    if (str_starts(text, a->word))
        printf("%s\t%s\n", text, doc);
}

void answer_offer_choices(const Answer *a, const char *choices, const char *before) {
    for (const char *at = choices; *at;) {
        size_t n = strcspn(at, "|");
        AUTO_FREE char *text = xasprintf("%s%.*s", before, (int)n, at);
        answer_offer(a, text, "");
        at += n + (at[n] == '|');
    }
}

static void offer_option(const Answer *a, const Option *option) {
    AUTO_FREE char *text = xasprintf("--%s", option->name);
    answer_offer(a, text, option->doc);
    if (option->letter && !str_starts(a->word, "--")) {
        char letter[] = {'-', option->letter, 0};
        answer_offer(a, letter, option->doc);
    }
}

static bool applies(const Command *command, const Option *option) {
    if (strcmp(option->name, "output") == 0)
        return command && command->outputs;
    if (strcmp(option->name, "json") == 0)
        return command && command->outputs && strstr(command->outputs, "json");
    return true;
}

static void offer_options(const Answer *a) {
    for (size_t i = 0; a->command && i < a->command->option_n; i++) {
        const char *verbs = a->command->options[i].verbs;
        if (!verbs || !a->words[0] || option_is_choice(verbs, a->words[0]))
            offer_option(a, &a->command->options[i]);
    }
    for (size_t i = 0; i < GLOBAL_OPTION_N; i++)
        if (applies(a->command, &global_options[i]))
            offer_option(a, &global_options[i]);
}

static void offer_commands(const Answer *a) {
    for (const Command *const *at = commands; *at; at++)
        answer_offer(a, (*at)->name, (*at)->doc);
}

/* ---- the project, as the server knows it ---- */

static void on_alarm(int number) {
    _exit(EXIT_DONE);
}

void answer_bound(const Answer *a) {
    Cli *cli = a->cli;
    struct itimerval timer = {.it_value = {.tv_usec = PATIENCE_MS * 1000}};
    fflush(stdout);
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &timer, NULL);
    cli->client.may_start = false;
    cli->client.timeout_ms = PATIENCE_MS;
}

static const Value *running(Answer *a) {
    Cli *cli = a->cli;
    const Value *list;
    Buf path;
    AUTO_FREE char *selector = cli_file_selector(cli, "=");
    buf_init(&path, CLI_PATH_BYTES);
    buf_puts(&path, TILT_API "/sessions");
    client_param(&path, "fieldSelector", selector);
    int r = client_ask(&cli->client, "GET", buf_cstr(&path), NULL, &cli->arena, &list, NULL);
    buf_deinit(&path);
    return r < 0 ? NULL : value_get(list, "items");
}

const Value *answer_config(const Answer *a) {
    Cli *cli = a->cli;
    const Value *review;
    Err err = {0};
    if (cli_project(cli, NULL) < 0)
        return NULL;
    if (review_request(cli, &review, &err) == 0)
        return value_get(value_get(review, "status"), "config");
    if (err.kind != ERR_UNAVAILABLE || server_review(cli->config_file, &cli->arena, &review) < 0)
        return NULL;
    return review;
}

static const Value *services(const Answer *a) {
    return value_get(answer_config(a), "services");
}

static bool reach(Answer *a) {
    answer_bound(a);
    return cli_project(a->cli, NULL) == 0;
}

/* web, and once something stands behind it web:serve. */
static void offer_target(const Answer *a, const char *target) {
    size_t n = strcspn(target, ":");
    AUTO_FREE char *resource = xstrndup(target, n);
    if (strcmp(resource, "tiltfile") == 0 || !str_starts(target, a->word))
        return;
    if (str_starts(a->word, resource))
        answer_offer(a, target, "target");
    answer_offer(a, resource, "service");
}

static bool offer_running(Answer *a, const Value *sessions) {
    bool any = false;
    for (size_t i = 0; i < value_count(sessions); i++) {
        const Value *session = value_at(sessions, i);
        const Value *targets = value_get(value_get(session, "status"), "targets");
        if (!cli_is_meant(a->cli, session))
            continue;
        for (size_t k = 0; k < value_count(targets); k++)
            offer_target(a, value_get_str(value_at(targets, k), "name"));
        any = true;
    }
    return any;
}

static void offer_service(const Answer *a, const char *name, const Value *service) {
    bool job = str_same(value_get_str(service, "type"), "job");
    bool built = value_get(service, "build") != NULL, runs = value_get(service, "command") != NULL;
    const char *doc = value_get_str(service, "description");
    answer_offer(a, name, doc ? doc : job ? "job" : runs ? "server" : "group");
    AUTO_FREE char *update = xasprintf("%s:update", name), *serve = xasprintf("%s:serve", name);
    if (!str_starts(a->word, name))
        return;
    if (built || (job && runs))
        answer_offer(a, update, "target");
    if (!job && runs)
        answer_offer(a, serve, "target");
}

static void offer_names(Answer *a) {
    if (!reach(a))
        return;
    bool any = offer_running(a, running(a));
    const Value *all =
        any && strchr(a->word, ':') ? NULL : services(a); /* groups are in the file alone */
    for (size_t i = 0; value_is(all, VALUE_MAP) && i < all->map.n; i++)
        offer_service(a, all->map.at[i].key, all->map.at[i].value);
}

static void offer_labels(Answer *a) {
    const Value *all = reach(a) ? services(a) : NULL;
    for (size_t i = 0; value_is(all, VALUE_MAP) && i < all->map.n; i++) {
        const Value *labels = value_get(all->map.at[i].value, "labels");
        for (size_t k = 0; value_is(labels, VALUE_MAP) && k < labels->map.n; k++) {
            const char *value = value_str(labels->map.at[k].value);
            AUTO_FREE char *pair = xasprintf("%s=%s", labels->map.at[k].key, value ? value : "");
            answer_offer(a, value && *value ? pair : labels->map.at[k].key, all->map.at[i].key);
        }
    }
}

static void offer_sessions(Answer *a) {
    const Value *sessions = reach(a) ? running(a) : NULL;
    for (size_t i = 0; i < value_count(sessions); i++) {
        const char *slug = value_get_str(value_get(value_at(sessions, i), "metadata"), "name");
        const char *name = value_get_str(value_get(value_at(sessions, i), "status"), "session");
        if (name)
            answer_offer(a, name, slug);
    }
}

/* ---- workflows ---- */

/* What is over is not cancelled or waited for. */
static void offer_tasks(Answer *a) {
    bool living = strcmp(a->words[0], "cancel") == 0 || strcmp(a->words[0], "wait") == 0;
    WorkflowRows rows;
    Err err;
    answer_bound(a);
    if (workflow_rows(a->cli, WORKFLOWS, &rows, &err) < 0)
        return;
    for (size_t i = 0; i < rows.n; i++)
        if (!living || !rows.at[i].over)
            answer_offer(a, rows.at[i].task, rows.at[i].state);
}

static void offer_steps(Answer *a) {
    Err err;
    answer_bound(a);
    const Value *workflow = workflow_whole(a->cli, a->words[1], &err);
    const Value *steps = value_get(value_get(workflow, "status"), "steps");
    for (size_t i = 0; i < value_count(steps); i++)
        answer_offer(a, value_get_str(value_at(steps, i), "name"),
                     value_get_str(value_at(steps, i), "state"));
}

static void offer_workflows(Answer *a) {
    const char *verb = a->words[0];
    if (strcmp(verb, "run") == 0)
        puts(":files");
    else if (a->word_n == 1 && strcmp(verb, "list") != 0)
        offer_tasks(a);
    else if (a->word_n > 1 && (strcmp(verb, "logs") == 0 || strcmp(verb, "events") == 0))
        offer_steps(a);
}

/* ---- the line so far ---- */

static const Option *find(const Option *options, size_t n, const char *word, size_t size) {
    for (size_t i = 0; i < n; i++) {
        bool letter = size == 2 && word[0] == '-' && options[i].letter == word[1] && word[1] != '-';
        bool name = size > 2 && strlen(options[i].name) == size - 2 &&
                    strncmp(word, "--", 2) == 0 &&
                    strncmp(options[i].name, word + 2, size - 2) == 0;
        if (letter || name)
            return &options[i];
    }
    return NULL;
}

static const Option *option_of(const Answer *a, const char *word) {
    size_t n = strcspn(word, "=");
    const Option *option =
        a->command ? find(a->command->options, a->command->option_n, word, n) : NULL;
    return option ? option : find(global_options, GLOBAL_OPTION_N, word, n);
}

/* Options that say which project is meant are followed. */
static void follow_option(Answer *a, const Option *option, const char *value) {
    if (option < global_options || option >= global_options + GLOBAL_OPTION_N ||
        option->kind != OPTION_TEXT)
        return;
    *(const char **)((char *)a->cli + option->offset) = value;
    if (strcmp(option->name, "dir") == 0 && chdir(value) < 0)
        a->cli->dir = NULL;
}

static void take_option(Answer *a, const char *word) {
    const Option *option = option_of(a, word);
    const char *equals = strchr(word, '=');
    if (option && option->kind != OPTION_FLAG && !equals)
        a->pending = option;
    else if (option && equals)
        follow_option(a, option, equals + 1);
}

static void take_word(Answer *a, const char *word) {
    if (a->pending) {
        follow_option(a, a->pending, word);
        a->pending = NULL;
    } else if (strcmp(word, "--") == 0 && a->command && !a->only_words) {
        a->only_words = true;
        a->dashed_n = a->word_n;
    } else if (word[0] == '-' && word[1] && !a->only_words) {
        take_option(a, word);
    } else if (!a->command) {
        a->command = command_find(word);
        a->only_words = !a->command; /* nothing is known of it */
    } else {
        if (a->word_n < COUNT(a->words))
            a->words[a->word_n] = word;
        a->word_n++;
    }
}

/* ---- what can stand there ---- */

static const char *outputs_of(const Answer *a) {
    const char *of_verb = NULL;
    if (a->command == &command_workflow && a->word_n)
        of_verb = workflow_outputs(a->words[0]);
    else if (a->command == &command_env && a->word_n)
        of_verb = env_outputs(a->words[0]);
    return of_verb ? of_verb : a->command->outputs;
}

static void answer_value(Answer *a, const Option *option, const char *before) {
    const char *choices = option->choices;
    if (strcmp(option->name, "output") == 0 && a->command)
        choices = outputs_of(a);
    if (choices)
        answer_offer_choices(a, choices, before);
    else if (a->command == &command_env && answer_env_value(a, option, before))
        return;
    else if (*before)
        return;
    else if (option->arg && strcmp(option->arg, "FILE") == 0)
        puts(":files");
    else if (option->arg && strcmp(option->arg, "DIR") == 0)
        puts(":dirs");
    else if (strcmp(option->name, "session") == 0)
        offer_sessions(a);
    else if (option->letter == 'l')
        offer_labels(a);
}

static void answer_word(Answer *a) {
    const Command *command = a->command;
    if (command == &command_help)
        offer_commands(a);
    else if (command->words && a->word_n == 0)
        answer_offer_choices(a, command->words, "");
    else if (command == &command_workflow)
        offer_workflows(a);
    else if (command == &command_env)
        answer_env_word(a);
    else if (!command->words && !command->no_names)
        offer_names(a);
}

static void answer(Answer *a) {
    const char *equals = strchr(a->word, '=');
    bool dashed = a->word[0] == '-' && !a->only_words;
    const Option *option = dashed && equals ? option_of(a, a->word) : NULL;
    AUTO_FREE char *before = option ? xstrndup(a->word, (size_t)(equals + 1 - a->word)) : NULL;
    if (a->pending)
        answer_value(a, a->pending, "");
    else if (option)
        answer_value(a, option, before);
    else if (dashed)
        offer_options(a);
    else if (a->command)
        answer_word(a);
    else if (!a->only_words)
        offer_commands(a);
}

static int run_answer(Cli *cli) {
    Answer a = {.cli = cli, .word = ""};
    const TextList words = cli->names;
    cli->names.n = 0;
    for (size_t i = 1; i < words.n; i++) {
        const char *word = words.at[i] + (words.at[i][0] == '=');
        if (i + 1 < words.n)
            take_word(&a, word);
        else
            a.word = word;
    }
    answer(&a);
    return EXIT_DONE;
}

static int run(Cli *cli, void *options, Err *err) {
    const char *what = cli->names.n ? cli->names.at[0] : "";
    if (strcmp(what, "answer") == 0)
        return run_answer(cli);
    const char *script = completion_script(what);
    if (!script || cli->names.n > 1)
        return err_set(
            err, ERR_INVALID, "thole completion takes one of bash, zsh and fish%s%.40s%s",
            *what ? ", not \"" : "", cli->names.n > 1 ? cli->names.at[1] : what, *what ? "\"" : "");
    fputs(script, stdout);
    return EXIT_DONE;
}

const Command command_completion = {
    .name = "completion",
    .args = "bash|zsh|fish",
    .words = "bash|zsh|fish",
    .doc = "Prints what makes this shell complete the words of thole",
    .more = "It knows commands, options, and the names of the project at hand. Once:\n"
            "    bash   thole completion bash > ~/.local/share/bash-completion/completions/thole\n"
            "    zsh    thole completion zsh > a directory of $fpath/_thole\n"
            "    fish   thole completion fish > ~/.config/fish/completions/thole.fish",
    .run = run,
};
