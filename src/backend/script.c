/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/script.h"

#include <stdint.h>
#include <string.h>

#include "base/base64.h"

const char *const script_entrypoint[] = {
    "/bin/sh", "-c", "echo $" SCRIPT_VARIABLE " | base64 -d | /bin/sh -e", NULL};

static const char begin[] = "\n"
                            "if [ -n \"$CI_NETRC_MACHINE\" ]; then\n"
                            "cat <<EOF > $HOME/.netrc\n"
                            "machine $CI_NETRC_MACHINE\n"
                            "login $CI_NETRC_USERNAME\n"
                            "password $CI_NETRC_PASSWORD\n"
                            "EOF\n"
                            "chmod 0600 $HOME/.netrc\n"
                            "fi\n"
                            "unset CI_NETRC_USERNAME\n"
                            "unset CI_NETRC_PASSWORD\n"
                            "unset CI_SCRIPT\n";

void script_quote(const char *word, Buf *out) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_@%+=:,./-";
    if (word[0] && word[strspn(word, plain)] == '\0') {
        buf_puts(out, word);
        return;
    }
    buf_putc(out, '\'');
    for (const char *at = word; *at; at++) {
        if (*at == '\'')
            buf_puts(out, "'\"'\"'");
        else
            buf_putc(out, *at);
    }
    buf_putc(out, '\'');
}

/* In double quotes, as it always was, unless they would not hold it. */
static void put_directory(const char *path, Buf *out) {
    if (strpbrk(path, "\"$`\\"))
        script_quote(path, out);
    else
        buf_printf(out, "\"%s\"", path);
}

static void go_to(const char *path, Buf *out) {
    if (!path || !path[0])
        return;
    buf_puts(out, "mkdir -p ");
    put_directory(path, out);
    buf_puts(out, "\ncd ");
    put_directory(path, out);
    buf_putc(out, '\n');
}

void script_put(const Step *step, Buf *out) {
    buf_puts(out, begin);
    go_to(step->working_dir, out);
    for (size_t i = 0; i < step->commands.n; i++) {
        buf_puts(out, "\necho + ");
        script_quote(step->commands.at[i], out);
        buf_printf(out, "\n%s\n", step->commands.at[i]);
    }
}

void script_put_encoded(const Step *step, Buf *out) {
    Buf script;
    buf_init(&script, SIZE_MAX / 4);
    script_put(step, &script);
    base64_put(out, script.p, script.n);
    buf_deinit(&script);
}
