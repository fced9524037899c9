/* SPDX-License-Identifier: Apache-2.0 */
/* gen BYTES [WORD]: numbered lines of 100 bytes, as fast as a program can write them; with WORD (8
 * bytes), every thousandth line holds it. */
#include "bench.h"

enum { LINE = 100, LINES = 650, DIGITS = 12, WORD_AT = 40, WORD_SIZE = 8, WORD_EVERY = 1000 };

static void number_put(char *at, long n) {
    for (int i = DIGITS - 1; i >= 0; i--, n /= 10)
        at[i] = (char)('0' + n % 10);
}

static void line_fill(char *line, long n, const char *word) {
    number_put(line, n);
    if (word)
        memcpy(line + WORD_AT, n % WORD_EVERY == 0 ? word : "abcdefgh", WORD_SIZE);
}

int main(int argc, char **argv) {
    static char block[LINE * LINES];
    const char *word = argc > 2 ? argv[2] : NULL;
    errno = EINVAL;
    if (argc < 2 || (word && strlen(word) != WORD_SIZE))
        die("usage: gen BYTES [WORD of %d bytes]", WORD_SIZE);
    for (int i = 0; i < LINE * LINES; i++)
        block[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + i % LINE % 26);
    long left = number(argv[1]);
    for (long n = 0; left > 0; n += LINES) {
        for (int i = 0; i < LINES; i++)
            line_fill(block + i * LINE, n + i, word);
        long size = left < (long)sizeof(block) ? left : (long)sizeof(block);
        write_all(STDOUT_FILENO, block, (size_t)size);
        left -= size;
    }
    return 0;
}
