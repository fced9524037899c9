/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prefix.h"
#include "base/columns.h"
#include "cli/table.h"
#include "harness/test.h"

static char *printed(Prefix *prefix, const LogEntry *entry) {
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    prefix_print(prefix, entry, to);
    fclose(to);
    return text;
}

static LogEntry line(const char *target, const char *text) {
    return (LogEntry){.target = target, .bytes = text, .size = strlen(text), .stream = LOG_OUT};
}

static void check_line(Prefix *prefix, LogEntry entry, const char *expected) {
    char *text = printed(prefix, &entry);
    CHECK_STR(text, expected);
    free(text);
}

TEST(lines_without_a_terminal_are_plain)
{
    Prefix prefix = {0};
    check_line(&prefix, line("longer:serve", "hi"), "longer:serve | hi\n");
    check_line(&prefix, line("a:serve", "x\ry\033[31m"), "a:serve | x\ry\033[31m\n");
    LogEntry gap = line("a:serve", "5 bytes are missing");
    gap.stream = LOG_GAP;
    check_line(&prefix, gap, "a:serve | [thole: 5 bytes are missing]\n");
}

TEST(lines_in_a_terminal_are_aligned_and_harmless)
{
    Prefix prefix = {.terminal = true};
    prefix_widen(&prefix, "longer:serve");
    check_line(&prefix, line("a:serve", "hi"), "a:serve      │ hi\n");
    check_line(&prefix, line("a:serve", "10%\r20%\r30%\r"), "a:serve      │ 30%\n");
    check_line(&prefix, line("a:serve", "\033[31mred"), "a:serve      │ \033[31mred\033[0m\n");
    prefix_widen(&prefix, "a-name-that-is-much-too-long-for-a-column:serve");
    CHECK(prefix.width <= 24);
}

TEST(a_target_keeps_its_colour)
{
    Prefix prefix = {.terminal = true, .color = true};
    LogEntry entry = line("a:serve", "hi");
    char *first = printed(&prefix, &entry), *second = printed(&prefix, &entry);
    CHECK_STR(first, second);
    CHECK_HAS(first, "\033[0m");
    free(first);
    free(second);
}

/* Prints and frees it. */
static const char *table_printed(Table *table) {
    static char text[1000];
    char path[200];
    snprintf(path, sizeof(path), "%s/out", test_dir());
    ASSERT(freopen(path, "w", stdout));
    table_print(table);
    fflush(stdout);
    FILE *from = fopen(path, "r");
    text[fread(text, 1, sizeof(text) - 1, from)] = '\0';
    fclose(from);
    ASSERT(freopen("/dev/null", "w", stdout));
    return text;
}

TEST(columns_are_as_wide_as_their_widest_cell)
{
    static const char *const titles[] = {"NAME", "STATE", "WHY"};
    Table *table = table_new(titles, 3, false);
    table_row(table, (const char *[]){"größer", "ok", "because"}, NULL);
    table_row(table, (const char *[]){"x", "waiting", ""}, NULL);
    CHECK_STR(table_printed(table),
              "NAME    STATE    WHY\ngrößer  ok       because\nx       waiting\n");
}

TEST(what_is_of_little_use_gives_way_to_a_narrow_terminal)
{
    static const char *const titles[] = {"STEP", "STATUS", "AGE", "MACHINE", "WHY"};
    static const struct {
        size_t width;
        const char *row;
    } rows[] = {
        {72, "a_step_of_a_long_name  failed  12s  largo    the reason is a long one\n"},
        {62, "a_step_of_a_long_name  failed  12s  largo    the reason is a …\n"},
        {52, "a_step_of…ong_name  failed  12s  largo    the reaso…\n"},
        {50, "a_step_o…ng_name  failed  12s  largo    the reaso…\n"},
        {49, "a_step_of_a_long_name  failed  12s  the reason i…\n"},
        {36, "a_step_o…ng_name  failed  the reaso…\n"},
        {30, "a_step_o…ng_name  failed  the…\n"},
        {10, "a_ste…name\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Table *table = table_new(titles, COUNT(titles), true);
        table_row(table,
                  (const char *[]){"a_step_of_a_long_name", "failed", "12s", "largo",
                                   "the reason is a long one"},
                  NULL);
        table_fit(table, &(TableFit){.cut = 4, .stay = 2}, rows[i].width);
        const char *text = table_printed(table), *row = strchr(text, '\n') + 1;
        CHECK_STR(row, rows[i].row);
        for (const char *end; *text; text = end + 1) {
            end = strchr(text, '\n');
            AUTO_FREE char *line = strndup(text, (size_t)(end - text));
            CHECK(columns_of(line) <= rows[i].width);
        }
    }
}
