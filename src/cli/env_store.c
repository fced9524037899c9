/* SPDX-License-Identifier: Apache-2.0 */
/* Key-values of an environment: store set|get|list|unset. */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "cli/env_view.h"
#include "cli/report_print.h"
#include "data/json.h"

/* The words behind the verb, without the NAME that stands before or behind them. */
typedef struct StoreAsk {
    Cli *cli;
    EnvTarget env;
    const char *const *words;
    size_t n;
} StoreAsk;

enum { FIRST, LAST, NO_WORD };

static StoreAsk words_of(Cli *cli) {
    return (StoreAsk){.cli = cli, .words = cli->names.at + 2, .n = cli->names.n - 2};
}

/* `place`: where the NAME stands; NO_WORD: the environment is that of the working directory. */
static int find(StoreAsk *store, int place, Err *err) {
    const char *name = place == NO_WORD ? NULL : store->words[place == LAST ? store->n - 1 : 0];
    if (env_find(store->cli, name, &store->env, err) < 0)
        return -1;
    store->words += place == FIRST;
    store->n -= place != NO_WORD;
    return 0;
}

static bool is_environment(const StoreAsk *store, const char *word) {
    EnvTarget env;
    Err err;
    return env_find(store->cli, word, &env, &err) == 0;
}

/* Of words that may all be keys. */
static int place_among_keys(const StoreAsk *store) {
    if (store->n < 2)
        return NO_WORD;
    return is_environment(store, store->words[0])              ? FIRST
           : is_environment(store, store->words[store->n - 1]) ? LAST
                                                               : NO_WORD;
}

static int change(StoreAsk *store, Buf *body, Err *err) {
    const Value *reply;
    AUTO_FREE char *path = env_below(&store->env, "values");
    int r = client_ask(&store->cli->client, "PATCH", path, buf_cstr(body), &store->cli->arena,
                       &reply, err);
    if (r < 0)
        report_take_cause(reply, err);
    return r;
}

/* ---- looking ---- */

static int ask_values(StoreAsk *store, bool reveal, const Value **ret, Err *err) {
    const Value *reply;
    int r =
        env_look(store->cli, &store->env, reveal ? "values?reveal=true" : "values", &reply, err);
    *ret = r < 0 ? NULL : value_get(reply, "values");
    return r;
}

static int no_value(const StoreAsk *store, size_t i, Err *err) {
    const char *key = store->words[i], *name = store->env.name;
    return err_set(err, ERR_NOT_FOUND,
                   "%s has no value \"%.60s\"; `thole env store set %s %.60s=…` sets it", name, key,
                   name, key);
}

/* ---- set ---- */

static bool is_pair(const char *word) {
    return strchr(word, '=') != NULL;
}

static int put_pair(const char *pair, JsonWriter *out, Err *err) {
    const char *equals = strchr(pair, '=');
    if (!equals || equals == pair)
        return err_set(err, ERR_INVALID, "thole env store set takes K=V, not \"%.60s\"", pair);
    if (!utf8_valid(pair, strlen(pair)))
        return err_set(err, ERR_INVALID, "the value of %.*s is not UTF-8", (int)(equals - pair),
                       pair);
    AUTO_FREE char *key = xstrndup(pair, (size_t)(equals - pair));
    json_kv_string(out, key, equals + 1);
    return 0;
}

/* Of what is given twice the last counts: an object may have a key once only. */
static bool given_again(const StoreAsk *store, size_t i) {
    size_t n = strcspn(store->words[i], "=");
    for (size_t k = i + 1; k < store->n; k++)
        if (strncmp(store->words[k], store->words[i], n) == 0 &&
            (!store->words[k][n] || store->words[k][n] == '='))
            return true;
    return false;
}

static int set(Cli *cli, const EnvOptions *ask, Err *err) {
    StoreAsk store = words_of(cli);
    Buf body;
    JsonWriter out;
    if (!store.n || (store.n == 1 && !is_pair(store.words[0])))
        return err_set(err, ERR_INVALID, "thole env store set takes [NAME] K=V…");
    int place = !is_pair(store.words[0])             ? FIRST
                : !is_pair(store.words[store.n - 1]) ? LAST
                                                     : NO_WORD;
    if (find(&store, place, err) < 0)
        return -1;
    buf_init(&body, MAX_REQUEST_BYTES);
    json_writer_init(&out, &body);
    json_object_begin(&out);
    int r = 0;
    for (size_t i = 0; r == 0 && i < store.n; i++)
        if (!given_again(&store, i))
            r = put_pair(store.words[i], &out, err);
    json_object_end(&out);
    if (r == 0)
        r = change(&store, &body, err);
    buf_deinit(&body);
    return r;
}

/* ---- unset ---- */

static int unset(Cli *cli, const EnvOptions *ask, Err *err) {
    StoreAsk store = words_of(cli);
    const Value *values;
    Buf body;
    JsonWriter out;
    if (!store.n)
        return err_set(err, ERR_INVALID, "thole env store unset takes [NAME] K…");
    if (find(&store, place_among_keys(&store), err) < 0 ||
        ask_values(&store, false, &values, err) < 0)
        return -1;
    for (size_t i = 0; i < store.n; i++)
        if (!value_get(values, store.words[i]))
            return no_value(&store, i, err);
    buf_init(&body, MAX_REQUEST_BYTES);
    json_writer_init(&out, &body);
    json_object_begin(&out);
    for (size_t i = 0; i < store.n; i++) {
        if (given_again(&store, i))
            continue;
        json_key(&out, store.words[i]);
        json_null(&out);
    }
    json_object_end(&out);
    int r = change(&store, &body, err);
    buf_deinit(&body);
    return r;
}

/* ---- get, list ---- */

static int get(Cli *cli, const EnvOptions *ask, Err *err) {
    StoreAsk store = words_of(cli);
    const Value *values;
    if (store.n < 1 || store.n > 2)
        return err_set(err, ERR_INVALID, "thole env store get takes [NAME] K");
    int place = place_among_keys(&store);
    if (find(&store, store.n == 2 && place == NO_WORD ? FIRST : place, err) < 0 ||
        ask_values(&store, true, &values, err) < 0)
        return -1;
    const Value *value = value_get(values, store.words[0]);
    if (!value)
        return no_value(&store, 0, err);
    if (env_as_json(cli))
        cli_print(cli, value);
    else
        puts(value_str(value) ? value_str(value) : "");
    return EXIT_DONE;
}

/* Is it a line of the value? */
static bool has_line(const char *value, const char *line) {
    size_t n = strlen(line);
    for (const char *at = value; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, line, n) == 0 && (!at[n] || at[n] == '\n'))
            return true;
    return false;
}

/* As a hook would print it: K=V, or, over several lines, K<<END. */
static void print_value(const char *key, const char *value) {
    AUTO_FREE char *end = xstrdup("END");
    if (!strchr(value, '\n')) {
        printf("%s=%s\n", key, value);
        return;
    }
    for (int i = 2; has_line(value, end); i++) {
        free(end);
        end = xasprintf("END%d", i);
    }
    printf("%s<<%s\n%s\n%s\n", key, end, value, end);
}

static int list(Cli *cli, const EnvOptions *ask, Err *err) {
    StoreAsk store = words_of(cli);
    const Value *values;
    if (store.n > 1)
        return err_set(err, ERR_INVALID, "thole env store list takes at most a NAME");
    if (find(&store, store.n ? FIRST : NO_WORD, err) < 0 ||
        ask_values(&store, ask->reveal, &values, err) < 0)
        return -1;
    if (env_as_json(cli)) {
        cli_print(cli, values);
        return EXIT_DONE;
    }
    for (size_t i = 0; value_is(values, VALUE_MAP) && i < values->map.n; i++)
        print_value(values->map.at[i].key, env_text(values, values->map.at[i].key));
    return EXIT_DONE;
}

int env_store(Cli *cli, const EnvOptions *ask, Err *err) {
    static const struct {
        const char *name;
        int (*run)(Cli *cli, const EnvOptions *ask, Err *err);
    } verbs[] = {{"set", set}, {"get", get}, {"list", list}, {"unset", unset}};
    const char *names[COUNT(verbs)];
    for (size_t i = 0; i < COUNT(verbs); i++) {
        names[i] = verbs[i].name;
        if (strcmp(verbs[i].name, cli->names.at[1]) == 0)
            return verbs[i].run(cli, ask, err);
    }
    err_set(err, ERR_INVALID, "thole env store takes set, get, list or unset, not \"%.40s\"",
            cli->names.at[1]);
    return err_suggest(err, str_suggest(cli->names.at[1], names, COUNT(names)), "");
}
