/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local/workflow_script.h"

#include <string.h>
#include <strings.h>

#include "base/path.h"
#include "spec/foreign/shell_quote.h"

enum { SCRIPT_MAX = 64 << 20 };

typedef enum ShellKind { SHELL_POSIX, SHELL_FISH, SHELL_UNKNOWN } ShellKind;

static bool among(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

static ShellKind kind_of(const char *image) {
    static const char *const posix[] = {"ash", "bash", "dash", "ksh", "mksh", "sh", "zsh"};
    const char *name = path_base(image);
    if (strcasecmp(name, "fish") == 0)
        return SHELL_FISH;
    return among(name, posix, COUNT(posix)) ? SHELL_POSIX : SHELL_UNKNOWN;
}

const char *shell_refused(const char *image) {
    static const char *const foreign[] = {"cmd",  "cmd.exe",    "nu",
                                          "pwsh", "powershell", "powershell.exe"};
    if (among(path_base(image), foreign, COUNT(foreign)))
        return "its commands cannot be told apart here; use sh, bash, zsh or fish, or an "
               "entrypoint of your own";
    return NULL;
}

bool image_of_container(const char *image) {
    return image[0] != '/' && image[0] != '.' && strpbrk(image, "/:@");
}

const char *shell_script(const Step *step, Arena *arena) {
    bool fish = kind_of(step->image) == SHELL_FISH;
    Buf text;
    buf_init(&text, SCRIPT_MAX);
    if (!fish) /* one pipe: what is read of it is in the order in which it was written */
        buf_puts(&text, "exec 2>&1\n");
    for (size_t i = 0; i < step->commands.n; i++) {
        const char *shown = arena_printf(arena, "+ %s", step->commands.at[i]);
        buf_printf(&text, "printf '%%s\\n' %s\n%s%s\n", shell_quote(shown, arena),
                   step->commands.at[i], fish ? " || exit $status" : "");
    }
    const char *script = text.failed ? NULL : arena_strdup(arena, buf_cstr(&text));
    buf_deinit(&text);
    return script;
}

/* $0: the shell, $1: the file. */
static const char trial[] =
    "[ \"$(\"$0\" -e -c 'x=o; y=${x}k; printf %s \"$y\"' </dev/null 2>/dev/null)\" = ok ] || {\n"
    "echo \"$0 was taken for a POSIX shell and is none; name sh, bash, zsh or fish as image\" >&2\n"
    "exit 126; }\n"
    "exec \"$0\" -e \"$1\"";

StrList shell_argv(const Step *step, const char *path, Arena *arena) {
    const char *posix[] = {step->image, "-e", path};
    const char *fish[] = {"/bin/sh", "-c", "exec \"$0\" \"$1\" 2>&1", step->image, path};
    const char *unknown[] = {"/bin/sh", "-c", trial, step->image, path};
    switch (kind_of(step->image)) {
    case SHELL_POSIX: return (StrList){arena_dup(arena, posix, sizeof(posix)), COUNT(posix)};
    case SHELL_FISH: return (StrList){arena_dup(arena, fish, sizeof(fish)), COUNT(fish)};
    case SHELL_UNKNOWN: break;
    }
    return (StrList){arena_dup(arena, unknown, sizeof(unknown)), COUNT(unknown)};
}
