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

/* What is below the one that is named; `name` NULL: below the one we are in. NULL: nothing. */
static const Value *look(const Answer *a, const char *name, const char *below) {
    EnvTarget env;
    const Value *reply;
    Err err;
    return env_find(a->cli, name, &env, &err) < 0 || env_look(a->cli, &env, below, &reply, &err) < 0
               ? NULL
               : value_get(reply, below);
}

/* `phases`: only those of these; NULL: of all. */
static void offer_steps(const Answer *a, const char *name, const char *phases, const char *before) {
    const Value *steps = look(a, name, "steps");
    for (size_t i = 0; i < value_count(steps); i++) {
        const Value *step = value_at(steps, i);
        AUTO_FREE char *text = xasprintf("%s%s", before, env_text(step, "name"));
        if (!phases || option_is_choice(phases, env_text(step, "phase")))
            answer_offer(a, text, env_text(step, "status"));
    }
}

static void offer_keys(const Answer *a, const Value *all, const char *doc) {
    for (size_t i = 0; value_is(all, VALUE_MAP) && i < all->map.n; i++)
        answer_offer(a, all->map.at[i].key, doc);
}

static void offer_services(const Answer *a) {
    offer_keys(a, value_get(answer_config(a), "services"), "service");
}

static void offer_provisioned(const Answer *a) {
    offer_keys(a, value_get(value_get(answer_config(a), "provisioner"), "services"), "provisioned");
}

static void offer_values(const Answer *a, const char *name) {
    offer_keys(a, look(a, name, "values"), "value");
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
    bool list = strcmp(option->name, "only") == 0, run = str_same(a->words[0], "run");
    bool steps = list || strcmp(option->name, "from") == 0;
    if (!steps && strcmp(option->name, "mode") != 0)
        return false;
    answer_bound(a);
    AUTO_FREE char *front = list ? before_last(a, before) : xstrdup(before);
    if (steps)
        offer_steps(a, a->word_n > 1 ? a->words[1] : NULL, run ? "run" : NULL, front);
    else
        offer_modes(a, front);
    return true;
}

/* ---- words ---- */

static void offer_hook(const Answer *a) {
    answer_bound(a);
    if (a->word_n == 1)
        offer_provisioned(a);
    else if (a->word_n == 2)
        answer_offer_choices(a, "init|seed|reset|destroy", "");
    else
        offer_names(a);
}

static void offer_store(const Answer *a) {
    if (a->word_n == 1) {
        answer_offer_choices(a, "set|get|list|unset", "");
        return;
    }
    answer_bound(a);
    offer_names(a);
    if (option_is_choice("get|unset", a->words[1]))
        offer_values(a, a->word_n > 2 ? a->words[2] : NULL);
}

/* Behind -- there is a command line of its own. */
static void offer_exec(const Answer *a) {
    if (a->only_words) {
        puts(a->word_n == a->dashed_n ? ":commands" : ":files");
        return;
    }
    answer_bound(a);
    offer_names(a);
}

static void offer_named(const Answer *a, const char *verb) {
    bool steps = option_is_choice("step|invalidate|logs", verb);
    answer_bound(a);
    if (a->word_n == 1)
        offer_names(a);
    if (steps && a->word_n <= 2)
        offer_steps(a, a->word_n == 2 ? a->words[1] : NULL, NULL, "");
    else if (strcmp(verb, "env") == 0 && a->word_n == 2)
        offer_services(a);
}

void answer_env_word(const Answer *a) {
    const char *verb = a->words[0];
    if (strcmp(verb, "import") == 0)
        puts(":files");
    else if (strcmp(verb, "store") == 0)
        offer_store(a);
    else if (strcmp(verb, "exec") == 0)
        offer_exec(a);
    else if (strcmp(verb, "hook") == 0)
        offer_hook(a);
    else if (!option_is_choice("list|gc|export|run", verb))
        offer_named(a, verb);
}
