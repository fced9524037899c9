/* SPDX-License-Identifier: Apache-2.0 */
/* Files of other tools: tests/golden/foreign/<case>/ holds what a project has (one file that is
 * asked for, whatever else it reads, `client.env` for the environment of whoever asks) and
 * `expect`: what is said of it, and the thole.yaml that it means. That text, read as a thole.yaml,
 * must come to the very same config. THOLE_UPDATE=1 writes `expect` anew. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "base/xalloc.h"
#include "data/yaml_write.h"
#include "harness/test.h"
#include "spec/config.h"
#include "spec/env_file.h"
#include "spec/foreign/foreign.h"
#include "spec/foreign/process_compose.h"
#include "spec/foreign/procfile_settings.h"
#include "spec/foreign/substitute.h"

enum { TEXT_MAX = 1 << 20 };

/* --- golden cases --- */

static char *main_file(const char *folder) {
    static const char *const names[] = {
        "compose.yml",          "compose.yaml", "process-compose.yml",
        "process-compose.yaml", "Procfile",     "dev.yaml"};
    for (size_t i = 0; i < COUNT(names); i++) {
        AUTO_FREE char *path = xasprintf("%s/%s", folder, names[i]);
        if (access(path, F_OK) == 0)
            return TAKE(path);
    }
    return NULL;
}

static StrMap client_of(const char *folder, Arena *arena, Report *report) {
    StrMap client = {0};
    size_t size;
    AUTO_FREE char *path = xasprintf("%s/client.env", folder), *text = NULL;
    if (file_read(path, TEXT_MAX, &text, &size, NULL) == 0)
        CHECK(env_file_parse(&(EnvText){path, text, size}, report->arena, report, &client) == 0);
    return client;
}

static void put_without(Buf *out, const char *text, const char *root) {
    size_t n = strlen(root);
    while (*text)
        if (strncmp(text, root, n) == 0) {
            buf_puts(out, "<root>");
            text += n;
        } else {
            buf_putc(out, *text++);
        }
}

static char *encoded(const Config *config) {
    Buf out;
    JsonWriter w;
    buf_init(&out, TEXT_MAX);
    json_writer_init(&w, &out);
    w.pretty = true;
    config_encode(config, true, &w);
    return buf_take(&out);
}

/* Read as a thole.yaml beside it, it means the same. */
static void check_same(const char *folder, const char *yaml, const Config *config, Arena *arena) {
    Report report;
    report_init(&report, arena);
    AUTO_FREE char *file = xasprintf("%s/thole.yaml", folder);
    const Config *again = config_parse(file, yaml, strlen(yaml), arena, &report);
    for (size_t i = 0; i < report.n; i++)
        test_fail(__FILE__, __LINE__, "as a thole.yaml: %s", report_line(&report.at[i], arena));
    if (!again)
        return;
    AUTO_FREE char *a = encoded(config), *b = encoded(again);
    CHECK_STR(b, a);
}

static void describe(const char *folder, Buf *out) {
    Arena arena;
    Report report, said;
    Buf text;
    arena_init(&arena);
    report_init(&report, &arena);
    report_init(&said, &arena);
    buf_init(&text, TEXT_MAX);
    AUTO_FREE char *file = main_file(folder);
    AUTO_FREE char *real = realpath(folder, NULL);
    ASSERT(file && real);
    StrMap client = client_of(folder, &arena, &said);
    const Config *config =
        config_load(&(ConfigAsk){.file = file, .client = &client}, &arena, &report);
    for (size_t i = 0; i < report.n; i++)
        buf_printf(&text, "%s\n", report_line(&report.at[i], &arena));
    const Value *tree = config_translate(file, &client, false, &arena, &said);
    if (tree && config) {
        size_t from = text.n;
        yaml_write(tree, &text);
        check_same(real, buf_cstr(&text) + from, config, &arena);
    }
    put_without(out, buf_cstr(&text), real);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void check_case(const char *folder) {
    AUTO_FREE char *expect = xasprintf("%s/expect", folder), *wanted = NULL;
    Buf got;
    Err err;
    buf_init(&got, 2 * TEXT_MAX);
    describe(folder, &got);
    if (test_updates() && file_write(expect, buf_cstr(&got), got.n, 0644, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s", err.msg);
    if (file_read(expect, 2 * TEXT_MAX, &wanted, NULL, &err) < 0)
        test_fail(__FILE__, __LINE__, "%s (THOLE_UPDATE=1 writes it)", err.msg);
    else if (strcmp(wanted, buf_cstr(&got)) != 0)
        test_fail(__FILE__, __LINE__, "%s gives\n%s\nnot\n%s", folder, buf_cstr(&got), wanted);
    buf_deinit(&got);
}

TEST(foreign_files_mean_a_thole_yaml)
{
    AUTO_FREE char *root = test_source("tests/golden/foreign");
    struct dirent **entries;
    int n = scandir(root, &entries, NULL, alphasort), cases = 0;
    ASSERT(n >= 0);
    for (int i = 0; i < n; i++) {
        AUTO_FREE char *folder = xasprintf("%s/%s", root, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            check_case(folder);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    CHECK(cases > 10);
}

/* --- ${…} --- */

static const char *substituted(const char *text, Arena *arena, Report *report) {
    static StrPair pairs[] = {
        {"EMPTY", ""}, {"NAME", "world"}, {"PATHS", "/a/b/c.tar.gz"}, {"UP", "LOUD"}};
    StrMap env = {pairs, COUNT(pairs)};
    Source source = {.file = "/f.yaml", .report = report, .arena = arena};
    size_t size;
    return substitute(&source, text, strlen(text), &env, &size);
}

TEST(variables_are_put_in)
{
    static const char *const rows[][2] = {
        {"a ${NAME} b", "a world b"},
        {"$NAME $1 $ $(date) ${1} ${} $", "$NAME $1 $ $(date) ${1} ${} $"},
        {"$${NAME} $$NAME $$", "${NAME} $NAME $"},
        {"${NONE}|${EMPTY}", "|"},
        {"${NONE:-x}${EMPTY:-y}${EMPTY-z}${NAME:-n}", "xyworld"},
        {"${NONE=x}${NONE:=y}", "xy"},
        {"${NONE+x}${NAME+y}${EMPTY:+z}${NAME:+v}", "yv"},
        {"${NONE:-${NAME}-${NONE:-deep}}", "world-deep"},
        {"${#NAME} ${#NONE}", "5 0"},
        {"${NAME^} ${NAME^^} ${UP,} ${UP,,}", "World WORLD lOUD loud"},
        {"${NAME:1} ${NAME:1:3} ${NAME:9}", "orld orl "},
        {"${PATHS#*/} ${PATHS##*/} ${PATHS%.*} ${PATHS%%.*}",
         "a/b/c.tar.gz c.tar.gz /a/b/c.tar /a/b/c"},
        {"${PATHS/a/x} ${PATHS//\\//_}", "/x/b/c.tar.gz /a/b/c.tar.gz"},
        {"${NAME//o/0}", "w0rld"},
        {"${NAME", "${NAME"},
    };
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_STR(substituted(rows[i][0], &arena, &report), rows[i][1]);
    CHECK(report.n == 0);
    arena_deinit(&arena);
}

TEST(what_is_not_understood_of_a_variable_has_its_place)
{
    Arena arena;
    Report report;
    arena_init(&arena);
    report_init(&report, &arena);
    CHECK(!substituted("a: b\nc: é ${NAME!x}\n", &arena, &report));
    ASSERT(report.n == 1);
    CHECK_STR(report_line(&report.at[0], &arena),
              "/f.yaml:2:6: ${NAME!x} is not understood; write $$ for a dollar sign");
    arena_deinit(&arena);
}

TEST(env_files_of_others_have_variables)
{
    static const char text[] = "A=one\nB=$A-${A}\nC='$A'\nD=\"x\\n$A \\$A\"\nE=${NONE}x\nF=a$\n";
    Arena arena;
    Report report;
    StrMap map;
    arena_init(&arena);
    report_init(&report, &arena);
    ASSERT(env_file_parse_expanded(&(EnvText){"f", text, strlen(text)}, &arena, &report, &map) ==
           0);
    CHECK_STR(strmap_get(&map, "B"), "one-one");
    CHECK_STR(strmap_get(&map, "C"), "$A");
    CHECK_STR(strmap_get(&map, "D"), "x\none $A");
    CHECK_STR(strmap_get(&map, "E"), "x");
    CHECK_STR(strmap_get(&map, "F"), "a$");
    arena_deinit(&arena);
}

/* --- whose file it is --- */

TEST(languages_are_told_apart)
{
    static const struct {
        const char *file, *text;
        Language language;
    } rows[] = {
        {"/p/thole.yaml", "version: 1\nprocesses: {}\n", LANGUAGE_THOLE},
        {"/p/previewctl.yaml", "processes:\n", LANGUAGE_THOLE},
        {"/p/Procfile", "web: x\n", LANGUAGE_PROCFILE},
        {"/p/Procfile.dev", "processes: x\n", LANGUAGE_PROCFILE},
        {"/p/process-compose.yaml", "extends: base.yaml\n", LANGUAGE_PROCESS_COMPOSE},
        {"/p/compose.yaml", "processes:\n  a: {}\n", LANGUAGE_PROCESS_COMPOSE},
        {"/p/dev.yaml", "version: '0.5'\n\"processes\":\n", LANGUAGE_PROCESS_COMPOSE},
        {"/p/dev.json", " {\"version\": 1, \"processes\": {}}", LANGUAGE_PROCESS_COMPOSE},
        {"/p/compose.yaml", "services:\n  a: {}\n", LANGUAGE_COMPOSE},
        {"/p/docker-compose.yml", "name: x\nservices:\n", LANGUAGE_COMPOSE},
        {"/p/dev.yaml", "version: 1\nservices:\n", LANGUAGE_THOLE},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_EQ(foreign_language(rows[i].file, rows[i].text, strlen(rows[i].text)),
                 rows[i].language);
}

/* --- every key --- */

typedef struct KeyRow {
    const Type *type;
    const char *words; /* keys, separated by spaces */
    PcFate fate;
} KeyRow;

/* All keys of process-compose 1.122, each in one row. */
static const KeyRow pc_rows[] = {
    {&type_pc_project,
     "name environment env_cmds vars processes shell is_strict disable_env_expansion extends "
     "log_location",
     PC_WORKS},
    {&type_pc_project,
     "version log_level log_length log_format is_tui_disabled ordered_shutdown file_names "
     "env_file_names dot_env_vars",
     PC_SILENT},
    {&type_pc_project, "log_configuration", PC_IGNORED},
    {&type_pc_project, "mcp_server", PC_REFUSED},
    {&type_pc_shell, "shell_command shell_argument", PC_WORKS},
    {&type_pc_shell, "elevated_shell_command elevated_shell_argument", PC_SILENT},
    {&type_pc_process,
     "command entrypoint extends description disabled is_disabled working_dir namespace replicas "
     "environment env_file "
     "is_dotenv_disabled vars is_template_disabled depends_on availability success_exit_codes "
     "readiness_probe "
     "liveness_probe ready_log_line shutdown is_daemon is_foreground is_tty is_interactive "
     "schedule watch log_location truncate_log",
     PC_WORKS},
    {&type_pc_process,
     "launch_timeout_seconds monitor_silence_threshold args executable "
     "original_config replica_num "
     "replica_name launch_state",
     PC_SILENT},
    {&type_pc_process, "log_configuration disable_ansi_colors monitor_for", PC_IGNORED},
    {&type_pc_process, "is_elevated mcp", PC_REFUSED},
    {&type_pc_availability, "restart backoff_seconds max_restarts exit_on_end exit_on_skipped",
     PC_WORKS},
    {&type_pc_probe,
     "exec http_get initial_delay_seconds period_seconds timeout_seconds success_threshold "
     "failure_threshold",
     PC_WORKS},
    {&type_pc_http, "host path scheme port num_port headers status_code", PC_WORKS},
    {&type_pc_shutdown, "command timeout_seconds signal", PC_WORKS},
    {&type_pc_shutdown, "parent_only send_keys", PC_REFUSED},
    {&type_pc_schedule, "cron timezone interval run_on_start max_concurrent", PC_WORKS},
    {&type_pc_watch, "paths cascade debounce", PC_WORKS},
    {&type_pc_watch, "max_entries buffer_size", PC_SILENT},
    {&type_pc_watch, "disable_default_excludes", PC_REFUSED},
};

static bool type_has(const Type *type, const char *key) {
    for (size_t i = 0; i < type->field_n; i++)
        if (strcmp(type->fields[i].name, key) == 0)
            return true;
    return false;
}

static bool row_has(const KeyRow *row, const char *key) {
    size_t n = strlen(key);
    for (const char *at = row->words; *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == n && strncmp(at, key, n) == 0)
            return true;
    return false;
}

/* All that the files of the golden cases say, in one text. */
static char *all_cases(void) {
    AUTO_FREE char *root = test_source("tests/golden/foreign");
    struct dirent **entries;
    Buf all;
    int n = scandir(root, &entries, NULL, alphasort);
    buf_init(&all, TEXT_MAX);
    for (int i = 0; i < n; i++) {
        AUTO_FREE char *folder = xasprintf("%s/%s", root, entries[i]->d_name), *text = NULL;
        AUTO_FREE char *file = main_file(folder), *client = xasprintf("%s/client.env", folder),
                       *more = NULL;
        AUTO_FREE char *settings = xasprintf("%s/.overmind.env", folder), *set = NULL;
        if (file && file_read(file, TEXT_MAX, &text, NULL, NULL) == 0)
            buf_printf(&all, "%s\n", text);
        if (file_read(client, TEXT_MAX, &more, NULL, NULL) == 0)
            buf_printf(&all, "%s\n", more);
        if (file_read(settings, TEXT_MAX, &set, NULL, NULL) == 0)
            buf_printf(&all, "%s\n", set);
        free(entries[i]);
    }
    free(entries);
    return buf_take(&all);
}

static void check_row(const KeyRow *row, const char *cases, const char *page) {
    for (const char *at = row->words; *at; at += strcspn(at, " "), at += *at == ' ') {
        AUTO_FREE char *key = xstrndup(at, strcspn(at, " "));
        AUTO_FREE char *written = xasprintf("%s:", key), *named = xasprintf("`%s`", key);
        const PcKey *known = pc_key(row->type, key);
        if (!type_has(row->type, key))
            test_fail(__FILE__, __LINE__, "%s is not known", key);
        if ((known ? known->fate : PC_WORKS) != row->fate)
            test_fail(__FILE__, __LINE__, "%s has another fate", key);
        if (!strstr(cases, written))
            test_fail(__FILE__, __LINE__, "no case has %s", key);
        if (!strstr(page, named))
            test_fail(__FILE__, __LINE__, "docs/migrate.md does not name %s", key);
    }
}

TEST(every_key_of_process_compose_has_one_fate_a_case_and_a_word_in_the_docs)
{
    AUTO_FREE char *cases = all_cases(), *page = NULL, *path = test_source("docs/migrate.md");
    static const Type *const types[] = {&type_pc_project,      &type_pc_shell,    &type_pc_process,
                                        &type_pc_availability, &type_pc_probe,    &type_pc_http,
                                        &type_pc_shutdown,     &type_pc_schedule, &type_pc_watch};
    Err err;
    ASSERT(file_read(path, TEXT_MAX, &page, NULL, &err) == 0);
    for (size_t i = 0; i < COUNT(pc_rows); i++)
        check_row(&pc_rows[i], cases, page);
    for (size_t t = 0; t < COUNT(types); t++)
        for (size_t f = 0; f < types[t]->field_n; f++) {
            const Field *field = &types[t]->fields[f];
            int rows = 0;
            for (size_t i = 0; i < COUNT(pc_rows); i++)
                rows += pc_rows[i].type == types[t] && row_has(&pc_rows[i], field->name);
            bool key = !(field->flags & (FIELD_KEY | FIELD_INTERNAL));
            if (rows != key)
                test_fail(__FILE__, __LINE__, "%s.%s is in %d rows", types[t]->name, field->name,
                          rows);
        }
}

TEST(every_switch_of_overmind_has_a_case_and_a_word_in_the_docs)
{
    static const char all[] =
        " PROCFILE PORT PORT_STEP NO_PORT FORMATION FORMATION_PORT_STEP PROCESSES "
        "IGNORED_PROCESSES CAN_DIE ANY_CAN_DIE AUTO_RESTART STOP_SIGNALS TIMEOUT SHELL ENV "
        "SKIP_ENV SOCKET NETWORK TITLE COLORS SHOW_TIMESTAMPS DAEMONIZE TMUX_CONFIG CONTROL_MODE ";
    AUTO_FREE char *cases = all_cases(), *page = NULL, *path = test_source("docs/migrate.md");
    size_t n = 0;
    Err err;
    ASSERT(file_read(path, TEXT_MAX, &page, NULL, &err) == 0);
    for (const ProcfileSwitch *s = procfile_switches; s->name; s++, n++) {
        AUTO_FREE char *word = xasprintf(" %s ", s->name),
                       *set = xasprintf("OVERMIND_%s=", s->name);
        AUTO_FREE char *named = xasprintf("`OVERMIND_%s`", s->name);
        CHECK_HAS(all, word);
        CHECK_HAS(page, named);
        if (strcmp(s->name, "PROCFILE") != 0) /* which file is read: tests/e2e/test_procfile.py */
            CHECK_HAS(cases, set);
    }
    CHECK_EQ(n, 24);
}
