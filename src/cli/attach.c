/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal, or a pipe, at a target: what it writes is shown as it comes, what is typed is given
 * to it. Both go on where they were when the server is replaced: output at its offset, input as
 * what one writer repeats. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/raw_terminal.h"
#include "cli/remote.h"

enum { AGAIN_MS = 100, ROOM = 64 * 1024, KEYS_BYTES = 256, SIGNALED = 128, WHY_TEXT = 512 };
enum { BEHIND_MS = 500 }; /* nothing tells who comes to the foreground */
/* Of what was written before, so much from its beginning and of its end is read to know the modes
 * of the terminal. */
enum { HEAD_BYTES = 256 * 1024, TAIL_BYTES = 1024 * 1024 };

typedef struct AttachOptions {
    const char *detach_keys;
} AttachOptions;

static const Option options[] = {
    {"detach-keys", 0, OPTION_TEXT, offsetof(AttachOptions, detach_keys), "KEYS",
     "what ends it, typed one after the other (C-p,C-q); none: nothing does", NULL},
};

typedef struct Attach {
    Remote remote;
    RawTerminal terminal;
    Buf detach;   /* keys that end it */
    size_t typed; /* of them */
    int signals;
    HttpLines *output, *giving; /* NULL: none open */
    uint64_t at;                /* offset of what is heard next */
    uint64_t head_end, shown; /* what is before `shown` is only looked at, a middle not even that */
    bool behind;              /* in the background: what is typed is for others */
    Buf input;                /* typed, and not taken yet */
    size_t given;             /* of it, by `giving` */
    bool input_ended, end_given, giving_end;
    size_t redraws;    /* of those at the beginning, how many were done */
    int64_t redraw_ms; /* when the next is due, 0: none is */
    bool deaf;         /* it takes no input any more */
    int code;          /* -1: goes on */
    char why[WHY_TEXT];
} Attach;

static void prepare(void *given) {
    AttachOptions *ask = given;
    ask->detach_keys = "C-p,C-q";
}

static void leave(Attach *a, int code, const char *why) {
    if (a->code >= 0)
        return;
    a->code = code;
    snprintf(a->why, sizeof(a->why), "%s", why);
}

/* ---- output ---- */

static void put(Attach *a, const char *bytes, size_t n) {
    while (n) {
        ssize_t done = write(STDOUT_FILENO, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            leave(a, EXIT_TROUBLE, "nobody reads what it writes");
            return;
        }
        bytes += done;
        n -= (size_t)done;
    }
}

static void show(Attach *a, const char *bytes, size_t n) {
    uint64_t past = a->shown > a->at ? a->shown - a->at : 0;
    size_t seen = past < n ? (size_t)past : n;
    screen_modes_saw(&a->terminal.modes, bytes, n);
    a->at += n;
    if (seen && seen == past)
        raw_terminal_show(&a->terminal);
    put(a, bytes + seen, n - seen);
}

/* How the run ended that we were at. */
static void tell_end(Attach *a) {
    Arena arena;
    const Value *reply;
    Err err;
    char why[WHY_TEXT];
    arena_init(&arena);
    AUTO_FREE char *path = remote_path(&a->remote, "end?run=%" PRId64, a->remote.run);
    int r = client_ask(&a->remote.cli->client, "GET", path, NULL, &arena, &reply, &err);
    const Value *status = value_get(reply, "status");
    int64_t code = value_get_int(status, "exitCode", -1),
            signal = value_get_int(status, "signal", 0);
    if (r < 0)
        snprintf(why, sizeof(why), "%s ended (%s)", a->remote.name, err.msg);
    else if (signal)
        snprintf(why, sizeof(why), "%s was ended by signal %d", a->remote.name, (int)signal);
    else if (code >= 0)
        snprintf(why, sizeof(why), "%s ended with exit code %d", a->remote.name, (int)code);
    else
        snprintf(why, sizeof(why), "%s ended: its exit code is unknown", a->remote.name);
    arena_deinit(&arena);
    leave(a,
          r == 0 && signal      ? SIGNALED + (int)signal
          : r == 0 && code >= 0 ? (int)code
                                : EXIT_FAILED,
          why);
}

static void open_output(Attach *a) {
    Err err;
    AUTO_FREE char *path =
        remote_path(&a->remote, "output?run=%" PRId64 "&from=%" PRIu64, a->remote.run, a->at);
    a->output = client_lines(&a->remote.cli->client, path, &err);
    if (!a->output) {
        leave(a, EXIT_TROUBLE, err.msg);
        return;
    }
    size_t n; /* some may have come with the head */
    const char *bytes = http_lines_rest(a->output, &n);
    show(a, bytes, n);
}

/* Nobody answers, now: what was asked may be asked again. */
static bool is_away(const Err *err) {
    return err->kind == ERR_UNAVAILABLE || err->kind == ERR_TIMEOUT;
}

typedef enum Found { FOUND_OUR_RUN, FOUND_ANOTHER, FOUND_NOBODY, FOUND_NO_SERVER } Found;

/* Who is there now, where we were at our run? */
static Found look(const Attach *a, Err *err) {
    Remote now = a->remote;
    if (remote_look(&now, err) < 0)
        return is_away(err) ? FOUND_NO_SERVER : FOUND_NOBODY;
    return now.run == a->remote.run ? FOUND_OUR_RUN : FOUND_ANOTHER;
}

/* The stream has ended: with the run, or with the server. */
static void output_over(Attach *a, bool done) {
    Err err;
    a->output = http_lines_close(a->output);
    switch (done ? look(a, &err) : FOUND_OUR_RUN) {
    case FOUND_OUR_RUN: open_output(a); break;
    case FOUND_NO_SERVER: leave(a, EXIT_TROUBLE, err.msg); break;
    case FOUND_ANOTHER:
    case FOUND_NOBODY: tell_end(a); break;
    }
}

static void hear_output(Attach *a) {
    size_t n;
    Err err;
    int r = http_lines_fill(a->output, &err);
    const char *bytes = http_lines_rest(a->output, &n);
    show(a, bytes, n);
    if (a->at >= a->head_end && a->at + TAIL_BYTES < a->shown) { /* what is between tells little */
        a->output = http_lines_close(a->output);
        a->at = a->shown - TAIL_BYTES;
        open_output(a);
    } else if (r <= 0 && a->code < 0) {
        output_over(a, r == 0);
    }
}

/* ---- input ---- */

/* What is typed, without the keys that end it. */
static void type(Attach *a, const char *bytes, size_t n) {
    for (size_t i = 0; i < n && a->code < 0; i++) {
        if (a->typed < a->detach.n && a->terminal.raw && bytes[i] == a->detach.p[a->typed]) {
            if (++a->typed == a->detach.n)
                leave(a, EXIT_DONE, "detached; it goes on");
            continue;
        }
        buf_put(&a->input, a->detach.p, a->typed);
        a->typed = a->detach.n && a->terminal.raw && bytes[i] == a->detach.p[0];
        if (!a->typed)
            buf_putc(&a->input, bytes[i]);
    }
}

static void read_input(Attach *a) {
    char bytes[4096];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (n > 0)
        type(a, bytes, (size_t)n);
    else if (n < 0 && errno == EIO && raw_terminal_behind())
        a->behind = true;
    else if (n == 0 || errno != EINTR)
        a->input_ended = true;
}

static bool has_more(const Attach *a) {
    bool end = a->input_ended && !a->end_given && a->remote.stdin_open;
    return !a->deaf && (a->input.n > 0 || end);
}

/* Begins to give what waits. While there is no server it is tried again later. */
static void give(Attach *a) {
    Err err;
    size_t n = a->input.n < ROOM ? a->input.n : ROOM;
    a->given = n;
    a->giving_end = a->input_ended && n == a->input.n && a->remote.stdin_open;
    a->giving = remote_give(&a->remote, buf_cstr(&a->input), n, a->giving_end, &err);
    if (!a->giving && !is_away(&err))
        a->deaf = true; /* it ends, or has closed its input: its output tells */
}

static void hear_giving(Attach *a) {
    Err err = {0};
    int r = http_lines_fill(a->giving, &err);
    if (r > 0)
        return;
    bool taken = r == 0 && remote_status(a->giving, &err) == 0;
    a->giving = http_lines_close(a->giving);
    if (!taken && !is_away(&err)) {
        a->deaf = true;
        buf_reset(&a->input);
    } else if (taken) {
        a->remote.written += a->given;
        buf_drop(&a->input, a->given);
        a->end_given |= a->giving_end;
    }
}

/* ---- its size ---- */

static void tell_size(Attach *a, int more) {
    uint16_t rows, columns;
    HttpAnswer answer;
    Err ignored;
    if (!a->remote.tty || !raw_terminal_size(&rows, &columns))
        return;
    AUTO_FREE char *path = remote_path(&a->remote, "resize");
    AUTO_FREE char *body = xasprintf("{\"rows\":%d,\"columns\":%d}", rows + more, columns + more);
    if (client_raw(&a->remote.cli->client, "POST", path, body, &answer, &ignored) == 0)
        http_answer_free(&answer);
}

/* A program that fills the screen paints it anew when its size has changed, so it changes, there
 * and back. That it may have done so is said again a little later: who was busy has missed it. */
static void redraw(Attach *a) {
    static const int wait_ms[] = {50, 200};
    if (a->redraws == 0)
        tell_size(a, 1);
    tell_size(a, 0);
    a->redraw_ms = a->redraws < COUNT(wait_ms) ? clock_mono_ms() + wait_ms[a->redraws] : 0;
    a->redraws++;
}

/* The terminal is ours: at the beginning, or since the shell gave it to us. */
static void come_to_front(Attach *a) {
    a->behind = raw_terminal_behind();
    if (a->behind)
        return;
    if (a->remote.tty && !a->terminal.raw)
        raw_terminal_begin(&a->terminal);
    if (a->at >= a->shown)
        raw_terminal_show(&a->terminal);
    a->redraws = 0;
    redraw(a);
}

static int until_redraw(const Attach *a) {
    int64_t left = a->redraw_ms - clock_mono_ms();
    return !a->redraw_ms ? -1 : left > 0 ? (int)left : 0;
}

/* ---- the loop ---- */

static void hear_signals(Attach *a) {
    struct signalfd_siginfo news;
    while (read(a->signals, &news, sizeof(news)) == (ssize_t)sizeof(news)) {
        if (news.ssi_signo == SIGWINCH)
            tell_size(a, 0);
        else
            leave(a, SIGNALED + (int)news.ssi_signo, "detached; it goes on");
    }
}

/* Without a terminal what is typed has an end: so has the visit, if that is not the end of the
 * program's input. */
static void look_at_end(Attach *a) {
    if (a->input_ended && !a->remote.stdin_open && !a->giving && (!a->input.n || a->deaf))
        leave(a, EXIT_DONE, "detached, as there is no more input; it goes on");
}

static void turn(Attach *a) {
    bool room = !a->behind && !a->input_ended && a->input.n < ROOM && !a->deaf;
    bool again = !a->giving && has_more(a);
    struct pollfd fds[] = {
        {a->signals, POLLIN, 0},
        {room ? STDIN_FILENO : -1, POLLIN, 0},
        {a->output ? http_lines_fd(a->output) : -1, POLLIN, 0},
        {a->giving ? http_lines_fd(a->giving) : -1, POLLIN, 0},
    };
    bool output = a->output && http_lines_done(a->output); /* as a whole, with its head */
    bool given = a->giving && http_lines_done(a->giving);
    int wait_ms = output || given ? 0 : again ? AGAIN_MS : until_redraw(a);
    if (a->behind && (wait_ms < 0 || wait_ms > BEHIND_MS))
        wait_ms = BEHIND_MS;
    if (poll(fds, COUNT(fds), wait_ms) < 0)
        return;
    if (a->behind)
        come_to_front(a);
    if (until_redraw(a) == 0)
        redraw(a);
    if (fds[0].revents)
        hear_signals(a);
    if (fds[1].revents)
        read_input(a);
    if (fds[3].revents || given)
        hear_giving(a);
    if ((fds[2].revents || output) && a->code < 0)
        hear_output(a);
    if (a->code < 0 && !a->giving && has_more(a))
        give(a);
    look_at_end(a);
}

/* What was written before tells what the terminal has to be like; it is not shown again. */
static void begin_output(Attach *a) {
    a->at = a->shown = a->remote.log_end;
    if (a->remote.tty && isatty(STDOUT_FILENO))
        a->at = a->remote.log_first;
    a->head_end = a->at + HEAD_BYTES;
    open_output(a);
}

static void begin(Attach *a) {
    sigset_t set;
    sigemptyset(&set);
    for (const int *s = (const int[]){SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, 0}; *s;
         s++)
        sigaddset(&set, *s);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTTIN, SIG_IGN); /* who is in the background is told so, not stopped */
    signal(SIGTTOU, SIG_IGN);
    a->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    a->behind = raw_terminal_behind();
    if (a->behind)
        cli_say("in the background: what is typed goes to %s once this is in the foreground",
                a->remote.name);
    begin_output(a);
    if (a->code < 0 && !a->behind)
        come_to_front(a);
}

static void end(Attach *a) {
    raw_terminal_end(&a->terminal);
    http_lines_close(a->output);
    http_lines_close(a->giving);
    close(a->signals);
}

static int attach(Attach *a) {
    begin(a);
    while (a->code < 0)
        turn(a);
    end(a);
    cli_say("%s", a->why);
    return a->code;
}

static int run(Cli *cli, void *given, Err *err) {
    const AttachOptions *ask = given;
    Attach a = {.code = -1, .signals = -1};
    if (cli->names.n != 1)
        return err_set(err, ERR_INVALID, "thole attach needs one NAME (a resource or a target)");
    buf_init(&a.detach, KEYS_BYTES);
    buf_init(&a.input, 2 * ROOM);
    int r = keys_parse_sequence(ask->detach_keys, &a.detach, err);
    if (r == 0)
        r = remote_find(cli, cli->names.at[0], &a.remote, err);
    if (r == 0)
        r = remote_look_reader(&a.remote, err);
    if (r == 0)
        r = attach(&a);
    buf_deinit(&a.input);
    buf_deinit(&a.detach);
    return r;
}

const Command command_attach = {
    .name = "attach",
    .args = "NAME [--detach-keys KEYS]",
    .doc = "Connects this terminal with a target that has `tty` or `stdin`",
    .more =
        "^P^Q detaches. When the target's run ends, so does attach, with its exit code. Without a "
        "terminal, what is read is passed on, and its end is the end of the target's `stdin`.",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(AttachOptions),
    .prepare = prepare,
    .run = run,
};
