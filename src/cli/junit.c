/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/junit.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "cli/log_feed.h"

enum {
    OUT_LINES = 200,      /* of each target, in system-out */
    OUT_BYTES = 64 << 10, /* ... at most; the oldest go */
    LAST_LINES = 20,      /* in a failure */
    FILE_BYTES = 64 << 20,
};

/* ---- XML ---- */

/* What XML cannot hold is written so that it can be seen: \x1b; bytes that are no UTF-8 become
 * U+FFFD. */
static void put_text(Buf *out, const char *text, size_t size) {
    for (size_t i = 0, n; i < size; i += n) {
        unsigned char c = (unsigned char)text[i];
        n = utf8_length(text + i, size - i);
        bool none =
            n == 3 && memcmp(text + i, "\xef\xbf", 2) == 0 && (unsigned char)text[i + 2] >= 0xbe;
        if (n == 0 || none) {
            buf_puts(out, "\xef\xbf\xbd");
            n = n ? n : 1;
        } else if (c == '<' || c == '>' || c == '&' || c == '"') {
            buf_printf(out, "&#%d;", c);
        } else if ((c < ' ' && c != '\n' && c != '\t') || c == 127) {
            buf_printf(out, "\\x%02x", c);
        } else {
            buf_put(out, text + i, n);
        }
    }
}

static void put_attribute(Buf *out, const char *name, const char *text) {
    buf_printf(out, " %s=\"", name);
    put_text(out, text, strlen(text));
    buf_putc(out, '"');
}

static void put_seconds(Buf *out, int64_t ms) {
    buf_printf(out, " time=\"%lld.%03d\"", (long long)(ms / 1000), (int)(ms % 1000));
}

/* ---- logs ---- */

typedef struct Lines {
    Buf text;
} Lines;

static void on_line(void *arg, const LogEntry *entry) {
    Lines *lines = arg;
    size_t excess = lines->text.n + entry->size + 1;
    if (excess > OUT_BYTES && lines->text.n)
        buf_drop(&lines->text,
                 excess - OUT_BYTES < lines->text.n ? excess - OUT_BYTES : lines->text.n);
    buf_put(&lines->text, entry->bytes, entry->size < OUT_BYTES ? entry->size : OUT_BYTES - 1);
    buf_putc(&lines->text, '\n');
}

static void read_log(Cli *cli, const Cases *cases, const Case *it, Lines *ret) {
    const char *name = it->target;
    TextList names = {.at = &name, .n = 1};
    LogAsk ask = {.slug = cases->slug, .names = &names, .tail = OUT_LINES, .run = it->run};
    LogFeed feed;
    buf_init(&ret->text, 2 * OUT_BYTES);
    if (!it->run)
        return;
    log_feed_init(&feed, &cli->client, &ask, on_line, ret);
    log_feed_finish(&feed);
    log_feed_deinit(&feed);
}

/* Where the last n lines begin. */
static const char *last_lines(const Buf *text, size_t n) {
    size_t at = text->n ? text->n - 1 : 0;
    while (at > 0 && (text->p[at - 1] != '\n' || --n > 0))
        at--;
    return buf_cstr(text) + at;
}

/* ---- cases ---- */

static void put_failure(Cli *cli, const Case *it, const Lines *lines, Buf *out) {
    AUTO_FREE char *logs = cli_words(cli, "logs");
    const char *last = last_lines(&lines->text, LAST_LINES);
    buf_puts(out, "<failure");
    put_attribute(out, "message", case_why(it, &cli->arena));
    put_attribute(out, "type", it->reason[0] ? it->reason : "Timeout");
    buf_puts(out, ">");
    put_text(out, it->target, strlen(it->target));
    buf_puts(out, ": ");
    put_text(out, case_why(it, &cli->arena), strlen(case_why(it, &cli->arena)));
    buf_putc(out, '\n');
    if (lines->text.n) {
        put_text(out, last, strlen(last));
        put_text(out, logs, strlen(logs));
        buf_printf(out, " %s --run %lld shows the rest", it->target, (long long)it->run);
    }
    buf_puts(out, "</failure>\n");
}

static void put_case(Cli *cli, const Cases *cases, const Case *it, Buf *out) {
    Lines lines;
    read_log(cli, cases, it, &lines);
    buf_puts(out, "<testcase");
    put_attribute(out, "classname", cases->name);
    put_attribute(out, "name", it->target);
    put_seconds(out, it->ms);
    buf_puts(out, ">\n");
    if (case_is_failure(it, cases)) {
        put_failure(cli, it, &lines, out);
    } else if (!case_is_success(it)) {
        buf_puts(out, "<skipped");
        put_attribute(out, "message", case_why(it, &cli->arena));
        buf_puts(out, "/>\n");
    }
    if (lines.text.n) {
        buf_puts(out, "<system-out>");
        put_text(out, lines.text.p, lines.text.n);
        buf_puts(out, "</system-out>\n");
    }
    buf_puts(out, "</testcase>\n");
    buf_deinit(&lines.text);
}

/* What is wrong and is the fault of no target: a testcase of its own, so that it is seen. */
static void put_problem(const char *name, const char *problem, Buf *out) {
    buf_puts(out, "<testcase");
    put_attribute(out, "classname", name);
    buf_puts(out, " name=\"thole ci\" time=\"0.000\">\n<error");
    put_attribute(out, "message", problem);
    buf_puts(out, " type=\"Session\"/>\n</testcase>\n");
}

typedef struct Counts {
    size_t all, failures, skipped, errors;
} Counts;

static void put_head(const Cases *cases, const Counts *n, Buf *out) {
    char counts[128];
    snprintf(counts, sizeof(counts), " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", n->all,
             n->failures, n->errors);
    buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites%s", counts);
    put_seconds(out, cases->ms);
    buf_puts(out, ">\n<testsuite");
    put_attribute(out, "name", cases->slug);
    buf_printf(out, "%s skipped=\"%zu\"", counts, n->skipped);
    put_seconds(out, cases->ms);
    if (cases->started[0]) /* without fraction and zone, as the schema has it */
        put_attribute(out, "timestamp", cases->started);
    buf_puts(out, ">\n");
}

static int put_file(const char *file, Buf *out, Err *err) {
    int r = out->failed ? err_set(err, ERR_LIMIT, "--junit %s: it would be larger than %d bytes",
                                  file, FILE_BYTES)
                        : file_write(file, buf_cstr(out), out->n, 0666, err);
    buf_deinit(out);
    return r;
}

static int write_all(Cli *cli, const char *file, const Cases *cases, const char *problem,
                     Err *err) {
    Counts n = {.all = cases->n + (problem != NULL), .errors = problem != NULL};
    Buf out;
    for (size_t i = 0; i < cases->n; i++)
        if (case_is_failure(&cases->at[i], cases))
            n.failures++;
        else
            n.skipped += !case_is_success(&cases->at[i]);
    buf_init(&out, FILE_BYTES);
    put_head(cases, &n, &out);
    if (problem)
        put_problem(cases->name, problem, &out);
    for (size_t i = 0; i < cases->n; i++)
        put_case(cli, cases, &cases->at[i], &out);
    buf_puts(&out, "</testsuite>\n</testsuites>\n");
    return put_file(file, &out, err);
}

int junit_write_problem(const char *file, const char *problem, Err *err) {
    static const Cases none = {.slug = "thole ci", .name = "thole", .started = "", .error = ""};
    return write_all(NULL, file, &none, problem, err);
}

int junit_begin(const char *file, Err *err) {
    struct stat st;
    if (strcmp(file, "-") == 0)
        return err_set(err, ERR_INVALID,
                       "--junit -: stdout has what the targets write; name a file");
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "--junit %s: it is no regular file", file);
    if (junit_write_problem(file, "thole ci did not come to its end", err) < 0) {
        err->kind = ERR_INVALID;
        return err_in(err, "--junit");
    }
    return 0;
}

int junit_write(Cli *cli, const char *file, const Cases *cases, const char *problem, Err *err) {
    Cases own = *cases;
    own.started = arena_strndup(&cli->arena, cases->started, strcspn(cases->started, ".Z"));
    bool blamed = false;
    for (size_t i = 0; i < cases->n; i++)
        blamed |= case_is_failure(&cases->at[i], cases);
    if (!problem && cases->error[0] && !blamed)
        problem = cases->error;
    return write_all(cli, file, &own, problem, err);
}
