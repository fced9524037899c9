/* SPDX-License-Identifier: Apache-2.0 */
/* A timeline as a picture: one file, no script, colours for light and dark. */
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "plan/timeline.h"
#include "plan/timeline_scale.h"

enum {
    PAGE = 1080, /* width */
    MARGIN = 24,
    TOP = 76,       /* of the first row */
    ROW = 26,       /* height */
    BAR = 14,       /* height */
    NAMES = 190,    /* width */
    OUTCOMES = 210, /* width */
    BAR_X = MARGIN + NAMES,
    BAR_W = PAGE - MARGIN * 2 - NAMES - OUTCOMES,
    LEGEND = 54, /* height */
    TITLE_MOST = 60,
    NAME_MOST = 26,
    OUTCOME_MOST = 34,
    MARK_PIXELS = 80,
};

/* Not with variables: some that draw pictures do not know them. */
static const char style[] = "<style>\n"
                            "text { font: 12px ui-sans-serif, system-ui, sans-serif; }\n"
                            ".title { font-size: 15px; font-weight: 600; }\n"
                            ".critical { font-weight: 600; }\n"
                            ".edge { fill: none; stroke-width: 1.5; }\n"
                            ".paper { fill: #ffffff; }\n"
                            "text { fill: #1f2328; }\n"
                            ".faint { fill: #656d76; }\n"
                            ".critical { fill: #0969da; }\n"
                            ".failed, .bad { fill: #d1383d; }\n"
                            ".line { stroke: #d8dee4; }\n"
                            ".wait { fill: #c8ced5; }\n"
                            ".start { fill: #e0b23c; }\n"
                            ".ready, .run { fill: #2da160; }\n"
                            ".edge { stroke: #0969da; }\n"
                            "@media (prefers-color-scheme: dark) {\n"
                            "  .paper { fill: #0d1117; }\n"
                            "  text { fill: #e6edf3; }\n"
                            "  .faint { fill: #8b949e; }\n"
                            "  .critical { fill: #58a6ff; }\n"
                            "  .failed, .bad { fill: #f0575c; }\n"
                            "  .line { stroke: #2b3138; }\n"
                            "  .wait { fill: #3d444d; }\n"
                            "  .start { fill: #c99a2e; }\n"
                            "  .ready, .run { fill: #3fb96f; }\n"
                            "  .edge { stroke: #58a6ff; }\n"
                            "}\n"
                            "</style>\n";

/* ---- pieces ---- */

/* As text of XML, at most `most` characters; what XML cannot hold becomes a question mark. */
static void put_text(Buf *out, const char *text, size_t most) {
    size_t n = 0;
    if (!utf8_valid(text, strlen(text)))
        text = "?";
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if ((c & 0xc0) != 0x80 && n++ == most) {
            buf_puts(out, "…");
            return;
        }
        if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
            buf_printf(out, "&#%d;", c);
        else
            buf_putc(out, c < ' ' || c == 127 ? '?' : *text);
    }
}

static void put_label(Buf *out, int x, int y, const char *class, const char *anchor) {
    buf_printf(out, "<text x=\"%d\" y=\"%d\"%s%s%s%s%s%s>", x, y, class ? " class=\"" : "",
               class ? class : "", class ? "\"" : "", anchor ? " text-anchor=\"" : "",
               anchor ? anchor : "", anchor ? "\"" : "");
}

static double x_of(const Timeline *t, int64_t us) {
    int64_t range = t->to_us > t->from_us ? t->to_us - t->from_us : 1;
    return BAR_X + (double)(us - t->from_us) * BAR_W / (double)range;
}

/* ---- parts ---- */

static void put_axis(const Timeline *t, Buf *out) {
    int64_t range_ms = (t->to_us - t->from_us) / 1000;
    int64_t step = scale_step_ms(range_ms, BAR_W / MARK_PIXELS);
    int bottom = TOP + (int)t->n * ROW;
    for (int64_t ms = 0; ms <= range_ms; ms += step) {
        char text[DURATION_TEXT];
        double x = x_of(t, t->from_us + ms * 1000);
        scale_label(ms, text);
        buf_printf(out, "<line class=\"line\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>\n", x,
                   TOP - 6, x, bottom);
        put_label(out, (int)x, TOP - 12, "faint", "middle");
        buf_printf(out, "%s</text>\n", text);
    }
}

static void put_span(const Timeline *t, const TimelineRow *row, const Span *span, int y, Buf *out) {
    char took[DURATION_TEXT];
    double x = x_of(t, span->from_us), width = x_of(t, span->to_us) - x;
    duration_format_short((span->to_us - span->from_us) / 1000, took);
    buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\">",
               span_kind_name(span->kind), x, y, width > 1.5 ? width : 1.5, BAR);
    buf_puts(out, "<title>");
    put_text(out, row->target, SIZE_MAX);
    buf_printf(out, " %s %s", span_kind_name(span->kind), took);
    if (span->run)
        buf_printf(out, ", run %u", span->run);
    buf_printf(out, "%s</title></rect>\n", span->failed ? ", failed" : "");
}

static void put_row(const Timeline *t, size_t i, Buf *out) {
    const TimelineRow *row = &t->rows[i];
    int top = TOP + (int)i * ROW, y = top + (ROW - BAR) / 2, base = top + ROW / 2 + 4;
    Arena arena;
    arena_init(&arena);
    put_label(out, BAR_X - 12, base, row->critical ? "critical" : NULL, "end");
    put_text(out, row->target, NAME_MOST);
    buf_puts(out, "</text>\n");
    for (size_t s = 0; s < row->n; s++)
        put_span(t, row, &row->spans[s], y, out);
    for (size_t s = 0; s < row->n; s++)
        if (row->spans[s].failed)
            buf_printf(out, "<circle class=\"bad\" cx=\"%.1f\" cy=\"%d\" r=\"5\"/>\n",
                       x_of(t, row->spans[s].to_us), y + BAR / 2);
    put_label(out, BAR_X + BAR_W + 12, base, row->failed ? "failed" : "faint", NULL);
    put_text(out, timeline_outcome(row, t, &arena), OUTCOME_MOST);
    buf_puts(out, "</text>\n");
    arena_deinit(&arena);
}

static const TimelineRow *find(const Timeline *t, const char *target, size_t *ret) {
    for (*ret = 0; *ret < t->n; ++*ret)
        if (strcmp(t->rows[*ret].target, target) == 0)
            return &t->rows[*ret];
    return NULL;
}

/* From the end of one step to the row of the next. */
static void put_path(const Timeline *t, Buf *out) {
    for (size_t i = 0; i + 1 < t->path_n; i++) {
        size_t from, to;
        const TimelineStep *step = &t->path[i];
        if (!find(t, step->target, &from) || !find(t, t->path[i + 1].target, &to) ||
            step->to_us < t->from_us || step->to_us > t->to_us)
            continue;
        double x = x_of(t, step->to_us);
        int down = to > from ? 1 : -1;
        buf_printf(out, "<path class=\"edge\" d=\"M%.1f %d V%d\"/>\n", x,
                   TOP + (int)from * ROW + ROW / 2 + down * BAR / 2,
                   TOP + (int)to * ROW + ROW / 2 - down * BAR / 2);
    }
}

static void put_legend(const Timeline *t, Buf *out) {
    static const struct {
        const char *class, *text;
        int width;
    } words[] = {{"wait", "waits", 70},
                 {"start", "starts, or is not ready", 162},
                 {"run", "runs, is ready", 112},
                 {"bad", "failed", 70}};
    int x = BAR_X, y = TOP + (int)t->n * ROW + 22;
    for (size_t i = 0; i < COUNT(words); x += words[i++].width) {
        buf_printf(out,
                   "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"10\" height=\"10\" rx=\"2\"/>\n",
                   words[i].class, x, y - 9);
        put_label(out, x + 15, y, "faint", NULL);
        buf_printf(out, "%s</text>\n", words[i].text);
    }
    put_label(out, x, y, "critical", NULL);
    buf_puts(out, "critical path</text>\n");
}

static void put_head(const Timeline *t, const char *title, Buf *out) {
    char text[DURATION_TEXT], day[TIME_TEXT];
    time_format_seconds(t->from_us, day);
    put_label(out, MARGIN, MARGIN + 10, "title", NULL);
    put_text(out, title, TITLE_MOST);
    buf_puts(out, "</text>\n");
    put_label(out, PAGE - MARGIN, MARGIN + 10, "faint", "end");
    buf_printf(out, "%s", day);
    if (t->settled_us) {
        duration_format_short((t->settled_us - t->path[0].from_us) / 1000, text);
        if (!t->failed && timeline_unsettled(t))
            buf_puts(out, " · not everything became ready or done");
        else
            buf_printf(out, " · %s after %s", t->failed ? "failed" : "ready or done", text);
    }
    buf_puts(out, "</text>\n");
}

void timeline_svg(const Timeline *timeline, const char *title, Buf *out) {
    int height = TOP + (int)timeline->n * ROW + LEGEND;
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\" role=\"img\">\n",
               PAGE, height, PAGE, height);
    buf_puts(out, "<title>");
    put_text(out, title, SIZE_MAX);
    buf_puts(out, "</title>\n");
    buf_puts(out, style);
    buf_printf(out, "<rect class=\"paper\" width=\"%d\" height=\"%d\" rx=\"8\"/>\n", PAGE, height);
    put_head(timeline, title, out);
    put_axis(timeline, out);
    for (size_t i = 0; i < timeline->n; i++)
        put_row(timeline, i, out);
    put_path(timeline, out);
    put_legend(timeline, out);
    buf_puts(out, "</svg>\n");
}
