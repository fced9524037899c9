/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ready_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "base/xalloc.h"

enum { PORTS_MOST = 8, TEXT_BYTES = 4096 };

void ready_line_note(ReadyLine *line, const Seen *seen, const char *before) {
    bool file = target_is_file(&seen->view) && before[0]; /* it was read again */
    if (file || seen_is(seen, "failed") || seen_is(seen, "backoff"))
        line->news = true;
}

/* What was quick to come back is seen as ready twice, and between as nothing else. */
static bool runs_anew(const Targets *targets) {
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        bool counts = seen->chosen && !seen->deleted && !target_is_file(&seen->view);
        if (counts && target_run(&seen->view) != seen->run_told)
            return true;
    }
    return false;
}

static void tell_runs(const Targets *targets) {
    for (size_t i = 0; i < targets->all.n; i++)
        targets->all.at[i]->run_told = target_run(&targets->all.at[i]->view);
}

bool ready_line_due(ReadyLine *line, const Targets *targets, const Outcome *outcome) {
    bool all = targets->all.n > 0 && !outcome->pending && !outcome->failed;
    line->lost |= !all;
    if (!all || (line->said && !(line->news && (line->lost || runs_anew(targets)))))
        return false;
    *line = (ReadyLine){.said = true};
    tell_runs(targets);
    return true;
}

static void put_ports(const TargetView *view, size_t *n, Buf *to) {
    for (size_t i = 0; i < value_count(view->ports); i++, (*n)++) {
        const Value *port = value_at(view->ports, i);
        const char *name = value_get_str(port, "name");
        if (*n < PORTS_MOST)
            buf_printf(to, "%s%s%s%s %lld", *n ? ", " : "; ", view->resource, name ? " " : "",
                       name ? name : "", (long long)value_get_int(port, "port", 0));
        else if (*n == PORTS_MOST)
            buf_puts(to, ", …");
    }
}

static void put_count(size_t n, const char *one, const char *many, Buf *to) {
    if (n)
        buf_printf(to, "%s%zu %s", to->n ? ", " : "", n, n == 1 ? one : many);
}

char *ready_line_text(const Targets *targets) {
    size_t servers = 0, jobs = 0, scheduled = 0, ports = 0;
    Buf text;
    buf_init(&text, TEXT_BYTES);
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        if (!seen->chosen || seen->deleted || target_is_file(&seen->view))
            continue;
        servers += seen->view.phase == PHASE_ACTIVE || target_lazy(&seen->view);
        scheduled += target_scheduled(&seen->view);
        jobs += seen->view.phase == PHASE_TERMINATED;
    }
    put_count(servers, "server", "servers", &text);
    put_count(jobs, "job done", "jobs done", &text);
    put_count(scheduled, "job scheduled", "jobs scheduled", &text);
    if (!text.n)
        buf_puts(&text, "nothing in it starts by itself, `thole start NAME` does");
    for (size_t i = 0; i < targets->all.n; i++) {
        const Seen *seen = targets->all.at[i];
        if (seen->chosen && !seen->deleted && (seen_is(seen, "ready") || target_lazy(&seen->view)))
            put_ports(&seen->view, &ports, &text);
    }
    char *owned = xstrdup(buf_cstr(&text));
    buf_deinit(&text);
    return owned;
}
