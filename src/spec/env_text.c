/* SPDX-License-Identifier: Apache-2.0 */
#include "spec/env_text.h"

#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "spec/names.h"

static bool is_bare(const char *value) {
    static const char bytes[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,=-";
    return value[strspn(value, bytes)] == '\0';
}

/* In which quotes the value stands; 0: in none of them, and *ret_why says what it has. */
static char quote_of(const char *value, const char **ret_why) {
    bool breaks = strpbrk(value, "\n\r") || strstr(value, "\u2028") || strstr(value, "\u2029");
    if (!utf8_valid(value, strlen(value)))
        *ret_why = "bytes that are not UTF-8";
    else if (breaks)
        *ret_why = "a line break";
    else if (strchr(value, '\''))
        *ret_why = strpbrk(value, "$\"\\`") ? "a single quote, and one of $ \" \\ `" : NULL;
    else if (strstr(value, "${"))
        *ret_why = "a \"${\"";
    else if (strstr(value, "\\\\"))
        *ret_why = "two backslashes in a row";
    else
        *ret_why = str_ends(value, "\\") ? "a backslash at its end" : NULL;
    return *ret_why ? '\0' : strchr(value, '\'') ? '"' : '\'';
}

static int check(const StrPair *pair, Err *err) {
    const char *why, *wrong = check_env_name(pair->name);
    if (wrong)
        return err_set(err, ERR_INVALID, "\"%.60s\": %s", pair->name, wrong);
    if (is_bare(pair->value) || quote_of(pair->value, &why))
        return 0;
    return err_set(err, ERR_INVALID,
                   "the value of %s has %s: sh, docker compose and the dotenv libraries would not "
                   "read it alike; encode it, in base64 for example",
                   pair->name, why);
}

static void put_line(const StrPair *pair, Buf *out) {
    const char *why;
    char quote = is_bare(pair->value) ? '\0' : quote_of(pair->value, &why);
    buf_printf(out, "%s=", pair->name);
    if (quote)
        buf_putc(out, quote);
    buf_puts(out, pair->value);
    if (quote)
        buf_putc(out, quote);
    buf_putc(out, '\n');
}

static int full(const Buf *out, Err *err) {
    return out->failed ? err_set(err, ERR_LIMIT, "an env file of more than %zu bytes", out->max)
                       : 0;
}

int env_text_put(const StrPair *pair, Buf *out, Err *err) {
    if (check(pair, err) < 0)
        return -1;
    put_line(pair, out);
    return full(out, err);
}

int env_text_write(const StrMap *env, Buf *out, Err *err) {
    for (size_t i = 0; i < env->n; i++)
        if (check(&env->at[i], err) < 0)
            return -1;
    buf_puts(out, ENV_TEXT_HEAD "\n");
    for (size_t i = 0; i < env->n; i++)
        put_line(&env->at[i], out);
    return full(out, err);
}
