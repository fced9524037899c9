/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/compute/loss_tally.h"

enum { NAMED = 3 }; /* that are named; the others are counted */

static const struct {
    const char *one, *many;
} words[LOSS_KINDS] = {
    [LOSS_CHANGED] = {"changed file", "changed files"},
    [LOSS_UNTRACKED] = {"untracked file", "untracked files"},
    [LOSS_BROUGHT] = {"file that was brought and changed since",
                      "files that were brought and changed since"},
    [LOSS_WITHIN] = {"other worktree in it", "other worktrees in it"},
    [LOSS_REPOSITORIES] = {"repository in it with work that is nowhere else",
                           "repositories in it with work that is nowhere else"},
    [LOSS_CLOSED] = {"repository in it that git does not want to look into",
                     "repositories in it that git does not want to look into"},
    [LOSS_PUT_ASIDE] = {"stash that --autostash has made", "stashes that --autostash has made"},
    [LOSS_COMMITS] = {"commit that is on no branch and no remote",
                      "commits that are on no branch and no remote"},
    [LOSS_MODULE_COMMITS] = {"commit that is on no remote of a submodule",
                             "commits that are on no remote of a submodule"},
    [LOSS_MODULE_STASHES] = {"stash of a submodule", "stashes of a submodule"},
};

void loss_add(LossTally *tally, LossKind kind, size_t n, const char *where) {
    LossCount *of = &tally->of[kind];
    of->n += n;
    if (n == 0 || !where)
        return;
    if (++of->named <= NAMED)
        of->names = of->names ? arena_printf(tally->arena, "%s, %s", of->names, where) : where;
    else if (of->named == NAMED + 1)
        of->names = arena_printf(tally->arena, "%s, …", of->names);
}

const char *loss_words(const LossTally *tally) {
    Arena *arena = tally->arena;
    const char *text = NULL;
    for (size_t i = 0; i < LOSS_KINDS; i++) {
        const LossCount *of = &tally->of[i];
        const char *names = of->names ? arena_printf(arena, " (%s)", of->names) : "";
        if (of->n)
            text = arena_printf(arena, "%s%s%zu %s%s", text ? text : "", text ? ", " : "", of->n,
                                of->n == 1 ? words[i].one : words[i].many, names);
    }
    return text;
}
