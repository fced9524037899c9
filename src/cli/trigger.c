/* SPDX-License-Identifier: Apache-2.0 */
/* Applies changes, or builds and starts afresh; with --wait the logs of what runs then go to the
 * terminal, and its exit code is ours. Which runs those are the server says; whoever else asks at
 * the same time waits for the same ones. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/vec.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/log_feed.h"
#include "cli/prefix.h"
#include "cli/targets.h"
#include "spec/routes.h"

/* What ends sooner is read when it is over: one request less. A server that nothing asks whether it
 * is ready counts as such when it has not ended at once. */
enum { FOLLOW_AFTER_MS = 20, AT_ONCE_MS = 250 };

typedef struct TriggerOptions {
    TextList labels;
    bool wait, force;
    int64_t timeout_ms;
} TriggerOptions;

static const Option options[] = {
    OPTION_LABELS(TriggerOptions),
    {"wait", 0, OPTION_FLAG, offsetof(TriggerOptions, wait), NULL,
     "print the logs of the runs and end with their exit code", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(TriggerOptions, timeout_ms), "DURATION",
     "with --wait: give up after this long (exit code 4)", NULL},
    {"force", 0, OPTION_FLAG, offsetof(TriggerOptions, force), NULL,
     "run jobs even if nothing has changed", NULL},
};

/* What was triggered: a service. */
typedef struct Item {
    Seen *seen, *build; /* of its command, of its build (or NULL) */
    int64_t run, build_run;
    int64_t version;  /* of the answer */
    int64_t ready_ms; /* its server was seen ready; 0: not yet */
    int code;         /* how it came out; -1: not yet */
    char *said;       /* about that, owned: told behind the last line of its log; or NULL */
} Item;

typedef struct Trigger {
    Cli *cli;
    const TriggerOptions *ask;
    const char *slug;
    Targets targets;
    VEC(Item) items;
    char since[TIME_TEXT];
    LogFeed feed;
    int64_t follow_ms; /* when the logs begin to be followed */
    Prefix prefix;
    bool plain; /* one target alone: its output as it came */
} Trigger;

/* ---- asking ---- */

static int read_answer(Trigger *t, const Value *reply, Item *ret, Err *err) {
    const Value *build = value_get(reply, "build");
    const char *name = value_get_str(reply, "target"), *builds = value_get_str(build, "target");
    *ret = (Item){.seen = name ? targets_find(&t->targets, name) : NULL,
                  .build = builds ? targets_find(&t->targets, builds) : NULL,
                  .run = value_get_int(reply, "run", 0),
                  .build_run = value_get_int(build, "run", 0),
                  .version = object_version(reply),
                  .code = -1};
    return ret->seen ? 0 : err_set(err, ERR_CONFLICT, "session %s was changed meanwhile", t->slug);
}

static int post(Trigger *t, const Seen *seen, Err *err) {
    Arena arena;
    const Value *reply;
    Item item;
    AUTO_FREE char *path =
        xasprintf(THOLE_API "/namespaces/%s/targets/%s/trigger", t->slug, seen->view.object);
    arena_init(&arena);
    int r = client_ask(&t->cli->client, "POST", path, t->ask->force ? "{\"force\":true}" : "{}",
                       &arena, &reply, err);
    if (r == 0)
        r = read_answer(t, reply, &item, err);
    else if (!str_starts(err->msg, seen->view.name))
        err_in(err, "%s", seen->view.name);
    if (r == 0)
        VEC_PUSH(t->items, item);
    arena_deinit(&arena);
    return r;
}

/* A service is triggered once, by its server if that was chosen. */
static bool is_second(const Trigger *t, const Seen *seen) {
    for (size_t i = 0; seen->view.job && i < t->targets.all.n; i++) {
        const Seen *other = t->targets.all.at[i];
        if (other->chosen && !other->view.job &&
            str_same(other->view.resource, seen->view.resource))
            return true;
    }
    return false;
}

static int post_all(Trigger *t, Err *err) {
    for (size_t i = 0; i < t->targets.all.n; i++) {
        const Seen *seen = t->targets.all.at[i];
        if (seen->chosen && !is_second(t, seen) && post(t, seen, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- how it comes out ---- */

static int signal_of(const char *name) {
    for (int number = 1; number < NSIG; number++)
        if (str_same(sigabbrev_np(number), name))
            return number;
    return 0;
}

/* As a shell has it. */
static int code_of(int64_t exit_code, const char *signal, bool failed) {
    if (exit_code >= 0)
        return exit_code || !failed ? (int)exit_code : EXIT_FAILED;
    return signal ? 128 + signal_of(signal) : EXIT_FAILED;
}

static int code_of_view(const TargetView *view) {
    if (!view->job)
        return EXIT_FAILED;
    return code_of(view->exit_code, view->signal, view->error != NULL);
}

static void say(Item *item, char *sentence) {
    free(item->said);
    item->said = sentence;
}

static int say_end(Item *item, const Seen *seen, int code) {
    const TargetView *view = &seen->view;
    if (view->error)
        say(item, xasprintf("%s failed: %s", view->name, view->error));
    return code;
}

static void say_previous(Item *item) {
    const TargetView *view = &item->seen->view;
    const char *signal = value_get_str(view->previous, "signal");
    int64_t code = value_get_int(view->previous, "exitCode", -1);
    if (!value_get_bool(view->previous, "failed", false))
        return;
    if (code >= 0)
        say(item, xasprintf("%s failed: exit code %lld", view->name, (long long)code));
    else
        say(item, xasprintf("%s failed%s%s", view->name, signal ? ": killed by SIG" : "",
                            signal ? signal : ""));
}

/* It ended, and another run has come, or waits, since. -1: not ours, as far as is known. */
static int code_of_previous(Item *item) {
    const TargetView *view = &item->seen->view;
    const Value *previous = view->previous;
    if (value_get_int(previous, "run", 0) != item->run)
        return -1;
    say_previous(item);
    if (!view->job)
        return EXIT_FAILED;
    return code_of(value_get_int(previous, "exitCode", -1), value_get_str(previous, "signal"),
                   value_get_bool(previous, "failed", false));
}

static int code_of_build(Item *item) {
    const TargetView *view = &item->build->view;
    bool came = view->run >= item->build_run && view->phase == PHASE_TERMINATED;
    return came && view->error ? say_end(item, item->build, code_of_view(view)) : -1;
}

static int code_of_idle(Item *item) {
    const TargetView *view = &item->seen->view;
    if (target_lazy(view)) { /* nothing is to change: no later version need come */
        say(item, xasprintf("%s: %s", view->name, view->message));
        return EXIT_DONE;
    }
    if (view->version <= item->version)
        return -1;
    if (view->skipped >= item->run && view->phase == PHASE_TERMINATED) {
        say(item, xasprintf("%s: %s", view->name, view->message));
        return EXIT_DONE;
    }
    if (view->phase != PHASE_NONE && view->phase != PHASE_DISABLED)
        return -1;
    say(item, xasprintf("%s was %s meanwhile", view->name,
                        view->phase == PHASE_DISABLED ? "disabled" : "stopped"));
    return EXIT_FAILED;
}

static int code_of_item(Item *item) {
    const TargetView *view = &item->seen->view;
    int code = code_of_previous(item);
    if (code >= 0)
        return code;
    if (item->build && view->run < item->run && (code = code_of_build(item)) >= 0)
        return code;
    if (view->run < item->run)
        return code_of_idle(item);
    item->run = view->run; /* ours was never begun: this one is in its place */
    if (view->phase == PHASE_TERMINATED)
        return say_end(item, item->seen, code_of_view(view));
    if (view->phase != PHASE_ACTIVE || view->job || !view->ready || view->stopping)
        return code_of_idle(item);
    item->ready_ms = item->ready_ms ? item->ready_ms : clock_mono_ms();
    return clock_mono_ms() >= item->ready_ms + AT_ONCE_MS ? EXIT_DONE : -1;
}

/* The first that failed decides. -1: not all have come out yet. */
static int look(Trigger *t) {
    int worst = EXIT_DONE;
    for (size_t i = 0; i < t->items.n; i++) {
        Item *item = &t->items.at[i];
        if (item->code < 0 && !seen_unknown(item->seen))
            item->code = code_of_item(item);
        if (item->code < 0)
            return -1;
        if (worst == EXIT_DONE)
            worst = item->code;
    }
    return worst;
}

/* ---- the logs ---- */

static bool is_ours(const Trigger *t, const LogEntry *entry) {
    for (size_t i = 0; i < t->items.n; i++) {
        const Item *item = &t->items.at[i];
        if (str_same(item->seen->view.name, entry->target))
            return entry->run >= item->run;
        if (item->build && str_same(item->build->view.name, entry->target))
            return entry->run >= item->build_run;
    }
    return false;
}

static void on_line(void *arg, const LogEntry *entry) {
    Trigger *t = arg;
    if (!is_ours(t, entry))
        return;
    if (!t->plain || entry->stream == LOG_GAP) {
        prefix_print(&t->prefix, entry, stdout);
        return;
    }
    FILE *to = entry->stream == LOG_ERR ? stderr : stdout;
    fwrite(entry->bytes, 1, entry->size, to);
    if (!entry->partial)
        putc('\n', to);
}

static void open_feed(Trigger *t) {
    TextList *names = arena_alloc(&t->cli->arena, sizeof(*names));
    const char **at = arena_alloc(&t->cli->arena, 2 * t->items.n * sizeof(*at));
    names->at = at;
    for (size_t i = 0; i < t->items.n; i++) {
        at[names->n++] = t->items.at[i].seen->view.name;
        prefix_widen(&t->prefix, at[names->n - 1]);
        if (!t->items.at[i].build)
            continue;
        at[names->n++] = t->items.at[i].build->view.name;
        prefix_widen(&t->prefix, at[names->n - 1]);
    }
    t->plain = names->n == 1;
    LogAsk ask = {.slug = t->slug, .names = names, .follow = true, .tail = -1, .since = t->since};
    log_feed_init(&t->feed, &t->cli->client, &ask, on_line, t);
}

/* ---- waiting ---- */

static void say_waiting(const Trigger *t) {
    for (size_t i = 0; i < t->items.n; i++) {
        if (t->items.at[i].code >= 0)
            continue;
        AUTO_FREE char *sentence = target_sentence(&t->items.at[i].seen->view);
        cli_say("%s", sentence);
    }
}

static int64_t sooner(int64_t left, int64_t other) {
    return other < 0 || (left >= 0 && left < other) ? left : other;
}

/* How long nothing need be heard; -1: for ever. */
static int64_t patience(const Trigger *t, int64_t deadline_ms, int64_t now_ms) {
    int64_t left = deadline_ms ? deadline_ms - now_ms : -1;
    if (now_ms < t->follow_ms)
        left = sooner(left, t->follow_ms - now_ms);
    for (size_t i = 0; i < t->items.n; i++) {
        const Item *item = &t->items.at[i];
        int64_t due_ms = item->ready_ms + AT_ONCE_MS;
        if (item->code < 0 && item->ready_ms && due_ms > now_ms)
            left = sooner(left, due_ms - now_ms);
    }
    return left;
}

/* For news of either kind, at most until then. */
static int hear(Trigger *t, int64_t deadline_ms, Err *err) {
    bool was_open = targets_fd(&t->targets) >= 0;
    if (targets_watch(&t->targets, err) < 0)
        return -1;
    if (t->targets.gone)
        return err_set(err, ERR_CONFLICT, "session %s was stopped meanwhile", t->slug);
    int64_t now_ms = clock_mono_ms();
    if (now_ms >= t->follow_ms && !t->feed.over && log_feed_open(&t->feed, err) < 0)
        return -1;
    if (!was_open) /* there may be news already */
        return 0;
    struct pollfd fds[2] = {{targets_fd(&t->targets), POLLIN, 0},
                            {log_feed_fd(&t->feed), POLLIN, 0}};
    int64_t left = patience(t, deadline_ms, now_ms);
    if (deadline_ms && now_ms >= deadline_ms)
        return err_set(err, ERR_TIMEOUT, "the time is up");
    fflush(stdout);
    if (poll(fds, 2, left > INT32_MAX ? INT32_MAX : (int)left) <= 0)
        return 0;
    if (fds[1].revents)
        log_feed_pump(&t->feed);
    if (fds[0].revents)
        targets_pump(&t->targets);
    return 0;
}

static int wait_for(Trigger *t, Err *err) {
    int64_t deadline_ms = t->ask->timeout_ms ? clock_mono_ms() + t->ask->timeout_ms : 0;
    int code, r = 0;
    t->follow_ms = clock_mono_ms() + FOLLOW_AFTER_MS;
    open_feed(t);
    while ((code = look(t)) < 0 && r == 0)
        r = hear(t, deadline_ms, err);
    if (r < 0 && err->kind == ERR_TIMEOUT)
        say_waiting(t);
    log_feed_finish(&t->feed);
    log_feed_deinit(&t->feed);
    fflush(stdout);
    for (size_t i = 0; i < t->items.n; i++)
        if (t->items.at[i].said)
            cli_say("%s", t->items.at[i].said);
    return r < 0 ? r : code;
}

static int trigger(Trigger *t, Err *err) {
    const TextList *labels = t->ask->labels.n ? &t->ask->labels : NULL;
    if (targets_read(&t->targets, err) < 0 ||
        targets_choose(&t->targets, &t->cli->names, labels, err) < 0)
        return -1;
    time_format_micro(clock_wall_us(), t->since);
    if (post_all(t, err) < 0)
        return -1;
    return t->ask->wait ? wait_for(t, err) : EXIT_DONE;
}

static int run(Cli *cli, void *given, Err *err) {
    Trigger t = {.cli = cli, .ask = given};
    t.prefix = (Prefix){.terminal = cli->terminal, .color = cli->color};
    if (!cli->names.n && !t.ask->labels.n)
        return err_set(err, ERR_INVALID,
                       "thole trigger needs a NAME, a resource or a target, or a label (-l)");
    if (t.ask->timeout_ms && !t.ask->wait)
        return err_set(err, ERR_INVALID, "--timeout goes with --wait");
    t.slug = cli_session(cli, NULL, err);
    if (!t.slug)
        return -1;
    targets_init(&t.targets, &cli->client, t.slug);
    int r = trigger(&t, err);
    targets_deinit(&t.targets);
    for (size_t i = 0; i < t.items.n; i++)
        free(t.items.at[i].said);
    VEC_FREE(t.items);
    return r;
}

const Command command_trigger = {
    .name = "trigger",
    .args = "NAME… [-l KEY[=VALUE]] [--wait] [--timeout D] [--force]",
    .doc = "Applies changes that wait, or builds and starts afresh",
    .more = "With --wait the logs of what runs then are printed, and the exit code is that of the\n"
            "run; of a server: 0 when it is ready and has not ended at once, 1 when it failed.",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(TriggerOptions),
    .run = run,
    .once = true,
};
