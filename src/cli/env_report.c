/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env_report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "cli/env.h"
#include "cli/keep_output.h"
#include "cli/plain.h"
#include "data/json.h"

enum { PAUSE_MS = 60, TICK_MS = 1000, FRAME_BYTES = 256 * 1024, WIDTH = 80, HEIGHT = 24 };
enum { OUTPUT_BYTES = 6 * MAX_LOG_LINE + 1024 }; /* each byte escaped: "\u0000" */

static ReportForm form_of(Cli *cli, const Github *github) {
    const char *terminal = getenv("TERM");
    bool dumb = !terminal || !*terminal || strcmp(terminal, "dumb") == 0;
    if (env_as_json(cli))
        return REPORT_JSON;
    if (github->on)
        return REPORT_GITHUB;
    return isatty(STDERR_FILENO) && !dumb ? REPORT_TREE : REPORT_PLAIN;
}

void env_report_init(EnvReport *report, Cli *cli, const char *title) {
    *report = (EnvReport){.cli = cli, .title = title};
    github_init(&report->github, stderr);
    report->form = form_of(cli, &report->github);
    tree_init(&report->tree, title);
    report->keeps_output = report->form == REPORT_TREE && keep_output_begin();
}

void env_report_deinit(EnvReport *report) {
    tree_deinit(&report->tree);
    if (report->keeps_output)
        keep_output_end();
}

bool env_report_expects(const EnvReport *report) {
    return report->form == REPORT_TREE;
}

void env_report_expect(EnvReport *report, const Value *steps, const char *phases) {
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        const char *phase = env_text(step, "phase");
        if (option_is_choice(phases, phase))
            tree_expect(&report->tree, env_text(step, "name"), phase);
    }
    report->stale = true;
}

/* ---- lines ---- */

static TreeState state_of(EnvHappening what) {
    switch (what) {
    case ENV_COMPLETED: return TREE_DONE;
    case ENV_SKIPPED: return TREE_SKIPPED;
    case ENV_FAILED:
    case ENV_CANCELED: return TREE_FAILED;
    case ENV_STARTED:
    case ENV_STREAMING:
    case ENV_WAITING:
    case ENV_OTHER: break;
    }
    return TREE_RUNNING;
}

/* Why a step was skipped is worth a word only if it is not the usual one. */
static const char *note_of(const EnvEvent *event) {
    if (event->what == ENV_SKIPPED)
        return "cached";
    return *event->error ? event->error : NULL;
}

/* "create feat-x: seed_db ✓ 1.2s" */
static void put_line(const EnvReport *report, const EnvEvent *event) {
    TreeState state = state_of(event->what);
    const char *note = note_of(event);
    const char *paint =
        report->form == REPORT_PLAIN && report->cli->color_err ? tree_color(state) : NULL;
    char took[DURATION_TEXT] = "";
    AUTO_FREE char *step = plain_copy(event->step);
    AUTO_FREE char *why = note ? plain_copy(note) : NULL;
    if (event->took_ms >= 0 && event->what != ENV_SKIPPED)
        duration_format_short(event->took_ms, took);
    fprintf(stderr, "%s: %s %s%s%s%s%s%s%s\n", report->title, step, paint ? paint : "",
            tree_sign(state), paint ? "\033[0m" : "", took[0] ? " " : "", took, why ? " " : "",
            why ? why : "");
    fflush(stderr);
}

static void say_waiting(const EnvReport *report, const EnvEvent *event) {
    AUTO_FREE char *why = plain_copy(event->message);
    fprintf(stderr, "%s: %s; ^C ends it\n", report->title, why);
    fflush(stderr);
}

static void say_plain(const EnvReport *report, const EnvEvent *event) {
    if (event->what == ENV_WAITING && *event->message)
        say_waiting(report, event);
    else if (*event->step && state_of(event->what) != TREE_RUNNING)
        put_line(report, event);
}

/* What a hook writes is folded away. */
static void say_github(EnvReport *report, const EnvEvent *event) {
    if (*event->step && event->what == ENV_STREAMING) {
        AUTO_FREE char *step = plain_copy(event->step);
        AUTO_FREE char *title = xasprintf("%s: %s", report->title, step);
        github_fold(&report->github, title);
        return;
    }
    if (state_of(event->what) != TREE_RUNNING)
        github_unfold(&report->github);
    say_plain(report, event);
    if (*event->step && event->what == ENV_FAILED)
        github_error(&report->github, event->step, event->error);
}

static void show(EnvReport *report, const EnvEvent *event) {
    Tree *tree = &report->tree;
    TreeState state = state_of(event->what);
    report->stale = true;
    if (event->what == ENV_WAITING)
        tree_wait(tree, *event->message ? event->message : NULL);
    if (!*event->step || event->what == ENV_OTHER)
        return;
    if (state == TREE_RUNNING)
        tree_start(tree, event->step, event->phase, clock_mono_ms());
    else
        tree_end(
            tree, event->step, event->phase,
            &(TreeEnd){state, event->what == ENV_SKIPPED ? -1 : event->took_ms, note_of(event)});
}

void env_report_event(EnvReport *report, const EnvEvent *event, const char *json, size_t size) {
    switch (report->form) {
    case REPORT_TREE: show(report, event); return;
    case REPORT_PLAIN: say_plain(report, event); return;
    case REPORT_GITHUB: say_github(report, event); return;
    case REPORT_JSON:
        fwrite(json, 1, size, stdout);
        putchar('\n');
        fflush(stdout);
        return;
    }
}

/* Like an event; it has no seq, since the log of its run has it, not they. */
static void put_output(const LogEntry *entry) {
    static const char *const streams[] = {[LOG_OUT] = "out", [LOG_ERR] = "err"};
    Buf buf;
    JsonWriter out;
    if (entry->stream != LOG_OUT && entry->stream != LOG_ERR)
        return;
    buf_init(&buf, OUTPUT_BYTES);
    json_writer_init(&out, &buf);
    json_object_begin(&out);
    json_kv_string(&out, "time", entry->time);
    json_kv_string(&out, "step", entry->target);
    json_kv_int(&out, "run", entry->run);
    json_kv_string(&out, "status", "output");
    json_kv_string(&out, "stream", streams[entry->stream]);
    json_key(&out, "line");
    json_stringn(&out, entry->bytes, entry->size);
    json_object_end(&out);
    puts(buf_cstr(&buf));
    fflush(stdout);
    buf_deinit(&buf);
}

void env_report_line(EnvReport *report, const LogEntry *entry) {
    switch (report->form) {
    case REPORT_TREE:
        if (entry->stream == LOG_OUT || entry->stream == LOG_ERR)
            tree_talk(&report->tree, entry->target, entry->bytes, entry->size);
        report->stale = true;
        return;
    case REPORT_PLAIN: prefix_print(&report->prefix, entry, stderr); return;
    case REPORT_GITHUB:
        fwrite(entry->bytes, 1, entry->size, stderr);
        putc('\n', stderr);
        return;
    case REPORT_JSON: put_output(entry); return;
    }
}

/* ---- the screen ---- */

static void write_frame(EnvReport *report, bool foot) {
    struct winsize window = {0};
    size_t columns[LIVE_LINES_MOST], n = 0;
    LiveLine lines[LIVE_LINES_MOST];
    Buf above, below, out;
    (void)ioctl(STDERR_FILENO, TIOCGWINSZ, &window);
    const TreeStyle style = {.color = report->cli->color_err,
                             .width = window.ws_col ? window.ws_col : WIDTH,
                             .height = window.ws_row ? window.ws_row : HEIGHT,
                             .now_ms = clock_mono_ms()};
    buf_init(&above, FRAME_BYTES);
    buf_init(&below, FRAME_BYTES);
    buf_init(&out, 2 * FRAME_BYTES);
    size_t all = tree_draw(&report->tree, &style, &above, &below, columns);
    for (char *at = below.p; foot && n < all && at; n++) {
        char *end = strchr(at, '\n');
        *end = '\0';
        lines[n] = (LiveLine){at, columns[n]};
        at = end + 1;
    }
    live_lines_frame(&report->live, &(LiveFrame){buf_cstr(&above), lines, n, style.width}, &out);
    fflush(stdout);
    fwrite(buf_cstr(&out), 1, out.n, stderr);
    fflush(stderr);
    buf_deinit(&above);
    buf_deinit(&below);
    buf_deinit(&out);
    report->drawn_ms = style.now_ms;
    report->stale = !foot;
}

int env_report_timeout(const EnvReport *report) {
    if (report->form != REPORT_TREE || (!report->stale && !tree_is_running(&report->tree)))
        return -1;
    int64_t left_ms = report->drawn_ms + (report->stale ? PAUSE_MS : TICK_MS) - clock_mono_ms();
    return left_ms < 0 ? 0 : (int)left_ms;
}

void env_report_draw(EnvReport *report) {
    if (env_report_timeout(report) == 0)
        write_frame(report, true);
}

void env_report_pause(EnvReport *report) {
    if (report->form == REPORT_TREE)
        write_frame(report, false);
    fflush(stdout);
}

void env_report_close(EnvReport *report) {
    github_unfold(&report->github);
    tree_close(&report->tree);
    env_report_pause(report);
}
