/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verbs.h"

#include <string.h>

#include "base/str.h"
#include "base/vec.h"

static const Verb *verb_at(const Verbs *verbs, size_t i) {
    return (const Verb *)((const char *)verbs->at + i * verbs->row_size);
}

static const Verb *find(const Verbs *verbs, const char *name) {
    for (size_t i = 0; i < verbs->n; i++)
        if (strcmp(verb_at(verbs, i)->name, name) == 0)
            return verb_at(verbs, i);
    return NULL;
}

const char *verb_outputs(const Verbs *verbs, const char *name) {
    const Verb *verb = find(verbs, name);
    return verb ? verb->outputs : NULL;
}

static int no_verb(const Verbs *verbs, const char *name, Err *err) {
    VEC(const char *) names = {0};
    for (size_t i = 0; i < verbs->n; i++)
        VEC_PUSH(names, verb_at(verbs, i)->name);
    err_set(err, ERR_INVALID, "thole %s takes %s", verbs->command, verbs->names);
    err_suggest(err, str_suggest(name, names.at, names.n), "");
    VEC_FREE(names);
    return -1;
}

static int check(const Verbs *verbs, const Verb *verb, const Cli *cli, Err *err) {
    size_t n = cli->names.n - 1;
    const char *output = cli_output(cli), *takes = verb->takes ? verb->takes : "no word";
    if (n < verb->least)
        return err_set(err, ERR_INVALID, "thole %s %s takes %s", verbs->command, verb->name, takes);
    if (n > verb->most)
        return err_set(err, ERR_INVALID, "thole %s %s takes %s; \"%.60s\" is one too many",
                       verbs->command, verb->name, takes, cli->names.at[1 + verb->most]);
    bool asked = cli->json || cli->output;
    if (asked && !option_is_choice(verb->outputs, output))
        return err_set(err, ERR_INVALID, "thole %s %s has no output \"%.40s\"; there is %s",
                       verbs->command, verb->name, output, verb->outputs);
    return 0;
}

int verb_choose(const Verbs *verbs, const Cli *cli, const Verb **ret, Err *err) {
    const char *name = cli->names.n ? cli->names.at[0] : "";
    const Verb *verb = find(verbs, name);
    if (!verb)
        return no_verb(verbs, name, err);
    if (check(verbs, verb, cli, err) < 0)
        return -1;
    *ret = verb;
    return 0;
}
