/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/labelled.h"

#include "base/buf.h"
#include "cli/targets.h"

int labelled_none(const char *where, const TextList *labels, Err *err) {
    Buf text;
    buf_init(&text, sizeof(err->msg));
    for (size_t i = 0; i < labels->n; i++)
        buf_printf(&text, "%s%s", i ? " and " : "", labels->at[i]);
    err_set(err, ERR_NOT_FOUND, "nothing%s carries the label%s %s", where, labels->n > 1 ? "s" : "",
            buf_cstr(&text));
    buf_deinit(&text);
    return -1;
}

static TextList chosen_names(const Targets *targets, Arena *arena) {
    TextList names = {.at = arena_alloc(arena, (targets->all.n + 1) * sizeof(*names.at))};
    for (size_t i = 0; i < targets->all.n; i++)
        if (targets->all.at[i]->chosen)
            names.at[names.n++] = arena_strdup(arena, targets->all.at[i]->view.name);
    return names;
}

int labelled_names(Cli *cli, const Labelled *what, TextList *ret, Err *err) {
    Targets targets;
    *ret = cli->names;
    if (!what->labels->n)
        return 0;
    if (what->stopped)
        return err_set(err, ERR_INVALID, "session %s is down: name the targets, instead of -l",
                       what->slug);
    targets_init(&targets, &cli->client, what->slug);
    int r = targets_read(&targets, err);
    if (r == 0)
        r = targets_choose(&targets, &cli->names, what->labels, err);
    if (r == 0)
        *ret = chosen_names(&targets, &cli->arena);
    targets_deinit(&targets);
    return r;
}
