/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/keys.h"
#include "cli/remote.h"

enum { AGAIN_MS = 100, PATIENCE_MS = 10 * 1000 };

typedef struct SendOptions {
    bool literal;
    int64_t timeout_ms;
} SendOptions;

static const Option options[] = {
    {"literal", 'l', OPTION_FLAG, offsetof(SendOptions, literal), NULL,
     "words are no names of keys", NULL},
    {"timeout", 0, OPTION_DURATION, offsetof(SendOptions, timeout_ms), "DURATION",
     "give up when it has not read them after this long (10s; exit code 4)", NULL},
};

static void prepare(void *given) {
    SendOptions *ask = given;
    ask->timeout_ms = PATIENCE_MS;
}

/* 1: it was taken, 0: nobody knows, -1. */
static int try_once(const Remote *remote, const Buf *keys, int64_t deadline_ms, Err *err) {
    HttpLines *lines = remote_give(remote, keys->p, keys->n, false, err);
    int r = lines ? 0 : err->kind == ERR_UNAVAILABLE ? 0 : -1;
    while (lines && !http_lines_done(lines) && r == 0) {
        struct pollfd p = {.fd = http_lines_fd(lines), .events = POLLIN};
        int64_t left = deadline_ms - clock_mono_ms();
        if (left <= 0 || poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX) == 0)
            r = err_set(err, ERR_TIMEOUT, "%s does not read what was sent", remote->name);
        else if (http_lines_fill(lines, err) < 0)
            break;
    }
    if (lines && r == 0 && http_lines_done(lines))
        r = remote_status(lines, err) == 0 ? 1 : err->kind == ERR_UNAVAILABLE ? 0 : -1;
    http_lines_close(lines);
    return r;
}

/* Again, while the server is being replaced: what was taken already is not taken twice. */
static int send_all(const Remote *remote, const Buf *keys, int64_t timeout_ms, Err *err) {
    int64_t deadline_ms = clock_mono_ms() + (timeout_ms ? timeout_ms : INT32_MAX);
    for (;;) {
        int r = try_once(remote, keys, deadline_ms, err);
        if (r != 0)
            return r < 0 ? -1 : EXIT_DONE;
        if (clock_mono_ms() >= deadline_ms)
            return -1;
        poll(NULL, 0, AGAIN_MS);
    }
}

static int run(Cli *cli, void *given, Err *err) {
    const SendOptions *ask = given;
    Remote remote;
    Buf keys;
    if (cli->names.n < 2)
        return err_set(err, ERR_INVALID, "thole send-keys needs a NAME and a KEY");
    if (remote_find(cli, cli->names.at[0], &remote, err) < 0 ||
        remote_look_reader(&remote, err) < 0)
        return -1;
    buf_init(&keys, MAX_REQUEST_BYTES);
    for (size_t i = 1; i < cli->names.n; i++)
        if (ask->literal || !keys_put(&keys, cli->names.at[i], !remote.tty))
            buf_puts(&keys, cli->names.at[i]);
    int r = send_all(&remote, &keys, ask->timeout_ms, err);
    buf_deinit(&keys);
    return r;
}

const Command command_send_keys = {
    .name = "send-keys",
    .args = "NAME KEY… [-l] [--timeout D]",
    .doc = "Types at a target with `tty` or `stdin`",
    .more =
        "A KEY is text, or the name of a key as in tmux: Enter, Escape, Tab, Space, BSpace, Up, "
        "C-c, M-x, F5. Returns when it was read.",
    .options = options,
    .option_n = COUNT(options),
    .options_size = sizeof(SendOptions),
    .prepare = prepare,
    .run = run,
    .any_words = true,
};
