/* SPDX-License-Identifier: Apache-2.0 */
/* crasher LEDGER ROUNDS: appends "start <ns>" to the ledger and, the first ROUNDS times, "exit
 * <ns>" before it fails; then it stays. What lies between an exit and the next start is what a
 * restart costs. */
#include "bench.h"

#include <sys/stat.h>

enum { ENTRY = 26 }; /* bytes of a line, so that the file's size counts the lines */

static void note(int ledger, const char *word) {
    char line[ENTRY + 1];
    snprintf(line, sizeof(line), "%-5s %019lld\n", word, (long long)now_ns());
    write_all(ledger, line, ENTRY);
}

int main(int argc, char **argv) {
    errno = EINVAL;
    if (argc != 3)
        die("usage: crasher LEDGER ROUNDS");
    int ledger = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (ledger < 0)
        die("%s", argv[1]);
    note(ledger, "start");
    struct stat file;
    fstat(ledger, &file);
    if (file.st_size / ENTRY > 2 * number(argv[2])) {
        for (;;)
            pause();
    }
    note(ledger, "exit");
    _exit(1);
}
