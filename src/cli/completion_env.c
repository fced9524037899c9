/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"
#include "cli/completion_answer.h"
#include "cli/env.h"
#include "spec/config_modes.h"

/* ---- what the project has ---- */

static void offer_names(const Answer *a) {
    const Value *items;
    Err err;
    if (env_items(a->cli, &items, &err) < 0)
        return;
    for (size_t i = 0; i < value_count(items); i++)
        answer_offer(a, env_text(value_get(value_at(items, i), "spec"), "name"),
                     env_text(value_get(value_at(items, i), "status"), "phase"));
}

/* Of the one that is named; NULL: of the one we are in. */
static void offer_steps(const Answer *a, const char *name, const char *before) {
    EnvTarget env;
    const Value *reply;
    Err err;
    if (env_find(a->cli, name, &env, &err) < 0 || env_look(a->cli, &env, "steps", &reply, &err) < 0)
        return;
    const Value *steps = value_get(reply, "steps");
    for (size_t i = 0; i < value_count(steps); i++) {
        AUTO_FREE char *text = xasprintf("%s%s", before, env_text(value_at(steps, i), "name"));
        answer_offer(a, text, env_text(value_at(steps, i), "status"));
    }
}

/* What is provisioned: `provisioner.services` of the file. */
static void offer_provisioned(const Answer *a) {
    const Value *all = value_get(value_get(answer_config(a), "provisioner"), "services");
    for (size_t i = 0; value_is(all, VALUE_MAP) && i < all->map.n; i++)
        answer_offer(a, all->map.at[i].key, "provisioned");
}

/* Those that have an overlay. */
static void offer_modes(const Answer *a, const char *before) {
    if (cli_project(a->cli, NULL) < 0)
        return;
    StrList modes = config_modes(a->cli->config_file, &a->cli->arena);
    for (size_t i = 0; i < modes.n; i++) {
        AUTO_FREE char *text = xasprintf("%s%s", before, modes.at[i]);
        answer_offer(a, text, "mode");
    }
}

/* ---- values of options ---- */

/* "seed_db,gen": what is written of the list before the last comma. Returns owned. */
static char *before_last(const Answer *a, const char *before) {
    const char *comma = strrchr(a->word, ',');
    return comma ? xstrndup(a->word, (size_t)(comma + 1 - a->word)) : xstrdup(before);
}

bool answer_env_value(const Answer *a, const Option *option, const char *before) {
    bool list = strcmp(option->name, "only") == 0;
    bool steps = list || strcmp(option->name, "from") == 0;
    if (!steps && strcmp(option->name, "mode") != 0)
        return false;
    answer_bound(a);
    AUTO_FREE char *front = list ? before_last(a, before) : xstrdup(before);
    if (steps)
        offer_steps(a, a->word_n > 1 ? a->words[1] : NULL, front);
    else
        offer_modes(a, front);
    return true;
}

/* ---- words ---- */

static void offer_hook(const Answer *a) {
    if (a->word_n == 1)
        offer_provisioned(a);
    else if (a->word_n == 2)
        answer_offer_choices(a, "init|seed|reset|destroy", "");
    else
        offer_names(a);
}

void answer_env_word(const Answer *a) {
    const char *verb = a->words[0];
    bool steps = option_is_choice("step|invalidate|logs", verb);
    if (strcmp(verb, "import") == 0) {
        puts(":files");
        return;
    }
    if (strcmp(verb, "store") == 0 && a->word_n == 1) {
        answer_offer_choices(a, "set|get|list|unset", "");
        return;
    }
    if (option_is_choice("list|gc|export|run", verb))
        return;
    answer_bound(a);
    if (strcmp(verb, "hook") == 0)
        offer_hook(a);
    else if (a->word_n == 1 || strcmp(verb, "store") == 0)
        offer_names(a);
    if (steps && a->word_n <= 2)
        offer_steps(a, a->word_n == 2 ? a->words[1] : NULL, "");
}
