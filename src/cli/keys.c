/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/keys.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { SHIFT = 1, META = 2, CONTROL = 4, DELETE = 0x7f, KEYS_MOST = 16 };

typedef struct Key {
    const char *name, *bytes;
    char final; /* a cursor key: ESC [ 1 ; modifiers final */
} Key;

static const Key named[] = {
    {"Enter", "\r", 0},         {"Escape", "\033", 0},    {"Tab", "\t", 0},
    {"Space", " ", 0},          {"BSpace", "\177", 0},    {"BTab", "\033[Z", 0},
    {"Up", "\033[A", 'A'},      {"Down", "\033[B", 'B'},  {"Right", "\033[C", 'C'},
    {"Left", "\033[D", 'D'},    {"Home", "\033[H", 'H'},  {"End", "\033[F", 'F'},
    {"PageUp", "\033[5~", 0},   {"PPage", "\033[5~", 0},  {"PgUp", "\033[5~", 0},
    {"PageDown", "\033[6~", 0}, {"NPage", "\033[6~", 0},  {"PgDn", "\033[6~", 0},
    {"IC", "\033[2~", 0},       {"Insert", "\033[2~", 0}, {"DC", "\033[3~", 0},
    {"Delete", "\033[3~", 0},   {"F1", "\033OP", 0},      {"F2", "\033OQ", 0},
    {"F3", "\033OR", 0},        {"F4", "\033OS", 0},      {"F5", "\033[15~", 0},
    {"F6", "\033[17~", 0},      {"F7", "\033[18~", 0},    {"F8", "\033[19~", 0},
    {"F9", "\033[20~", 0},      {"F10", "\033[21~", 0},   {"F11", "\033[23~", 0},
    {"F12", "\033[24~", 0},
};

static unsigned take_modifiers(const char **word) {
    unsigned modifiers = 0;
    for (;; *word += 2) {
        const char *at = *word;
        unsigned bit = at[0] == 'C' ? CONTROL : at[0] == 'M' ? META : at[0] == 'S' ? SHIFT : 0;
        if (!bit || at[1] != '-' || !at[2])
            return modifiers;
        modifiers |= bit;
    }
}

static const Key *find(const char *name) {
    for (size_t i = 0; i < COUNT(named); i++)
        if (strcmp(named[i].name, name) == 0)
            return &named[i];
    return NULL;
}

/* The byte that control makes of a character; -1: none. */
static int control_of(char c) {
    if (c == '?')
        return DELETE;
    if (c == ' ')
        return 0;
    c = (char)toupper((unsigned char)c);
    return c >= '@' && c <= '_' ? c & 0x1f : -1;
}

static bool put_character(Buf *to, char c, unsigned modifiers) {
    int byte = modifiers & CONTROL ? control_of(c) : modifiers & SHIFT ? toupper(c) : c;
    if (byte < 0 || !modifiers)
        return false;
    if (modifiers & META)
        buf_putc(to, '\033');
    buf_putc(to, (char)byte);
    return true;
}

bool keys_put(Buf *to, const char *word, bool newline) {
    unsigned modifiers = take_modifiers(&word);
    const Key *key = find(word);
    if (!key && word[0] == '^' && word[1] && !word[2])
        return put_character(to, word[1], modifiers | CONTROL);
    if (!key)
        return word[0] && !word[1] && put_character(to, word[0], modifiers);
    if (key->final && modifiers) {
        buf_printf(to, "\033[1;%u%c", 1 + modifiers, key->final);
        return true;
    }
    if (strcmp(key->name, "Space") == 0 && modifiers & CONTROL)
        return put_character(to, ' ', modifiers);
    if (modifiers & META)
        buf_putc(to, '\033');
    buf_puts(to, newline && strcmp(key->name, "Enter") == 0 ? "\n" : key->bytes);
    return true;
}

int keys_parse_sequence(const char *text, Buf *ret, Err *err) {
    size_t n = 0;
    if (strcmp(text, "none") == 0)
        return 0;
    for (const char *at = text;; n++) {
        size_t size = strcspn(at, ",");
        bool long_form = strncmp(at, "ctrl-", 5) == 0 && size == 6;
        AUTO_FREE char *word = long_form ? xasprintf("C-%c", at[5]) : xstrndup(at, size);
        bool plain = word[0] && !word[1];
        if (n == KEYS_MOST || (!plain && !keys_put(ret, word, false)))
            return err_set(err, ERR_INVALID,
                           "\"%.40s\" are no keys; write them as C-p,C-q, or none", text);
        if (plain)
            buf_putc(ret, word[0]);
        if (!at[size])
            return 0;
        at += size + 1;
    }
}
