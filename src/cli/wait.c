/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/last_words.h"
#include "cli/targets.h"

typedef struct WaitOptions {
    const char *until;
    int64_t timeout_ms;
    TextList labels;
} WaitOptions;

static const Option options[] = {
    {"for", 0, OPTION_TEXT, offsetof(WaitOptions, until), "WHAT",
     "until it is ready (a job: done), terminated, done", "ready|terminated|done"},
    OPTION_LABELS(WaitOptions),
    {"timeout", 0, OPTION_DURATION, offsetof(WaitOptions, timeout_ms), "DURATION",
     "give up after this long (exit code 4)", NULL},
};

static void prepare(void *given) {
    WaitOptions *ask = given;
    ask->until = "ready";
}

enum { WAS_WANTED = 1, WAS_TOLD = 2 };

/* What was wanted once is waited for, also when somebody stops it meanwhile. */
static bool is_wanted(const Targets *targets, Seen *seen) {
    bool idle = seen->view.phase == PHASE_NONE || seen->view.phase == PHASE_DISABLED;
    if (!idle || seen_unknown(seen))
        seen->marks |= WAS_WANTED;
    return seen->chosen && !seen->deleted && (targets->restricted || seen->marks & WAS_WANTED);
}

/* 1: so it is, 0: not yet, -1: it never will be. */
static int holds(const Seen *seen, const char *until, bool named) {
    const TargetView *view = &seen->view;
    if (seen_unknown(seen))
        return 0;
    if (strcmp(until, "terminated") == 0)
        return target_scheduled(view) || view->phase == PHASE_TERMINATED ||
               view->phase == PHASE_NONE || (!named && !view->job);
    if (target_scheduled(view)) /* its last run counts, not when it is due again */
        return target_failed_before(view) ? -1 : 1;
    if (view->phase == PHASE_TERMINATED)
        return view->error ? -1 : 1;
    if (strcmp(until, "ready") == 0)
        return target_lazy(view) || (view->phase == PHASE_ACTIVE && !view->job && view->ready);
    return !named && !view->job; /* servers are never done: only jobs count */
}

typedef struct Waiting {
    Cli *cli;
    const WaitOptions *ask;
    const char *slug;
    Targets targets;
} Waiting;

/* The exit code; -1: not yet. */
static int look(Waiting *w) {
    int r = EXIT_DONE;
    for (size_t i = 0; i < w->targets.all.n; i++) {
        Seen *seen = w->targets.all.at[i];
        if (!is_wanted(&w->targets, seen))
            continue;
        int now = holds(seen, w->ask->until, w->targets.restricted);
        if (now < 0) {
            const char *before = target_failed_before(&seen->view);
            cli_say("%s failed: %s", seen->view.name, before ? before : target_why(&seen->view));
            last_words(&w->cli->client, w->slug, &seen->view);
            return EXIT_FAILED;
        }
        if (now == 0)
            r = -1;
    }
    return r;
}

/* Somebody else may start it; who waits in vain should know for what. */
static void say_idle(const Waiting *w) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        Seen *seen = w->targets.all.at[i];
        if (!is_wanted(&w->targets, seen) || seen->marks & (WAS_WANTED | WAS_TOLD))
            continue;
        seen->marks |= WAS_TOLD;
        AUTO_FREE char *sentence = target_sentence(&seen->view);
        cli_say("waiting: %s", sentence);
    }
}

static void say_late(const Waiting *w) {
    for (size_t i = 0; i < w->targets.all.n; i++) {
        Seen *seen = w->targets.all.at[i];
        if (!is_wanted(&w->targets, seen) || holds(seen, w->ask->until, w->targets.restricted) != 0)
            continue;
        AUTO_FREE char *sentence = target_sentence(&seen->view);
        cli_say("%s", sentence);
    }
}

static int after_gone(const Waiting *w, Err *err) {
    if (strcmp(w->ask->until, "terminated") == 0)
        return EXIT_DONE;
    return err_set(err, ERR_CONFLICT, "session %s was stopped meanwhile", w->slug);
}

/* What can never come true is not waited for. */
static int refuse_endless(const Waiting *w, Err *err) {
    if (!w->targets.restricted || strcmp(w->ask->until, "done") != 0)
        return 0;
    for (size_t i = 0; i < w->targets.all.n; i++) {
        const Seen *seen = w->targets.all.at[i];
        if (seen->chosen && !seen->view.job)
            return err_set(err, ERR_INVALID,
                           "%s is a server, which is never done; use --for ready or --for "
                           "terminated, or name a job",
                           seen->view.name);
    }
    return 0;
}

static int wait_for(Waiting *w, Err *err) {
    int64_t deadline_ms = w->ask->timeout_ms ? clock_mono_ms() + w->ask->timeout_ms : 0;
    int r;
    if (targets_read(&w->targets, err) < 0 ||
        targets_choose(&w->targets, &w->cli->names, &w->ask->labels, err) < 0 ||
        refuse_endless(w, err) < 0)
        return -1;
    while (!w->targets.gone && (r = look(w)) < 0) {
        say_idle(w);
        if (targets_wait(&w->targets, deadline_ms, err) < 0) {
            if (err->kind == ERR_TIMEOUT)
                say_late(w);
            return -1;
        }
    }
    return w->targets.gone ? after_gone(w, err) : r;
}

static int run(Cli *cli, void *given, Err *err) {
    Waiting w = {.cli = cli, .ask = given, .slug = cli_session(cli, NULL, err)};
    if (!w.slug)
        return -1;
    targets_init(&w.targets, &cli->client, w.slug);
    int r = wait_for(&w, err);
    targets_deinit(&w.targets);
    return r;
}

const Command command_wait = {
    .name = "wait",
    .args = "[NAME…] [-l KEY[=VALUE]] [--for ready|terminated|done] [--timeout D]",
    .doc = "Waits for targets: 1 one failed, 4 the time is up",
    .more = "Without names for all that were asked for.",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(WaitOptions),
    .prepare = prepare,
    .run = run,
};
